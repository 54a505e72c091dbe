"""The options at work: what is remembered of clients, and their limits; one for each worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.engine.clients import Client, Judge
from ptrd.engine.limiter import Limiter
from ptrd.wire.tsig import make_keyring

if TYPE_CHECKING:
    from ptrd.engine.options import Options
    from ptrd.snapshot.view import Snapshot

REMEMBERED: Final = 16384  # hosts


class Service:
    """What `respond` goes by. `known` holds what is remembered of hosts, and is emptied when it is full.

    `table` holds limiter.WORDS u64, which workers share; without it nothing is limited.
    """

    __slots__ = ("_notified", "judge", "keys", "known", "limiter", "options")

    def __init__(self, options: Options, table: memoryview | None = None, secret: bytes = b"") -> None:
        self.options = options
        self.known: dict[str, Client] = {}
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
