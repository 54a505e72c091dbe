"""Between aiohttp and the API: requests become values as they were sent, and answers become bytes.

Nothing is decoded twice and nothing is put in order, for signatures are over what was sent. What a client may cost is
bounded before its credential is looked at: bytes, seconds, requests at once, of all and of one source. Who a client is,
its connection says; a proxy says it only when the configuration trusts that proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from ptrd.control.actors import Code, ControlError
from ptrd.control.api import FAILED, max_body, new_id, split_target
from ptrd.control.confirmation import client_gone
from ptrd.control.exchange import Request
from ptrd.records.access import ALLOW, REFUSE, AccessList, rule_of
from ptrd.records.model import Prefix
from ptrd.records.values import ValueText, format_address, parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aiohttp import web

    from ptrd.control.actors import Actor
    from ptrd.control.api import Api
    from ptrd.control.exchange import Response
    from ptrd.control.options import HttpOptions

MAX_REQUESTS: Final = 200  # at once
MAX_REQUESTS_PER_SOURCE: Final = 120  # of them, of one IPv4 address or IPv6 /64
MAX_HELD: Final = 64 << 20  # bytes of all their bodies
BODY_SECONDS: Final = 20.0  # for a body to arrive
ANSWER_SECONDS: Final = 120.0  # for an answer to be made

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")  # RFC 3986, 3.2.2
_WITH_PORT: Final = re.compile(r"\[([^][]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")
_MAPPED: Final = 0xFFFF  # ::ffff:0:0/96, RFC 4291, 2.5.5.2
_LOOPBACK: Final = (Prefix(4, 127 << 24, 8), Prefix(6, 1, 128))

log = logging.getLogger("ptrd")

Headers = tuple[tuple[str, str], ...]


class Members:
    """Prefixes of clients, ready to be asked."""

    def __init__(self, prefixes: Iterable[Prefix]) -> None:
        nobody = [rule_of(Prefix(version, 0, 0), REFUSE) for version in (4, 6)]
        self._list = AccessList([*nobody, *(rule_of(prefix, ALLOW) for prefix in prefixes)])

    def holds(self, client: tuple[int, int]) -> bool:
        """Tell whether one of them holds an address."""
        return self._list.decide(*client) == ALLOW


class Edge:
    """Turns requests into answers."""

    def __init__(self, options: HttpOptions, api: Api) -> None:
        self._api = api
        self._is_loopback = options.is_loopback
        self._trusted = Members(options.trusted_proxies)
        self._metrics = Members(options.metrics_allow)
        self._load = Load()

    async def answer(self, sent: web.BaseRequest, is_whole: Callable[[], None]) -> web.Response:
        """Answer a request of the API; `is_whole` is called when all of it has been read."""
        request = read_head(sent, self._trusted)
        client_gone.set(lambda: sent.transport is None)
        unread = True
        try:
            _check(request)
            with self._load.enter(request.source) as share:
                request.body = await share.read(sent, max_body(request.path))
                unread = False
                is_whole()
                async with asyncio.timeout(ANSWER_SECONDS):
                    response = await self._api.answer(request)
        except ControlError as error:
            response = self._api.refuse(request, error)
        except TimeoutError:
            sentence = (
                f"this takes longer than {ANSWER_SECONDS:.0f} seconds; look what became of it before you repeat it"
            )
            response = self._api.refuse(request, ControlError(Code.BUSY, sentence))
        return self._write(request, response, close=unread)

    async def refuse_metrics(self, sent: web.BaseRequest) -> web.Response | None:
        """Give the refusal of a request for the metrics, None when who asks may have them.

        On loopback that is everybody, elsewhere who is in `metrics_allow`, or has an operator's credential.
        """
        request = read_head(sent, self._trusted)
        client = parse_address(request.source)
        if (self._is_loopback and Members(_LOOPBACK).holds(client)) or self._metrics.holds(client):
            return None
        try:
            with self._load.enter(request.source):
                _check_operator(await self._api.authenticate(request))
        except ControlError as error:
            return self._write(request, self._api.refuse(request, error))
        return None

    def _write(self, request: Request, response: Response, *, close: bool = False) -> web.Response:
        from aiohttp import web  # noqa: PLC0415 - imported when HTTP starts, which DNS need not wait for

        try:
            data = response.data()
        except (TypeError, ValueError):  # half a surrogate pair, say
            log.exception(FAILED, request.method, request.path, request.id)
            response = self._api.failed(request)
            data = response.data()
        headers = {"Cache-Control": "no-store", **response.headers}
        if data and not any(header.lower() == "content-type" for header in headers):
            raw = isinstance(response.body, bytes)
            headers["Content-Type"] = "application/octet-stream" if raw else "application/json"
        written = web.Response(status=response.status, body=data or None, headers=headers)
        if close:
            written.force_close()
        return written


class Load:
    """What is being answered at this moment, and how many bytes that holds."""

    def __init__(self) -> None:
        self.held = 0
        self._requests = 0
        self._sources = Counter[str | int]()  # IPv4 addresses, and the numbers of IPv6 prefixes of 64 bits

    @contextlib.contextmanager
    def enter(self, source: str) -> Iterator[Share]:
        """Count a request for as long as it is answered. Raises ControlError (BUSY) when there are too many."""
        key = parse_address(source)[1] >> 64 if ":" in source else source
        if self._requests >= MAX_REQUESTS:
            raise ControlError(Code.BUSY, "too many requests are being answered; try again in a moment")
        if self._sources[key] >= MAX_REQUESTS_PER_SOURCE:
            raise ControlError(Code.BUSY, "too many requests from this address are being answered; try fewer at once")
        self._requests += 1
        self._sources[key] += 1
        share = Share(self)
        try:
            yield share
        finally:
            self._requests -= 1
            self.held -= share.held
            self._sources[key] -= 1
            if not self._sources[key]:
                del self._sources[key]


class Share:
    """What one request has of the load."""

    def __init__(self, load: Load) -> None:
        self.held = 0
        self._load = load

    async def read(self, sent: web.BaseRequest, limit: int) -> bytes:
        """Read the body of a request, as sent. Raises ControlError when it is too large, or too slow."""
        from aiohttp.http_exceptions import HttpProcessingError  # noqa: PLC0415 - as below
        from aiohttp.web import RequestPayloadError  # noqa: PLC0415 - imported when HTTP starts

        too_large = ControlError(Code.TOO_LARGE, f"the body is larger than {limit} bytes")
        if (sent.content_length or 0) > limit:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(None if sent.content.is_eof() else BODY_SECONDS):
                while chunk := await sent.content.readany():
                    body += chunk
                    self.held += len(chunk)
                    self._load.held += len(chunk)
                    if len(body) > limit:
                        raise too_large
                    if self._load.held > MAX_HELD:
                        raise ControlError(Code.BUSY, "too many large requests are being answered; try again")
        except TimeoutError:
            sentence = f"the body did not arrive within {BODY_SECONDS:.0f} seconds; send it again"
            raise ControlError(Code.INVALID, sentence, "body") from None
        except (ConnectionError, HttpProcessingError, RequestPayloadError):  # the client has gone, or sends nonsense
            raise ControlError(Code.INVALID, "the body did not arrive whole; send it again", "body") from None
        return bytes(body)


def read_head(sent: web.BaseRequest, trusted: Members) -> Request:
    """Read all of a request but its body, and give it an id."""
    raw, path, query = split_target(sent.raw_path)
    headers = tuple((_decode(key), _decode(value)) for key, value in sent.raw_headers)
    transport = sent.transport
    peer = "" if transport is None else str((transport.get_extra_info("peername") or ("",))[0])
    is_encrypted = transport is not None and transport.get_extra_info("sslcontext") is not None
    source, secure = client_of(peer, headers, trusted, secure=is_encrypted)
    return Request(sent.method, path, query, headers, raw_path=raw, id=new_id(), source=source, secure=secure)


def client_of(peer: str, headers: Headers, trusted: Members, *, secure: bool) -> tuple[str, bool]:
    """Say where a request comes from, and whether it was encrypted on the way.

    Of the addresses in X-Forwarded-For the last one counts that no trusted proxy has, for each proxy adds the address
    that it was asked from. The header Forwarded (RFC 7239) is not looked at.
    """
    client = _address(peer) or (4, 0)  # a connection that has gone already
    if trusted.holds(client):
        said = ",".join(value for name, value in headers if name.lower() == "x-forwarded-for")
        for text in reversed(said.split(",") if said else []):
            address = _address(text)
            if address is None:
                break
            client = address
            if not trusted.holds(client):
                break
        protocols = ",".join(value for name, value in headers if name.lower() == "x-forwarded-proto")
        if protocols:
            secure = protocols.rpartition(",")[2].strip().lower() == "https"
    return format_address(*client), secure


def _address(text: str) -> tuple[int, int] | None:
    """Read an address, perhaps with a port or an interface; an IPv4 address may be written as an IPv6 one."""
    text = text.strip().partition("%")[0]
    found = _WITH_PORT.fullmatch(text)
    try:
        version, number = parse_address((found[1] or found[2]) if found else text)
    except ValueText:
        return None
    return (4, number & 0xFFFFFFFF) if version == 6 and number >> 32 == _MAPPED else (version, number)


def _check_operator(actor: Actor) -> None:
    if not actor.is_operator:
        sentence = "metrics are for operators; use an operator's token, or an address of http.metrics_allow"
        raise ControlError(Code.FORBIDDEN, sentence)


def _decode(data: bytes) -> str:
    """Decode a name or value of a header: UTF-8, else what HTTP once said (ISO 8859-1)."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _check(request: Request) -> None:
    """Refuse what would be misunderstood further on. Raises ControlError."""
    host = request.header("Host")
    if host is not None and not _HOST.fullmatch(host):  # it becomes a part of links
        raise ControlError(Code.INVALID, "the Host header is no host", "Host")
    if (request.header("Content-Encoding") or "identity").strip().lower() != "identity":
        raise ControlError(Code.INVALID, "send the body as it is, without Content-Encoding", "Content-Encoding")
