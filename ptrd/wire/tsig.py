"""TSIG (RFC 8945): the signature record read strictly, checked, and made, for one message or a row of them.

The digests are dnspython's, which is loaded by who makes a keyring and never before. A stranger's bytes are read here,
byte by byte; nothing that they say is believed before their MAC is right, and MACs are compared in constant time.
"""

from __future__ import annotations

from hmac import compare_digest
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptrd import PtrdError
from ptrd.wire.names import MAX_NAME, format_name, parse_name
from ptrd.wire.rrtypes import TSIG

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FUDGE: Final = 300  # seconds that clocks may differ (RFC 8945, 10), whatever a client would like
NO_ERROR, BADSIG, BADKEY, BADTIME, BADTRUNC = 0, 16, 17, 18, 22  # TSIG errors (RFC 8945, 3)

_FIXED: Final = Struct(">HHIH")
_TIME: Final = Struct(">HIHH")  # high and low part of the time, fudge, size of the MAC
_TAIL: Final = Struct(">HHH")  # original identity, error, length of other data
_CLASS_ANY: Final = 255
_SIZES: Final = {"hmac-sha256": 32, "hmac-sha384": 48, "hmac-sha512": 64}
_LEAST: Final = 10  # bytes that a truncated MAC must have, and half of the whole (RFC 8945, 5.2.2.1)


class TsigError(PtrdError):
    """A TSIG record cannot be read; it means FORMERR."""


class Tsig(NamedTuple):
    """A TSIG record. Names are in lower case; `start` is where it begins in its message."""

    name: bytes
    algorithm: bytes
    time: int
    fudge: int
    mac: bytes
    identity: int
    error: int
    other: bytes
    start: int


class SigningKey:
    """A key that is ready to sign. `room` is how many bytes a signature of it takes."""

    __slots__ = ("_key", "_rdata", "_tsig", "algorithm", "name", "room", "size")

    def __init__(self, name: bytes, algorithm: str, secret: bytes) -> None:
        import dns.name  # noqa: PLC0415 - workers without keys need none of it
        import dns.rdtypes.ANY.TSIG  # noqa: PLC0415 - the same
        import dns.tsig  # noqa: PLC0415 - the same

        self.name = name
        self.algorithm = parse_name(algorithm)
        self.size = _SIZES[algorithm]
        self.room = len(name) + 10 + len(self.algorithm) + 16 + self.size + 6
        wire_name, _ = dns.name.from_wire(name, 0)
        self._key = dns.tsig.Key(wire_name, secret, dns.name.from_text(algorithm))
        self._tsig: Any = dns.tsig
        self._rdata: Any = dns.rdtypes.ANY.TSIG.TSIG

    def digest(
        self,
        message: bytes,
        tsig: Tsig,
        request_mac: bytes,
        context: Any = None,  # noqa: ANN401 - dnspython's own
        *,
        many: bool = False,
    ) -> tuple[bytes, Any]:
        """Give the MAC of a message without its TSIG record, and the context that the next of many goes on from.

        Raises TsigError when the record's fields are such as no server would write.
        """
        _, _, time, fudge, _, identity, error, other, _ = tsig
        try:
            rdata = self._rdata(_CLASS_ANY, TSIG, self._key.algorithm, time, fudge, b"", identity, error, other)
            signed, context = self._tsig.sign(message, self._key, rdata, time, request_mac, context, many)
        except Exception:  # noqa: BLE001 - whatever a library raises over a stranger's bytes means one thing
            raise TsigError("no signature can be computed for it") from None
        return bytes(signed.mac), context


Keyring = dict[bytes, SigningKey]


def make_keyring(keys: Iterable[tuple[bytes, str, bytes]]) -> Keyring:
    """Make keys of (name in wire form and lower case, algorithm, secret) ready, by their names."""
    return {name: SigningKey(name, algorithm, secret) for name, algorithm, secret in keys}


def read_tsig(data: bytes, start: int) -> Tsig:
    """Read the TSIG record that begins at `start` and is the last of a message. Raises TsigError."""
    name, at = _read_name(data, start, pointers=True)
    if at + 10 > len(data):
        raise TsigError("it is cut short")
    rtype, rclass, ttl, length = _FIXED.unpack_from(data, at)
    at += 10
    if rtype != TSIG or rclass != _CLASS_ANY or ttl or at + length != len(data):
        raise TsigError("it is no TSIG record")
    algorithm, at = _read_name(data, at, pointers=False)
    if at + _TIME.size > len(data):
        raise TsigError("it is cut short")
    high, low, fudge, size = _TIME.unpack_from(data, at)
    at += _TIME.size
    mac = data[at : at + size]
    at += size
    if at + _TAIL.size > len(data):
        raise TsigError("it is cut short")
    identity, error, size = _TAIL.unpack_from(data, at)
    at += _TAIL.size
    if at + size != len(data):
        raise TsigError("its other data does not end where it does")
    return Tsig(name, algorithm, high << 32 | low, fudge, mac, identity, error, data[at:], start)


