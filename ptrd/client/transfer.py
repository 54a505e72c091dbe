"""Zones fetched from other name servers: AXFR (RFC 5936), IXFR (RFC 1995), and the SOA by itself, signed or not.

Memory is bounded by one message: what came is handed on before the next is read. What was handed on counts only when
the iteration ends without an error, since signatures (RFC 8945) and the closing SOA come last. Every error is a
ClientError that says which server, which zone, and what to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig

from ptrd.client.endpoints import ClientError
from ptrd.client.envelopes import Envelope, EnvelopeError, read_envelope, read_signature
from ptrd.client.sequence import Batch, Sequence, SequenceError
from ptrd.wire.names import format_name
from ptrd.wire.rrtypes import AXFR, FORMERR, IN, IXFR, NOERROR, NOTIMP, REFUSED, SOA

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ptrd.client.endpoints import Endpoint
    from ptrd.records.received import Record
    from ptrd.records.transfer import Key

__all__ = ["Batch", "Limits", "Tls", "TransferRefused", "Unreachable", "ask_soa", "fetch_changes", "fetch_zone"]

_NOTAUTH: Final = 9
_RESPONSE, _TRUNCATED, _AUTHORITATIVE = 0x8000, 0x0200, 0x0400
_OPCODE: Final = 0x7800
_MAX_UNSIGNED: Final = 99  # messages in a row, RFC 8945, 5.3.1
_UDP_TRIES: Final = 3
_TSIG_ERRORS: Final = {
    dns.tsig.PeerBadKey: "does not know the key {key}; give both servers the same `keys`",
    dns.tsig.PeerBadSignature: "says that the signature by {key} is wrong: the secrets differ",
    dns.tsig.PeerBadTime: "says that the signature by {key} is of another time: set the clocks of both machines",
    dns.tsig.BadTime: "signs with the time of another clock: set the clocks of both machines",
    dns.tsig.BadKey: "signs with another key than {key}",
    dns.tsig.BadAlgorithm: "signs with another algorithm than {key} has",
    dns.tsig.BadSignature: "signs wrongly: its secret of {key} differs from ours, or somebody altered the message",
}


class Unreachable(ClientError):  # noqa: N818 - it reads as what it is
    """The server cannot be reached, or fell silent."""


class TransferRefused(ClientError):  # noqa: N818 - the same
    """The server answered, and will not give the zone."""


class _NotIncrementalError(TransferRefused):
    """The server knows no IXFR."""


class Limits(NamedTuple):
    """How long to wait, in seconds, and how much to take: to connect, for one message, in all; bytes in all."""

    connect: float = 10.0
    idle: float = 30.0
    total: float = 7200.0
    size: int = 4 << 30


LIMITS: Final = Limits()


class Tls(NamedTuple):
    """Zone transfer over TLS (RFC 9103): the context decides whom to trust, the name is what the certificate is for."""

    context: ssl.SSLContext
    server_name: str


async def fetch_zone(
    endpoint: Endpoint, zone: bytes, key: Key | None = None, *, limits: Limits = LIMITS, tls: Tls | None = None
) -> AsyncGenerator[Batch, None]:
    """Fetch a whole zone by AXFR, in batches of the kind WHOLE. `zone` is in lower case. Raises ClientError."""
    async for batch in _fetch(_Question(endpoint, zone, key, None), limits, tls):
        yield batch


async def fetch_changes(
    endpoint: Endpoint,
    zone: bytes,
    serial: int,
    key: Key | None = None,
    *,
    limits: Limits = LIMITS,
    tls: Tls | None = None,
) -> AsyncGenerator[Batch, None]:
    """Fetch what changed since a version of a zone, by IXFR over TCP.

    Gives pairs of REMOVED and ADDED, or the whole zone (WHOLE) if the server has no differences or knows no IXFR, or
    nothing when it has nothing newer. Raises ClientError, also when the server's serial is before this one.
    """
    try:
        async for batch in _fetch(_Question(endpoint, zone, key, serial), limits, tls):
            yield batch
    except _NotIncrementalError:
        async for batch in _fetch(_Question(endpoint, zone, key, serial, AXFR), limits, tls):
            yield batch


async def ask_soa(
    endpoint: Endpoint, zone: bytes, key: Key | None = None, *, limits: Limits = LIMITS, tls: Tls | None = None
) -> Record:
    """Ask a server for a zone's SOA, over UDP and if need be TCP (over TLS where that is wanted). Raises ClientError.

    `sequence.serial_of` reads the serial of what is given.
    """
    question = _Question(endpoint, zone, key, None, SOA)
    if tls is None:
        for _ in range(_UDP_TRIES):
            with contextlib.suppress(TimeoutError):
                envelope = question.read(await _ask_udp(question, min(limits.connect, limits.idle) / _UDP_TRIES))
                question.forget()
                if not envelope.flags & _TRUNCATED:
                    return _soa_of(question, envelope)
                break
        else:
            raise Unreachable(f"{endpoint} does not answer when it is asked for the SOA of {question.zone_text}")
    async for envelope in _messages(question, limits, tls):
        return _soa_of(question, envelope)
    raise Unreachable(f"{endpoint} ended before it answered for {question.zone_text}")  # pragma: no cover


async def _fetch(question: _Question, limits: Limits, tls: Tls | None) -> AsyncGenerator[Batch, None]:
    sequence = Sequence(question.zone, question.serial)
    async with contextlib.aclosing(_messages(question, limits, tls)) as messages:
        async for envelope in messages:
            try:
                batches = sequence.feed(envelope.records)
                sequence.end_of_message()
            except SequenceError as error:
                raise ClientError(f"{question.what} cannot be used: {error}") from None
            for batch in batches:
                yield batch
            if sequence.done:
                question.finish()
                return


async def _messages(question: _Question, limits: Limits, tls: Tls | None) -> AsyncGenerator[Envelope, None]:
    """Give one message after the other, each checked; it is the caller who knows when they are at their end."""
    endpoint = question.endpoint
    deadline = asyncio.get_running_loop().time() + limits.total
    secure = {} if tls is None else {"ssl": tls.context, "server_hostname": tls.server_name}
    try:
        async with asyncio.timeout(limits.connect):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, **secure)  # type: ignore[arg-type]
    except TimeoutError:
        raise Unreachable(f"{endpoint} cannot be reached within {limits.connect:g} s") from None
    except OSError as error:
        raise Unreachable(f"{endpoint} cannot be reached: {_reason(error)}") from None
    taken = 0
    try:
        wire = question.make()
        writer.write(len(wire).to_bytes(2, "big") + wire)
        while True:
            try:
                async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + limits.idle)):
                    await writer.drain()
                    size = int.from_bytes(await reader.readexactly(2), "big")
                    data = await reader.readexactly(size)
            except TimeoutError:
                late = asyncio.get_running_loop().time() >= deadline
                how = f"is not done after {limits.total:g} s" if late else f"stalled for {limits.idle:g} s"
                raise Unreachable(f"{question.what} {how}") from None
            except asyncio.IncompleteReadError:
                raise ClientError(f"{question.what} ended in the middle: the server closed the connection") from None
            except OSError as error:
                raise ClientError(f"{question.what} ended in the middle: {_reason(error)}") from None
            taken += 2 + size
            if taken > limits.size:
                raise ClientError(f"{question.what} is longer than {limits.size} bytes, which is all that is taken")
            yield question.read(data)
    finally:
        writer.transport.abort()


class _Question:
    """What is asked of whom, and whether what comes back answers it."""

    def __init__(
        self, endpoint: Endpoint, zone: bytes, key: Key | None, serial: int | None, rtype: int | None = None
    ) -> None:
        self.endpoint = endpoint
        self.zone = zone
        self.zone_text = format_name(zone)
        self.serial = serial
        self.rtype = rtype if rtype is not None else AXFR if serial is None else IXFR
        name = {AXFR: "the transfer", IXFR: "the transfer of changes", SOA: "the SOA"}[self.rtype]
        self.what = f"{name} of {self.zone_text} from {endpoint}"
        self._key = key
        self._identity = -1
        self._request_mac = b""
        self.forget()

    def forget(self) -> None:
        """Begin anew, on another connection."""
        self._context: object = None
        self._unsigned = 0
        self._is_first = True

    def make(self) -> bytes:
        """Make the message, signed if there is a key."""
        query = dns.message.make_query(
            dns.name.from_wire(self.zone, 0)[0], dns.rdatatype.RdataType.make(self.rtype), dns.rdataclass.IN, flags=0
        )
        if self.rtype == IXFR:  # RFC 1995, 3
            soa = dns.rdata.from_text("IN", "SOA", f". . {self.serial} 0 0 0 0")
            query.authority.append(dns.rrset.from_rdata(query.question[0].name, 0, soa))
        if self._key is not None:
            query.use_tsig(_keyring(self._key))
        wire = query.to_wire()
        self._identity = query.id
        self._request_mac = query.mac or b""
        return wire

    def is_answer(self, data: bytes) -> bool:
        """Tell whether a datagram claims to answer what was asked."""
        return len(data) >= 12 and int.from_bytes(data[:2], "big") == self._identity and bool(data[2] & 0x80)

    def read(self, data: bytes) -> Envelope:
        """Read one message of the answer, check its signature, then what it says. Raises ClientError."""
        try:
            envelope = read_envelope(data)
        except EnvelopeError as error:
            raise ClientError(f"{self.what} cannot be read: {error}") from None
        if envelope.identity != self._identity or not envelope.flags & _RESPONSE or envelope.flags & _OPCODE:
            raise ClientError(f"{self.what} cannot be read: a message answers something else")
        self._verify(data, envelope)
        self._check_rcode(envelope)
        if envelope.question not in {(self.zone, self.rtype, IN), None} or (self._is_first and not envelope.question):
            raise ClientError(f"{self.what} cannot be read: a message answers another question")
        if self.rtype == SOA and not envelope.flags & _AUTHORITATIVE:  # Knot does not set it in transfers
            raise TransferRefused(f"{self.endpoint} is not authoritative for {self.zone_text}; ask a server that is")
        if envelope.flags & _TRUNCATED and self.rtype != SOA:
            raise ClientError(f"{self.what} cannot be read: a message is truncated")
        self._is_first = False
        return envelope

    def finish(self) -> None:
        """Check that the last message was signed. Raises ClientError."""
        if self._unsigned:
            raise ClientError(f"{self.what} is not to be trusted: its last message is not signed")

    def _verify(self, data: bytes, envelope: Envelope) -> None:
        key = self._key
        if key is None:
            if envelope.signed_at >= 0:
                raise ClientError(f"{self.what} is signed, and no key was given for it")
            return
        if envelope.signed_at < 0:
            # An unsigned refusal is believed: that only ever costs a transfer, which others could prevent anyway.
            if self._is_first:
                self._check_rcode(envelope)
                raise ClientError(f"{self.what} is not to be trusted: it is not signed by {self._key_text}")
            self._unsigned += 1
            if self._unsigned > _MAX_UNSIGNED:
                raise ClientError(f"{self.what} is not to be trusted: over {_MAX_UNSIGNED} messages are not signed")
            self._context.update(data)  # type: ignore[attr-defined]  # what dns.tsig.validate gave
            return
        owner, start, end = read_signature(data, envelope.signed_at)
        ring = _keyring(key)
        try:
            rdata = dns.rdata.from_wire(dns.rdataclass.ANY, dns.rdatatype.TSIG, data, start, end - start)
            name = dns.name.from_wire(owner, 0)[0]
            self._context = dns.tsig.validate(  # type: ignore[no-untyped-call]
                data,
                ring,
                name,
                rdata,
                int(time.time()),
                self._request_mac,
                envelope.signed_at,
                self._context,
                multi=True,
            )
        except tuple(_TSIG_ERRORS) as error:
            sentence = _TSIG_ERRORS[type(error)].format(key=self._key_text)
            raise TransferRefused(f"{self.endpoint} {sentence} ({self.zone_text})") from None
        except Exception as error:  # noqa: BLE001 - whatever a library raises over a stranger's bytes
            reason = str(error) or type(error).__name__
            raise ClientError(f"{self.what} is not to be trusted: its signature cannot be read: {reason}") from None
        self._unsigned = 0

    def _check_rcode(self, envelope: Envelope) -> None:
        rcode = envelope.rcode
        if rcode == NOERROR:
            return
        if rcode == REFUSED:
            allow = f"the key {self._key_text}" if self._key else "this machine's address, or use a key"
            sentence = f"{self.endpoint} refuses {self.zone_text}: allow {allow}"
        elif rcode == _NOTAUTH:
            sentence = f"{self.endpoint} is not authoritative for {self.zone_text}; ask a server that is"
        else:
            sentence = f"{self.endpoint} answers {dns.rcode.to_text(dns.rcode.Rcode(rcode))} for {self.zone_text}"
        if self.rtype == IXFR and self._is_first and rcode in {FORMERR, NOTIMP}:
            raise _NotIncrementalError(sentence)
        raise TransferRefused(sentence)

    @property
    def _key_text(self) -> str:
        return format_name(self._key.name).removesuffix(".") if self._key else ""


class _Datagrams(asyncio.DatagramProtocol):
    """Waits for the answer; whatever else comes is passed over."""

    def __init__(self, question: _Question) -> None:
        self._question = question
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _address: object) -> None:
        """Take what was read."""
        if not self.answer.done() and self._question.is_answer(data):
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        """Take what the kernel learned, such as that nobody listens."""
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _ask_udp(question: _Question, seconds: float) -> bytes:
    """Send the question once. Raises TimeoutError and Unreachable."""
    endpoint = question.endpoint
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: _Datagrams(question), remote_addr=(endpoint.host, endpoint.port)
        )
    except OSError as error:
        raise Unreachable(f"{endpoint} cannot be reached: {_reason(error)}") from None
    try:
        transport.sendto(question.make())
        async with asyncio.timeout(seconds):
            return await protocol.answer
    except TimeoutError:
        raise
    except OSError as error:
        raise Unreachable(f"{endpoint} cannot be reached: {_reason(error)}") from None
    finally:
        transport.abort()


def _soa_of(question: _Question, envelope: Envelope) -> Record:
    for record in envelope.records:
        if record.rtype == SOA and record.owner == question.zone:
            return record
    raise TransferRefused(f"{question.endpoint} has no SOA of {question.zone_text}: it does not serve that zone")


def _keyring(key: Key) -> dns.tsig.Key:
    return dns.tsig.Key(dns.name.from_wire(key.name, 0)[0], key.secret, key.algorithm)


def _reason(error: OSError) -> str:
    """Give the reason without asyncio's own words about it."""
    if isinstance(error, ssl.SSLError) or error.errno is None:
        return error.strerror or str(error) or type(error).__name__
    return os.strerror(error.errno) if error.errno > 0 else str(error)
