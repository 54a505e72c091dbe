"""Access lists: prefixes of clients, each with what becomes of a query from there.

Of all prefixes that hold a client the longest decides. One that no prefix holds is answered, unless some prefixes are
allowed: then it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptrd.records.model import Prefix

ALLOW, REFUSE, DROP = 0, 1, 2
ABSENT: Final = 3  # there is nothing to answer from, for anybody
VERDICTS: Final = ("allow", "refuse", "drop")  # as operators write them

Rule = tuple[int, int, int, int]  # version, number, length of a prefix; verdict


class AccessList:
    """Rules, ready to be asked."""

    __slots__ = ("_default", "_lengths", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._default = REFUSE if any(rule[3] == ALLOW for rule in self.rules) else ALLOW
        found: dict[int, dict[int, dict[int, int]]] = {4: {}, 6: {}}
        for version, number, length, verdict in self.rules:
            found[version].setdefault(length, {})[number >> BITS[version] - length] = verdict
        self._lengths = {version: sorted(by_length.items(), reverse=True) for version, by_length in found.items()}

    def decide(self, version: int, number: int) -> int:
        """Give the verdict on a client's address."""
        bits = BITS[version]
        for length, prefixes in self._lengths[version]:
            verdict = prefixes.get(number >> bits - length)
            if verdict is not None:
                return verdict
        return self._default


def rule_of(prefix: Prefix, verdict: int) -> Rule:
    """Make a rule."""
    return prefix.version, prefix.number, prefix.length, verdict
