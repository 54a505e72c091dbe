"""The options at work: what is remembered of clients, and their limits; one for each worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.engine.clients import Client, Judge
from ptrd.engine.edns import fit_opt
from ptrd.engine.limiter import Limiter
from ptrd.wire.tsig import make_keyring

if TYPE_CHECKING:
    from ptrd.engine.options import Options
    from ptrd.snapshot.view import Snapshot
    from ptrd.wire.message import Edns

REMEMBERED: Final = 16384  # hosts
_SHAPES: Final = 512  # of OPT records


class Service:
    """What `respond` goes by. `known` holds what is remembered of hosts, and is emptied when it is full.

    `fitted` holds what answers an OPT record of version 0 without options: our own, and the most bytes over UDP.

    `table` holds limiter.WORDS u64, which workers share; without it nothing is limited.
    """

    __slots__ = ("_notified", "fitted", "judge", "keys", "known", "limiter", "options")

    def __init__(self, options: Options, table: memoryview | None = None, secret: bytes = b"") -> None:
        self.options = options
        self.known: dict[str, Client] = {}
        self.fitted: dict[Edns, tuple[bytes, int]] = {}
        self.limiter = Limiter(options, table, secret)
        self._notified: set[bytes] = set()
        self.keys = make_keyring(options.keys)
        self.judge: Final = Judge(options, limits=table is not None)

    def learn(self, host: str) -> Client:
        """Work out what is known of the host of a socket address, and remember it."""
        if len(self.known) >= REMEMBERED:
            self.known.clear()
        client = self.known[host] = self.judge.judge(host)
        return client

    def fit(self, edns: Edns) -> tuple[bytes, int]:
        """Work out what answers an OPT record without its options, and remember it when there are none."""
        fitted = fit_opt(self.options.udp_size, edns.udp_size, edns.dnssec_ok)
        if not edns.options:
            if len(self.fitted) >= _SHAPES:
                self.fitted.clear()
            self.fitted[edns] = fitted
        return fitted

    def note_notified(self, origin: bytes) -> None:
        """Remember that a primary says that a zone has changed."""
        self._notified.add(origin)

    def take_notified(self) -> set[bytes]:
        """Give the zones that primaries have spoken of since the last call."""
        found = self._notified
        if found:
            self._notified = set()
        return found

    def take_news(self, snapshot: Snapshot) -> list[str]:
        """Give a sentence for each bucket that came to its limit since the last call."""
        return self.limiter.take_news(snapshot)
