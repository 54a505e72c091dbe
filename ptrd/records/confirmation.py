"""What is known of the names of one managed record: whether all of them lead back to its address, and since when.

A look that got no answer takes nothing away at once: what was known stays, with its time, until it is too old to count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.trust import Verdict, advice, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrd.records.management import Address
    from ptrd.records.trust import Finding

UNCHECKED: Final = "unchecked"  # in place of a verdict, where nobody has looked yet
UNCONFIRMED: Final = "unconfirmed"  # in a question: any verdict but confirmed


class Confirmation(NamedTuple):
    """What is known of a record with these names; `checked` is Unix time."""

    names: tuple[str, ...]  # with final dots
    verdict: Verdict  # of the worst of them
    sentence: str  # why it is not confirmed, and what to do; empty when it is
    remarks: tuple[str, ...]  # what mail servers may distrust all the same
    checked: float  # when that was found
    note: str = ""  # about a later look that got no answer

    @property
    def reason(self) -> str:
        """Give all that a person should read of it."""
        return "; ".join(filter(None, (self.sentence, self.note)))


def sum_up(address: Address, names: tuple[str, ...], findings: Sequence[Finding], now: float) -> Confirmation:
    """Make one of the findings about each name: a record is confirmed when all its names are."""
    finding = worst(findings)
    sentence = ""
    if finding.verdict is not Verdict.CONFIRMED:
        sentence = f"{finding.sentence}; {advice(address, finding)}"
    remarks = tuple(dict.fromkeys(remark for one in findings for remark in one.remarks))
    return Confirmation(names, finding.verdict, sentence, remarks, now)


def renew(old: Confirmation | None, new: Confirmation, written_now: str, *, keep: float) -> Confirmation:
    """Say what is known after another look: the new finding, unless it is no answer and the old one still counts.

    That is what was found about the same names in the last `keep` seconds; it says then that nobody answered at
    `written_now`.
    """
    if new.verdict is not Verdict.NO_ANSWER or old is None or old.names != new.names:
        return new
    if old.verdict is Verdict.NO_ANSWER or new.checked - old.checked > keep:
        return new
    return old._replace(note=f"nobody answered when it was looked at again, {written_now}")
