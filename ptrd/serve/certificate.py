"""The certificate of DNS over TLS and its key: read by the supervisor, checked whole, handed on as sealed memory.

A pair is good or it is not taken: both files are read, fit together, load as a worker will load them, and are valid
now. What workers get are two descriptors, in which nothing can be changed any more.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.serve.options import ServeError
from ptrd.serve.tls import make_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ptrd.serve.options import TlsOptions

_LARGEST: Final = 1 << 20  # bytes of a file; a chain has some thousand
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_PEM_KEY: Final = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
# Tags: the version in its context, and one of the two kinds of time (X.509, RFC 5280, 4.1)
_VERSION, _UTC_TIME = 0xA0, 0x17

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain and its key, as descriptors of sealed memory. `expires` is Unix time."""

    chain: int
    key: int
    expires: float
    digest: bytes

    def close(self) -> None:
        """Close the descriptors, once."""
        os.close(self.chain)
        os.close(self.key)


class Renewal(NamedTuple):
    """How a renewal ended: `how` is unchanged, replaced or refused, `error` says why; `expires` of what is in use."""

    how: str
    error: str
    expires: float


class CertificateKeeper:
    """Knows the certificate that is in use, and puts another in its place when the files say so and it is good.

    Raises ServeError as `read_certificate` does, which reads the first one.
    """

    def __init__(self, options: TlsOptions) -> None:
        self._options = options
        self.current = read_certificate(options, time.time())

    async def renew(self, spread: Callable[[Certificate], Awaitable[None]]) -> Renewal:
        """Read the files again, and `spread` what they hold when it is new: it owns the certificate from there on."""
        try:
            fresh = await asyncio.to_thread(read_certificate, self._options, time.time())
            if fresh.digest == self.current.digest:
                fresh.close()
                return Renewal("unchanged", "", self.current.expires)
            await spread(fresh)
        except ServeError as error:
            _log.error("the certificate of DNS over TLS that is in use stays: %s", error)
            return Renewal("refused", str(error), self.current.expires)
        self.current = fresh
        _log.info("DNS over TLS has a new certificate, which expires on %s", write_date(fresh.expires))
        return Renewal("replaced", "", fresh.expires)


def read_certificate(options: TlsOptions, now: float) -> Certificate:
    """Read and check both files. `now` is Unix time. Raises ServeError with the file, what is wrong, and what to do."""
    chain = _read(options.certificate, "tls.certificate")
    key = _read(options.key, "tls.key")
    found = _PEM.search(chain)
    if found is None:
        raise ServeError(
            f"tls.certificate: {options.certificate} holds no certificate in PEM; write the server's first"
        )
    if _PEM_KEY.search(key) is None:
        raise ServeError(f"tls.key: {options.key} holds no private key in PEM; write the certificate's there")
    digest = blake2b(chain + b"\0" + key, digest_size=16).digest()
    try:
        expires = read_expiry(ssl.PEM_cert_to_DER_cert(found[0].decode("ascii")))
    except (ValueError, IndexError):
        raise ServeError(
            f"tls.certificate: the first certificate of {options.certificate} is damaged; put a new one there"
        ) from None
    certificate = Certificate(_seal(chain), _seal(key), expires, digest)
    trouble = _try(certificate, options)
    if not trouble and certificate.expires <= now:
        date = write_date(certificate.expires)
        trouble = f"tls.certificate: {options.certificate} has expired on {date}; put a new one there"
    if trouble:
        certificate.close()
        raise ServeError(trouble)
    return certificate


def read_expiry(der: bytes) -> float:
    """Read when a certificate expires, in Unix time (RFC 5280, 4.1.2.5). Raises ValueError, IndexError."""
    at, _ = _enter(der, 0)  # Certificate
    at, _ = _enter(der, at)  # TBSCertificate
    if der[at] == _VERSION:
        at = _skip(der, at)
    for _ in "serial", "signature", "issuer":
        at = _skip(der, at)
    at, _ = _enter(der, at)  # Validity
    at = _skip(der, at)  # notBefore
    kind = der[at]
    at, end = _enter(der, at)
    text = der[at:end].decode("ascii")
    if kind == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def write_date(seconds: float) -> str:
    """Write Unix time as a date and a time of day in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _enter(der: bytes, at: int) -> tuple[int, int]:
    """Give where the content of the value at `at` begins and ends (X.690, 8.1.3)."""
    size = der[at + 1]
    at += 2
    if size & 0x80:
        more = size & 0x7F
        size = int.from_bytes(der[at : at + more], "big")
        at += more
    return at, at + size


def _skip(der: bytes, at: int) -> int:
    return _enter(der, at)[1]


def _read(path: str, name: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - to read at most so much of it
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ServeError(
            f"{name}: cannot read {path}: {error.strerror}; the user that ptrd runs as must be able to"
        ) from None
    if len(data) > _LARGEST:
        raise ServeError(f"{name}: {path} is larger than {_LARGEST} bytes; write the PEM file of the server there")
    return data


def _seal(data: bytes) -> int:
    """Give a descriptor of memory that holds the data and cannot be changed."""
    descriptor = os.memfd_create("ptrd-tls", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _try(certificate: Certificate, options: TlsOptions) -> str:
    """Load a pair as a worker does; say what is wrong with it, or nothing."""
    try:
        make_context(certificate.chain, certificate.key)
    except ServeError as error:
        return f"tls.key: {options.key} cannot be used: {error}"
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"tls.key: {options.key} is not the key of {options.certificate}; write the one it was made for"
        # OpenSSL does not say in which file it was.
        reason = (error.reason or "no valid PEM").lower().replace("_", " ")
        return (
            f"tls.certificate, tls.key: {options.certificate} and {options.key} cannot be used: {reason}; write a PEM "
            "chain that begins with the server's certificate, and its PEM key"
        )
    except (OSError, ValueError) as error:
        return f"tls.certificate, tls.key: {options.certificate} and {options.key} cannot be used: {error}"
    return ""
