"""Failed logins, counted by where they come from: each one more makes that source wait longer.

The memory is fixed, the longest untouched source goes first. An IPv6 source is its /64, which is one customer's. Who
comes from another source is not slowed.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Final

from ptrd.control.actors import Code, ControlError

if TYPE_CHECKING:
    from collections.abc import Iterator

FREE: Final = 5  # failures that cost no time
AT_A_TIME: Final = 8
LONGEST: Final = 300.0  # seconds to wait
FORGOTTEN: Final = 900.0  # seconds after the last failure, and after the wait
_SOURCES: Final = 10_000


class Throttle:
    """Knows the sources of failures."""

    def __init__(self) -> None:
        self._sources = OrderedDict[str, tuple[int, float]]()  # failures, and until when to wait
        self._trying = Counter[str]()

    def check(self, source: str, now: float) -> None:
        """Let a source try. Raises ControlError (THROTTLED) while it has to wait."""
        _, until = self._sources.get(_key(source), (0, 0.0))
        if now < until:
            raise ControlError(
                Code.THROTTLED,
                f"too many failed logins from this address; try again in {ceil(until - now)} seconds",
                retry_after=until - now,
            )

    @contextmanager
    def trying(self, source: str) -> Iterator[None]:
        """Count what a source tries at a time. Raises ControlError (THROTTLED) when it is too much."""
        key = _key(source)
        if self._trying[key] >= AT_A_TIME:
            raise ControlError(Code.THROTTLED, "too many logins at a time from this address; try again in a second")
        self._trying[key] += 1
        try:
            yield
        finally:
            self._trying[key] -= 1
            if not self._trying[key]:
                del self._trying[key]

    def fail(self, source: str, now: float) -> None:
        """Note a failure: from the sixth on the next try has to wait 1, 2, 4 … up to 300 seconds."""
        key = _key(source)
        failures, until = self._sources.get(key, (0, 0.0))
        if now > until + FORGOTTEN:
            failures = 0
        failures += 1
        wait = 0.0 if failures <= FREE else min(2.0 ** min(failures - FREE - 1, 20), LONGEST)
        self._sources[key] = failures, max(until, now + wait)
        self._sources.move_to_end(key)
        if len(self._sources) > _SOURCES:
            self._sources.popitem(last=False)


def _key(source: str) -> str:
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source[:64]
    if address.version == 6:
        mapped = address.ipv4_mapped
        return str(mapped) if mapped is not None else str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return source
