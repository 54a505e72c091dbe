"""Whether the name of an address leads back to it, and what mail filters hold against a name.

A verdict says what was found and never more: where nobody answered, nothing is known. What is found arrives as values;
who is asked, and how often, is decided in `client` and above.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.values import format_address
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptrd.records.management import Address


class Verdict(StrEnum):
    """What is known of one name of one address."""

    CONFIRMED = "confirmed"  # it leads back to the address
    NO_NAME = "no_name"  # it does not exist
    NO_ADDRESS = "no_address"  # it exists, without an address of that family
    ELSEWHERE = "elsewhere"  # it leads to addresses, and to others only
    NO_ANSWER = "no_answer"  # timeout, SERVFAIL, REFUSED: nothing is known
    BROKEN_ALIAS = "broken_alias"  # a chain of CNAMEs loops, or ends in nothing


class Outcome(StrEnum):
    """What asking for the addresses of a name came to."""

    ADDRESSES = "addresses"
    NO_DATA = "no_data"
    NO_NAME = "no_name"
    FAILED = "failed"  # an answer came, and says that there is none
    SILENT = "silent"  # no answer came
    ALIAS_LOOP = "alias_loop"


class Found(NamedTuple):
    """What a name leads to. `chain` has the names that CNAMEs lead through, the last one last, with final dots."""

    outcome: Outcome
    addresses: tuple[Address, ...] = ()
    chain: tuple[str, ...] = ()
    said: str = ""  # for people: who answered what, where nothing is known


class Finding(NamedTuple):
    """A verdict with its reason, for an operator. `name` has its final dot; `leads_to` is texts."""

    name: str
    verdict: Verdict
    sentence: str
    leads_to: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


_FAMILY: Final = {4: "A", 6: "AAAA"}
_DIGITS: Final = re.compile(r"[0-9]+")
_SEPARATORS: Final = re.compile(r"[-_.]")
_LETTERS: Final = re.compile(r"[a-z]+")
_COUNTED_HOST: Final = re.compile(r"(?:host[-_]|ip[-_]?)[0-9][-_0-9]*")
_NUMBERS: Final = re.compile(r"[-_0-9]+")
# What providers write into the names that they give to everybody; mail filters look for just these words.
_WORDS: Final = frozenset(
    """adsl broadband cable client clients cpe cust customer customers dhcp dial dialin dialup dip dsl dyn dynamic dynip
    ftth gprs lte mobile pool pools ppp pppoe residential sdsl unassigned vdsl wlan xdsl
    """.split()  # noqa: SIM905 - a list of thirty quoted words says the same, less legibly
)
# Without six hexadecimal digits on end, three numbers, or three pairs of digits, no IPv4 address is written in a name.
_ROOM_FOR_V4: Final = re.compile(r"[0-9a-f]{6}|[0-9][^0-9]+[0-9]+[^0-9]+[0-9]|[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}")
_HOST_NIBBLES: Final = 12  # so many of the last nibbles of an IPv6 address in a label are no chance
_SEVERITY: Final = tuple(Verdict(name) for name in (
    "no_name", "broken_alias", "no_address", "elsewhere", "no_answer", "confirmed",
))  # fmt: skip


def judge(address: Address, name: str, found: Found) -> Finding:
    """Say whether a name leads back to an address, from what asking for its addresses came to."""
    name = name if name.endswith(".") else name + "."
    qtype = _FAMILY[address.version]
    through = f" through {', '.join(found.chain)}" if found.chain else ""
    leads_to = tuple(map(str, found.addresses)) if found.addresses else found.chain
    outcome = found.outcome
    if outcome is Outcome.ADDRESSES and not found.addresses:
        outcome = Outcome.NO_DATA
    if outcome is Outcome.ADDRESSES and address in found.addresses:
        return Finding(name, Verdict.CONFIRMED, "", leads_to, _remarks(address, name, found.chain))
    if outcome is Outcome.ADDRESSES:
        verdict = Verdict.ELSEWHERE
        sentence = f"{name} leads{through} to {_list(leads_to)}, not to {address}"
    elif outcome in {Outcome.FAILED, Outcome.SILENT}:
        verdict = Verdict.NO_ANSWER
        sentence = f"nothing is known of {name}: {found.said or 'nobody answered'}"
    elif outcome is Outcome.ALIAS_LOOP:
        verdict = Verdict.BROKEN_ALIAS
        sentence = f"{name} is an alias (CNAME) that never ends{': it leads' + through if through else ''}"
    elif found.chain:
        verdict = Verdict.BROKEN_ALIAS
        nothing = "does not exist" if outcome is Outcome.NO_NAME else f"has no {qtype} record"
        sentence = f"{name} is an alias (CNAME) for {_list(found.chain)}, and {found.chain[-1]} {nothing}"
    elif outcome is Outcome.NO_NAME:
        verdict, sentence = Verdict.NO_NAME, f"{name} does not exist"
    else:
        verdict, sentence = Verdict.NO_ADDRESS, f"{name} has no {qtype} record"
    return Finding(name, verdict, sentence, leads_to, _remarks(address, name, ()))


def advice(address: Address, finding: Finding) -> str:
    """Say what an operator can do about a finding; empty when it is confirmed without remarks."""
    record = f"{finding.name} {_FAMILY[address.version]} {address}"
    if finding.verdict is Verdict.NO_ANSWER:
        return "ask again later, or another resolver; look whether the servers of its zone answer"
    if finding.verdict is Verdict.BROKEN_ALIAS:
        return f"mend the alias, or replace it by {record}"
    if finding.verdict is not Verdict.CONFIRMED:
        return f"publish {record}, or give the address a name that leads to it"
    return "give the address a name of its own that says what it does" if finding.remarks else ""


def worst(findings: Iterable[Finding]) -> Finding:
    """Give the finding that stands for a record of several names, which is confirmed when all of them are.

    What is known to be wrong goes before what is not known. Raises ValueError when there is none.
    """
    return min(findings, key=lambda finding: (_SEVERITY.index(finding.verdict), not finding.remarks))


def looks_generic(address: Address, name: str) -> str:
    """Give the reason why a mail filter takes a name for one that everybody gets, or an empty text.

    It is the address written into the name, or a word of access networks in a label before the last two, which are
    somebody's domain. It is a guess, as the filters' own is.
    """
    text = name.lower().removesuffix(".")
    written = _holds_v4(address.number, text) if address.version == 4 else _holds_v6(address.number, text)
    if written:
        return f"{name} holds the address itself, as names of dial-up hosts do"
    labels = text.split(".")[:-2]
    for label in labels:
        for word in _LETTERS.findall(label):
            if word in _WORDS:
                return f"{name} holds the word {word!r}, as names of access networks do"
    if labels and _NUMBERS.fullmatch(labels[0]):
        return f"{name} begins with a mere number, as names that were counted out do"
    if labels and _COUNTED_HOST.fullmatch(labels[0]):
        return f"{name} begins with a counted {labels[0]!r}, as names that were made for everybody do"
    return ""


def _remarks(address: Address, name: str, chain: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    if chain:
        found.append(f"{name} is an alias (CNAME) for {_list(chain)}; some mail servers distrust that in a host's name")
    if name.count(".") < 2:
        found.append(f"{name} is no full name: mail servers expect a host in a domain")
    if "_" in name:
        found.append(f"{name} holds an underscore, which no host name may (RFC 1123, 2.1)")
    generic = looks_generic(address, name)
    return (*found, generic) if generic else tuple(found)


def _list(texts: tuple[str, ...]) -> str:
    shown = ", ".join(texts[:8])
    return shown if len(texts) <= 8 else f"{shown} and {len(texts) - 8} more"


def _holds_v4(number: int, text: str) -> bool:
    """Tell whether a name holds an IPv4 address: its octets, three of them in one label, or it joined; either way."""
    if not _ROOM_FOR_V4.search(text):
        return False
    octets = list(number.to_bytes(4, "big"))
    groups = _DIGITS.findall(text)
    for order in (octets, octets[::-1]):
        joined = "".join(map(str, order))
        if any(
            spelled in text
            for spelled in (
                bytes(order).hex(),
                "-".join(f"{octet:02x}" for octet in order),
                "".join(f"{octet:03}" for octet in order),
            )
        ) or (len(joined) > 5 and joined in groups):
            return True
        if _runs(order, groups) or any(
            _runs(part, _DIGITS.findall(label)) for label in text.split(".") for part in (order[1:], order[:-1])
        ):
            return True
    return str(number) in groups and number > 0xFFFF


def _runs(wanted: list[int], groups: list[str]) -> bool:
    """Tell whether these octets stand one after the other."""
    numbers = [int(group) if len(group) <= 3 else -1 for group in groups]
    return any(numbers[at : at + len(wanted)] == wanted for at in range(len(numbers) - len(wanted) + 1))


def _holds_v6(number: int, text: str) -> bool:
    """Tell whether a name holds an IPv6 address: all nibbles or the last, in groups or joined, shortened, reversed."""
    nibbles = f"{number:0{BITS[6] // 4}x}"
    if nibbles[::-1] in _SEPARATORS.sub("", text):
        return True
    groups = "-".join(nibbles[at : at + 4].lstrip("0") or "0" for at in range(0, 32, 4))
    left, gap, right = format_address(6, number).replace(":", "-").partition("--")
    short = re.compile(rf"{left or 0}(?:-0)?{gap}(?:{right or '0?'})(?![0-9a-f])") if gap else None
    for label in text.split("."):
        if nibbles[-_HOST_NIBBLES:] in _SEPARATORS.sub("", label) or groups in label:
            return True
        if short is not None and short.search(label):
            return True
    return False