def verify(
    data: bytes, tsig: Tsig, keys: Mapping[bytes, SigningKey], now: float, request_mac: bytes = b""
) -> tuple[int, SigningKey | None]:
    """Check the signature of a message: give a TSIG error or NO_ERROR, and the key when the signature is its own.

    `now` is Unix time; `request_mac` is that of the question when the message is an answer. Raises TsigError for a MAC
    of a size that none may have (RFC 8945, 5.2.2.1).
    """
    key = keys.get(tsig.name)
    if key is None or key.algorithm != tsig.algorithm:
        return BADKEY, None
    if not max(_LEAST, key.size // 2) <= len(tsig.mac) <= key.size:
        raise TsigError("its MAC has a wrong size")
    mac, _ = key.digest(_without(data, tsig), tsig, request_mac)
    if not compare_digest(mac[: len(tsig.mac)], tsig.mac):
        return BADSIG, None
    if len(tsig.mac) < key.size:
        return BADTRUNC, key
    if abs(now - tsig.time) > min(tsig.fudge, FUDGE):
        return BADTIME, key
    return NO_ERROR, key


def sign(message: bytes, key: SigningKey, now: float, request: Tsig | None = None, error: int = NO_ERROR) -> bytes:
    """Sign one message; `request` is the TSIG record of the question that it answers, `error` what was wrong with it.

    BADTIME says what time it is here, in a message of the client's time (RFC 8945, 5.2.3).
    """
    tsig = _blank(message, key, now)
    if request is not None and error == BADTIME:
        tsig = tsig._replace(time=request.time, error=error, other=int(now).to_bytes(6, "big"))
    elif error:
        tsig = tsig._replace(error=error)
    mac, _ = key.digest(message, tsig, b"" if request is None else request.mac)
    return add_tsig(message, tsig._replace(mac=mac))


def answer_unsigned(message: bytes, request: Tsig, error: int) -> bytes:
    """Tell in an unsigned TSIG record that there is no such key, or that the signature is wrong (RFC 8945, 5.3.2)."""
    return add_tsig(message, request._replace(mac=b"", error=error, other=b""))


class RowSigner:
    """Signs the messages of one answer, each of them and in their order (RFC 8945, 5.3.1)."""

    def __init__(self, key: SigningKey, request: Tsig) -> None:
        self._key = key
        self._request_mac = request.mac
        self._context: Any = None

    def sign(self, message: bytes, now: float) -> bytes:
        """Sign the next message."""
        tsig = _blank(message, self._key, now)
        mac, self._context = self._key.digest(message, tsig, self._request_mac, self._context, many=True)
        return add_tsig(message, tsig._replace(mac=mac))


def add_tsig(message: bytes, tsig: Tsig) -> bytes:
    """Put a TSIG record behind a message."""
    rdata = b"".join(
        (
            tsig.algorithm,
            _TIME.pack(tsig.time >> 32 & 0xFFFF, tsig.time & 0xFFFF_FFFF, tsig.fudge, len(tsig.mac)),
            tsig.mac,
            _TAIL.pack(tsig.identity, tsig.error, len(tsig.other)),
            tsig.other,
        )
    )
    additionals = int.from_bytes(message[10:12], "big") + 1
    record = tsig.name + _FIXED.pack(TSIG, _CLASS_ANY, 0, len(rdata)) + rdata
    return message[:10] + additionals.to_bytes(2, "big") + message[12:] + record


def describe(tsig: Tsig) -> str:
    """Name the key of a signature, for a log."""
    return format_name(tsig.name).removesuffix(".")


def _blank(message: bytes, key: SigningKey, now: float) -> Tsig:
    identity = int.from_bytes(message[:2], "big")
    return Tsig(key.name, key.algorithm, int(now), FUDGE, b"", identity, NO_ERROR, b"", len(message))


def _without(data: bytes, tsig: Tsig) -> bytes:
    """Give a message as it was before its TSIG record was added, but for its identity, which that record has."""
    additionals = int.from_bytes(data[10:12], "big") - 1
    return data[:10] + additionals.to_bytes(2, "big") + data[12 : tsig.start]


def _read_name(data: bytes, at: int, *, pointers: bool) -> tuple[bytes, int]:
    """Read a name, in lower case, and give where it ends; pointers must lead backwards (RFC 1035, 4.1.4)."""
    parts = []
    end = -1
    length = 1
    lowest = at
    while True:
        if at >= len(data):
            raise TsigError("a name is cut short")
        size = data[at]
        if size >= 0xC0 and pointers and at + 1 < len(data):
            target = (size & 0x3F) << 8 | data[at + 1]
            if target >= lowest or target < 12:
                raise TsigError("a pointer leads nowhere")
            end = at + 2 if end < 0 else end
            at = lowest = target
            continue
        if size > 63 or at + size >= len(data):
            raise TsigError("a name is none")
        parts.append(data[at : at + size + 1])
        at += size + 1
        length += size + 1
        if length > MAX_NAME + 1:
            raise TsigError("a name is too long")
        if not size:
            return b"".join(parts).lower(), at if end < 0 else end
