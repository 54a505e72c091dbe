"""A certificate and its key, of DNS over TLS or of HTTP: read by the supervisor, checked whole, kept as sealed memory.

A pair is good or it is not taken: both files are read, fit together, load as they will be loaded, and are valid now.
What is handed on are two descriptors, in which nothing can be changed any more.
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
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ptrd import PtrdError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LARGEST: Final = 1 << 20  # bytes of a file; a chain has some thousand
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_PEM_KEY: Final = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
# Tags: the version in its context, and one of the two kinds of time (X.509, RFC 5280, 4.1)
_VERSION, _UTC_TIME = 0xA0, 0x17

_log = logging.getLogger(__name__)


class CertificateError(PtrdError):
    """A certificate and its key cannot be used; the sentence says what to do."""


class Files(Protocol):
    """Where a chain and its key are: paths of PEM files."""

    @property
    def certificate(self) -> str:
        """The server's certificate, then the rest of its chain."""

    @property
    def key(self) -> str:
        """The certificate's key, without passphrase."""


class CertificateFiles(NamedTuple):
    """The files of a chain and of its key, as absolute paths."""

    certificate: str
    key: str


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


def combine(*renewals: Renewal) -> Renewal:
    """Tell how several renewals ended: refused when one was, else replaced when one was; `expires` is the first to."""
    hows = [renewal.how for renewal in renewals]
    how = next((known for known in ("refused", "replaced", "unchanged") if known in hows), "")
    expiries = [renewal.expires for renewal in renewals if renewal.expires]
    return Renewal(how, "; ".join(renewal.error for renewal in renewals if renewal.error), min(expiries, default=0.0))


class CertificateKeeper:
    """Knows the certificate that is in use, and puts another in its place when the files say so and it is good.

    `group` is where the files are named in ptrd.yaml, `what` is what they are for. Raises CertificateError as
    `read_certificate` does, which reads the first one.
    """

    def __init__(self, files: Files, group: str = "tls", what: str = "DNS over TLS") -> None:
        self._files = files
        self._group = group
        self._what = what
        self.current = read_certificate(files, time.time(), group)

    async def renew(self, spread: Callable[[Certificate], Awaitable[None]]) -> Renewal:
        """Read the files again, and `spread` what they hold when it is new: it owns the certificate from there on."""
        try:
            fresh = await asyncio.to_thread(read_certificate, self._files, time.time(), self._group)
            if fresh.digest == self.current.digest:
                fresh.close()
                return Renewal("unchanged", "", self.current.expires)
            await spread(fresh)
        except PtrdError as error:
            _log.error("the certificate of %s that is in use stays: %s", self._what, error)
            return Renewal("refused", str(error), self.current.expires)
        self.current = fresh
        _log.info("%s has a new certificate, which expires on %s", self._what, write_date(fresh.expires))
        return Renewal("replaced", "", fresh.expires)


def read_certificate(files: Files, now: float, group: str = "tls") -> Certificate:
    """Read and check both files. `now` is Unix time.

    Raises CertificateError with the file and its key in ptrd.yaml, what is wrong, and what to do.
    """
    chain = _read(files.certificate, f"{group}.certificate")
    key = _read(files.key, f"{group}.key")
    found = _PEM.search(chain)
    if found is None:
        raise CertificateError(
            f"{group}.certificate: {files.certificate} holds no certificate in PEM; write the server's first"
        )
    if _PEM_KEY.search(key) is None:
        raise CertificateError(f"{group}.key: {files.key} holds no private key in PEM; write the certificate's there")
    digest = blake2b(chain + b"\0" + key, digest_size=16).digest()
    try:
        begins, expires = read_validity(ssl.PEM_cert_to_DER_cert(found[0].decode("ascii")))
    except (ValueError, IndexError):
        raise CertificateError(
            f"{group}.certificate: the first certificate of {files.certificate} is damaged; put a new one there"
        ) from None
    certificate = Certificate(_seal(chain), _seal(key), expires, digest)
    trouble = _try(certificate, files, group)
    if not trouble and begins > now:
        date = write_date(begins)
        trouble = f"{group}.certificate: {files.certificate} is not valid before {date}; put one there that is"
    if not trouble and certificate.expires <= now:
        date = write_date(certificate.expires)
        trouble = f"{group}.certificate: {files.certificate} has expired on {date}; put a new one there"
    if trouble:
        certificate.close()
        raise CertificateError(trouble)
    return certificate


def make_context(certificate: int, key: int, protocols: list[str]) -> ssl.SSLContext:
    """Make what server connections take, of two descriptors of PEM texts, which stay the caller's.

    TLS 1.2 and 1.3, no client certificates, no renegotiation; `protocols` are those of ALPN. Raises ssl.SSLError,
    OSError, and CertificateError for a key with a passphrase.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(protocols)
    # By way of /proc: opened anew, a descriptor is read from its beginning however often.
    context.load_cert_chain(f"/proc/self/fd/{certificate}", f"/proc/self/fd/{key}", _refuse_passphrase)
    return context


def read_validity(der: bytes) -> tuple[float, float]:
    """Read from when until when a certificate is valid, in Unix time (RFC 5280, 4.1.2.5).

    Raises ValueError, IndexError.
    """
    at, _ = _enter(der, 0)  # Certificate
    at, _ = _enter(der, at)  # TBSCertificate
    if der[at] == _VERSION:
        at = _skip(der, at)
    for _ in "serial", "signature", "issuer":
        at = _skip(der, at)
    at, _ = _enter(der, at)  # Validity
    return _read_time(der, at), _read_time(der, _skip(der, at))


def _read_time(der: bytes, at: int) -> float:
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
        raise CertificateError(
            f"{name}: cannot read {path}: {error.strerror}; the user that ptrd runs as must be able to"
        ) from None
    if len(data) > _LARGEST:
        raise CertificateError(
            f"{name}: {path} is larger than {_LARGEST} bytes; write the PEM file of the server there"
        )
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


def _try(certificate: Certificate, files: Files, group: str) -> str:
    """Load a pair as it will be; say what is wrong with it, or nothing."""
    try:
        make_context(certificate.chain, certificate.key, [])
    except CertificateError as error:
        return f"{group}.key: {files.key} cannot be used: {error}"
    except ssl.SSLError as error:
        if error.reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}:
            return f"{group}.key: {files.key} is not the key of {files.certificate}; write the one it was made for"
        # OpenSSL does not say in which file it was.
        reason = (error.reason or "no valid PEM").lower().replace("_", " ")
        return (
            f"{group}.certificate, {group}.key: {files.certificate} and {files.key} cannot be used: {reason}; write a "
            "PEM chain that begins with the server's certificate, and its PEM key"
        )
    except (OSError, ValueError) as error:
        return f"{group}.certificate, {group}.key: {files.certificate} and {files.key} cannot be used: {error}"
    return ""


def _refuse_passphrase() -> str:
    raise CertificateError("it has a passphrase, which nobody is there to type; write it without one")
