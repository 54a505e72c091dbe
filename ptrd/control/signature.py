"""SDK-HMAC-SHA256: whether whoever holds the secret of an access key signed exactly this request, lately.

What is verified is what is used: the path and the query that routes and handlers see, the body as it came, and the
headers that the signature names, each of them once. Nothing else of a request is covered: neither Host nor
X-Project-Id need be signed, so no decision may rest on them alone. No sentence tells what was expected.

The variants V11-HMAC-SHA256, SDK-HMAC-SM3, SDK-ECDSA-P256-SHA256 and SDK-SM2-SM3 and unsigned bodies are refused.
The order of parameters of one name is not covered by this algorithm, nor is one slash at the end of the path.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from ptrd.control.actors import Code, ControlError

if TYPE_CHECKING:
    from ptrd.control.exchange import Request

ALGORITHM: Final = "SDK-HMAC-SHA256"
WINDOW: Final = 900.0  # seconds that X-Sdk-Date may be from our clock, either way
DATE: Final = "x-sdk-date"
BODY_HASH: Final = "x-sdk-content-sha256"
_AUTHORIZATION: Final = re.compile(
    r"SDK-HMAC-SHA256 Access=([!-+\--~]{1,128}), SignedHeaders=([a-z0-9-]+(?:;[a-z0-9-]+)*), Signature=([0-9a-f]{64})"
)
_OTHERS: Final = re.compile(r"(V11-HMAC|SDK-HMAC-SM3|SDK-ECDSA|SDK-SM2)")
_TIME: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")


class Signature(NamedTuple):
    """What a signed request says of itself; nothing of it is verified yet. `date` is Unix time."""

    access_key: str
    headers: tuple[str, ...]
    signature: str  # 64 hexadecimal digits
    date: float
    written_date: str


def is_signed(request: Request) -> bool:
    """Tell whether a request has a signature of this family, good or bad."""
    scheme = (request.header("Authorization") or "").partition(" ")[0].upper()
    return scheme.startswith(("SDK-", "V11-"))


def read_signature(request: Request) -> Signature:
    """Read who claims to have signed a request, and when. Raises ControlError (UNAUTHENTICATED)."""
    text = _only(request, "authorization")
    found = _AUTHORIZATION.fullmatch(text)
    if found is None:
        if _OTHERS.match(text):
            raise _no(f"sign with {ALGORITHM}, the default algorithm; this server knows no other")
        raise _no(f"the Authorization header is not `{ALGORITHM} Access=…, SignedHeaders=…, Signature=…`")
    headers = tuple(found[2].split(";"))
    if DATE not in headers:
        raise _no("X-Sdk-Date is not among the signed headers; sign it too")
    written = _only(request, DATE)
    return Signature(found[1], headers, found[3], _read_date(written), written)


def verify(request: Request, signed: Signature, secret: bytes, now: float) -> None:
    """Return when the signature is of this request and the secret, else raise ControlError (UNAUTHENTICATED).

    `signed` is what `read_signature` gave for the request.
    """
    age = now - signed.date
    if abs(age) > WINDOW:
        raise _no(
            f"X-Sdk-Date is {abs(age):.0f} seconds {'behind' if age > 0 else 'ahead of'} the clock of this server,"
            f" and {WINDOW:.0f} are allowed; set the clock that is wrong, or sign anew"
        )
    body_hash = hashlib.sha256(request.body).hexdigest()
    _check_body_hash(request, body_hash)
    canonical = "\n".join(
        [
            request.method,
            _canonical_path(request.path),
            _canonical_query(request.query),
            *[name + ":" + _only(request, name).strip(" \t") for name in signed.headers],
            "",
            ";".join(signed.headers),
            body_hash,
        ]
    )  # fmt: skip - a line each, as the algorithm has it
    digest = hashlib.sha256(_bytes(canonical)).hexdigest()
    text = f"{ALGORITHM}\n{signed.written_date}\n{digest}"
    expected = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signed.signature):
        raise wrong()


def wrong() -> ControlError:
    """Give the error of a signature that does not fit, which is also that of an access key nobody has."""
    return _no(
        "the access key is unknown or disabled, or the signature does not fit the request: compare access key and"
        " secret key, and see that nothing on the way changes the method, path, query, signed headers or body"
    )


def _check_body_hash(request: Request, body_hash: str) -> None:
    """Hold what the client says of the body against the body: some clients send it and do not sign it."""
    values = [value for name, value in request.headers if name.lower() == BODY_HASH]
    if any(value == "UNSIGNED-PAYLOAD" for value in values):
        raise _no("the body must be signed; send it as application/json and without UNSIGNED-PAYLOAD")
    if any(value != body_hash for value in values):
        raise _no("X-Sdk-Content-Sha256 is not the SHA-256 of the body that came")


def _canonical_path(path: str) -> str:
    whole = "/".join(_quote(segment) for segment in path.split("/"))
    return whole if whole.endswith("/") else f"{whole}/"


def _canonical_query(query: tuple[tuple[str, str], ...]) -> str:
    return "&".join(f"{_quote(name)}={_quote(value)}" for name, value in sorted(query))


def _quote(text: str) -> str:
    return quote(text, safe="~", errors="surrogatepass")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _only(request: Request, name: str) -> str:
    values = [value for key, value in request.headers if key.lower() == name]
    if len(values) != 1:
        many = "twice or more" if values else "not at all"
        raise _no(f"the header {name} is signed and must be there once; it is there {many}")
    return values[0]


def _read_date(text: str) -> float:
    try:
        moment = datetime.strptime(text if _TIME.fullmatch(text) else "", "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _no("X-Sdk-Date is a time such as 20260102T030405Z, in UTC") from None
    return moment.timestamp()


def _no(sentence: str) -> ControlError:
    return ControlError(Code.UNAUTHENTICATED, sentence)
