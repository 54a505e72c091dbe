"""DNS over TLS (RFC 7858) on a connection of its own port; what is below and above TLS is as over TCP.

A connection is counted, timed and capped from its first byte, so that a handshake that stalls is one more inactive
connection. Handshakes take turns with queries, since each costs as much as hundreds of them. Nothing is kept for a
client before its first record is whole, and little until its handshake is done. What a client does wrong is counted
and never logged.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import ClassVar, Final

from ptrd.metrics.blocks import (
    CLOSED_CLIENT,
    CLOSED_HANDSHAKE,
    CLOSED_MALFORMED,
    CLOSED_NO_QUERY,
    LATENCY_SUM_TLS,
    LATENCY_TLS,
    TLS4,
    TLS6,
)
from ptrd.serve.tcp import SHARE, Connection, Connections
from ptrd.store.certificate import make_context as load_context

TRANSPORT_TLS: Final = 2  # as the engine numbers them
_HANDSHAKE_RECORD: Final = 22  # RFC 8446, 5.1
_RECORD: Final = 16384  # bytes of plain text in a record at most
_HELLO: Final = 16384  # bytes of a handshake, after which it has to be done; an honest one has two thousand


def make_context(certificate: int, key: int) -> ssl.SSLContext:
    """Make what connections take, as `store.certificate` does, with ALPN `dot` (RFC 7858)."""
    return load_context(certificate, key, ["dot"])


class TlsConnection(Connection):
    """One connection with TLS. It takes the context that is current when the client's first record is here."""

    transports: ClassVar = (TLS4, TLS6)
    number: ClassVar = TRANSPORT_TLS
    latency: ClassVar = (LATENCY_TLS, LATENCY_SUM_TLS)

    __slots__ = ("_established", "_hello", "_incoming", "_outgoing", "_session", "_spent")

    def __init__(self, connections: Connections, family: int) -> None:
        super().__init__(connections, family)
        self._session: ssl.SSLObject | None = None
        self._established = False
        self._hello = bytearray()  # received, and waits for a turn
        self._spent = 0  # bytes of the handshake before that
        self._reason = self._patience_over = CLOSED_HANDSHAKE

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read, and decrypt it when the handshake is done."""
        data = self._all.buffer[:nbytes]
        if self._established:
            self._incoming.write(data)
            self._decrypt()
            self._proceed()
            return
        self._hello += data
        if self._session is None and self._hello[0] != _HANDSHAKE_RECORD:
            self._close(CLOSED_HANDSHAKE)
        elif not self.queued and (self._session is not None or _has_record(self._hello)):
            self._wait_for_turn()
            self._all.enqueue(self)

    def answer(self, most: int) -> int:
        """Do what it is the turn of: a step of the handshake, which costs as much as SHARE queries, or answers."""
        if self._established:
            return super().answer(most)
        self.queued = False
        if self._transport.is_closing():
            return 0
        return self._shake_hands()

    def _wait_for_turn(self) -> None:
        """Read nothing more until the handshake has had its turn."""
        self.queued = True
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _shake_hands(self) -> int:
        """Take a step of the handshake, and give its cost in queries."""
        cost = 1
        try:
            if self._session is None:
                self._begin()
            self._incoming.write(self._hello)
            self._spent += len(self._hello)
            self._hello.clear()
            if self._session is not None:
                self._session.do_handshake()
            self._established = True
            self._reason, self._patience_over = CLOSED_CLIENT, CLOSED_NO_QUERY
        except ssl.SSLWantReadError:
            if self._spent > _HELLO:
                self._ended = True
        except (ssl.SSLError, OSError, ValueError):
            self._ended = True
        cost += SHARE * (self._outgoing.pending > 0)
        self._flush()
        if self._established:
            self._decrypt()
        self._proceed(enqueue=False)
        return cost

    def _begin(self) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = self._all.context
        if context is None:
            raise OSError("there is no certificate")
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def _decrypt(self) -> None:
        """Decrypt what has been received, which is at most one read."""
        if self._session is None:
            return
        try:
            while data := self._session.read(_RECORD):
                self._received += data
            self._ended = True  # its close_notify; answers may still be sent (RFC 8446, 6.1)
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLError, OSError, ValueError):  # not what TLS allows
            self._reason = CLOSED_MALFORMED
            self._ended = True
        self._flush()

    def _write(self, data: bytes) -> None:
        """Encrypt and send answers, each with its length before it."""
        if self._session is None:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._session.write(rest) :]
        except (ssl.SSLError, OSError, ValueError):  # the session has failed before
            self.abort(CLOSED_MALFORMED)
            return
        self._flush()

    def _flush(self) -> None:
        """Send what TLS has to say."""
        if self._outgoing.pending and not self._transport.is_closing():
            self._transport.write(self._outgoing.read())

    def _close(self, reason: int) -> None:
        """Say so (RFC 8446, 6.1), and close when the client has taken its answers."""
        if self._established and self._session is not None:
            with contextlib.suppress(
                ssl.SSLError, OSError, ValueError
            ):  # it wants the client's too, which may not come
                self._session.unwrap()
            self._flush()
        super()._close(reason)

    def _forget(self) -> None:
        """Forget what has been received, and the session, which is the larger part."""
        super()._forget()
        self._hello.clear()
        self._session = None


def _has_record(data: bytearray) -> bool:
    """Tell whether the first record is whole (RFC 8446, 5.1)."""
    return len(data) >= 5 and len(data) >= 5 + (data[3] << 8 | data[4])
