"""HTTP: the API, /metrics, /healthz and /readyz for machines, and a page for people who look in.

The port is taken at start, so that a busy one is noticed then; aiohttp is imported when DNS is already being answered.
DNS is answered by other processes, so nothing here can slow it. What connections may cost is in `reception`, what
requests may cost in `edge`.
"""

from __future__ import annotations

import errno
import logging
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError, __version__
from ptrd.control.api import REQUEST_IDS, new_id
from ptrd.control.edge import BODY_SECONDS
from ptrd.control.reception import PATIENCE, Reception
from ptrd.store.certificate import Renewal, make_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from aiohttp import web
    from prometheus_client import CollectorRegistry

    from ptrd.control.commands import Commands
    from ptrd.control.edge import Edge
    from ptrd.control.options import HttpOptions
    from ptrd.store.certificate import Certificate, CertificateKeeper

MAX_LINE: Final = 8190  # bytes of a request line, and of one header
LINGER: Final = 5.0  # seconds to read on where a request was refused before it was whole
END_WITHIN: Final = 0.5  # seconds for requests that are being answered at the end

_PAGE: Final = """\
ptrd {version}, an authoritative reverse-DNS server

/metrics      counters and gauges for Prometheus
/healthz      200 when every worker answers
/readyz       200 when zones are being served
              both say `degraded` when these are not what the zone files say now
/api/v1/docs  how PTR records are managed
"""
_HTML: Final = "<!doctype html>\n<html lang=en><meta charset=utf-8><title>ptrd</title>\n<pre>{text}</pre>\n</html>\n"


class HttpError(PtrdError):
    """The HTTP port cannot be had."""


def bind_http(options: HttpOptions) -> socket.socket:
    """Take the port and listen; connections wait until they are served. Raises HttpError."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    where = f"[{options.host}]:{options.port}" if ":" in options.host else f"{options.host}:{options.port}"
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((options.host, options.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        why = error.strerror
        if error.errno == errno.EADDRINUSE:
            why = f"it is in use; `ss -ltnp 'sport = :{options.port}'` shows by whom"
        raise HttpError(f"cannot listen on {where} for HTTP: {why}; stop that or change `http: listen`") from None
    listener.settimeout(0)
    return listener


class HttpServer:
    """The HTTP server, over one bound socket.

    `edge` leads to the API; without it there are only the pages, and metrics only on loopback, for nobody's credential
    can be read. `keeper` has the certificate of HTTPS, None is for plain HTTP.
    """

    def __init__(
        self,
        listener: socket.socket,
        commands: Commands,
        registry: CollectorRegistry,
        edge: Edge | None = None,
        keeper: CertificateKeeper | None = None,
    ) -> None:
        self._listener = listener
        self._is_loopback = ip_address(listener.getsockname()[0]).is_loopback
        self._commands = commands
        self._registry = registry
        self._keeper = keeper
        self._edge = edge
        self._context = None if keeper is None else _context_of(keeper.current)
        self._pages: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
            "/": self._index,
            "/metrics": self._metrics,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
        }
        self._runner: web.AppRunner | None = None
        self._reception: Reception | None = None

    async def start(self) -> None:
        """Begin to answer."""
        from aiohttp import web  # noqa: PLC0415 - a quarter of a second that DNS need not wait for
        from aiohttp.http_exceptions import HttpProcessingError  # noqa: PLC0415 - the same

        def is_ours(record: logging.LogRecord) -> bool:
            """Tell whether an error is ours: a request that cannot be read is its sender's, and fills no log."""
            return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))

        log = logging.Logger("ptrd.http")  # noqa: LOG001 - each server's own, for its filter
        log.parent = logging.getLogger("ptrd")
        log.addFilter(is_ours)

        async def sign(_request: web.Request, response: web.StreamResponse) -> None:
            response.headers["Server"] = "ptrd"
            if REQUEST_IDS[0] not in response.headers:  # those of the API have one
                response.headers.update(dict.fromkeys(REQUEST_IDS, new_id()))

        app = web.Application()
        app.on_response_prepare.append(sign)
        app.add_routes([web.route("*", "/{rest:.*}", self._serve)])
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=log,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            handle_signals=False,
            auto_decompress=False,  # what was sent is what was signed, and has the size that it has
            lingering_time=LINGER,
            shutdown_timeout=END_WITHIN,
        )
        await self._runner.setup()
        server = self._runner.server
        assert server is not None  # noqa: S101 - set by setup
        self._reception = Reception(self._listener, server, self._context)
        self._reception.start()

    async def renew(self) -> Renewal:
        """Take the certificate that the files hold now, for new connections, when there is HTTPS."""
        return Renewal("", "", 0.0) if self._keeper is None else await self._keeper.renew(self._take)

    async def close(self) -> None:
        """Stop answering."""
        if self._reception is not None:
            await self._reception.close()
        self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, certificate: Certificate) -> None:
        self._context = _context_of(certificate)
        if self._reception is not None:
            self._reception.context = self._context

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a request: a page, and whatever is none is the API's."""
        reception = self._reception
        assert reception is not None  # noqa: S101 - it has accepted the connection
        reception.allow(request.protocol, BODY_SECONDS + 1.0)
        try:
            page = self._pages.get(request.path) if request.method in {"GET", "HEAD"} else None
            return await (page or self._call)(request)
        finally:
            reception.allow(request.protocol, PATIENCE)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        if self._edge is None:
            return _unmanaged()
        reception = self._reception
        assert reception is not None  # noqa: S101 - it has accepted the connection
        return await self._edge.answer(request, lambda: reception.allow(request.protocol))

    async def _index(self, request: web.Request) -> web.StreamResponse:
        if self._edge is not None and not prefers_html(request.headers.get("Accept", "")):
            return await self._call(request)
        from aiohttp import web  # noqa: PLC0415 - imported by `start`

        return web.Response(text=_HTML.format(text=_PAGE.format(version=__version__)), content_type="text/html")

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web  # noqa: PLC0415 - imported by `start`
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 - as aiohttp

        if self._edge is not None:
            refusal = await self._edge.refuse_metrics(request)
            if refusal is not None:
                return refusal
        elif not self._is_loopback:
            return _text(503, "who may read the metrics cannot be told now; the server's log says why\n")
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        # Some milliseconds for a thousand ranges: no thread is worth the races with what changes meanwhile.
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _healthz(self, _request: web.Request) -> web.Response:
        return self._state(await self._commands.ailments(), "ok")

    async def _readyz(self, _request: web.Request) -> web.Response:
        return self._state(self._commands.unready(), "ready")

    def _state(self, reasons: list[str], well: str) -> web.Response:
        """Answer a question about our state; being degraded is said, and is no reason to ask another server."""
        if reasons:
            return _text(503, "\n".join(reasons) + "\n")
        degraded = self._commands.degraded
        return _text(200, f"{well}, but degraded: {degraded}\n" if degraded else f"{well}\n")


def prefers_html(accept: str) -> bool:
    """Tell whether a client wants HTML more than JSON, by its header Accept (RFC 9110, 12.5.1)."""
    weights: dict[str, float] = {}
    for item in accept.split(","):
        kind, *parameters = [part.strip().lower() for part in item.split(";")]
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            weights[kind] = float(weight)
        except ValueError:
            weights[kind] = 0.0
    html, json = (
        next((weights[kind] for kind in (exact, f"{exact.partition('/')[0]}/*", "*/*") if kind in weights), 0.0)
        for exact in ("text/html", "application/json")
    )
    return html > json


def _context_of(certificate: Certificate) -> ssl.SSLContext:
    """Make what connections take of a certificate, whose descriptors are then not needed any more."""
    try:
        return make_context(certificate.chain, certificate.key, ["http/1.1"])
    finally:
        certificate.close()


def _text(status: int, text: str) -> web.Response:
    from aiohttp import web  # noqa: PLC0415 - imported by `start`

    return web.Response(status=status, text=text)


def _unmanaged() -> web.Response:
    """Say in a form that clients of every dialect read that there is no API."""
    from aiohttp import web  # noqa: PLC0415 - imported by `start`

    sentence = "nothing can be managed here now; the server's log says why"
    body = {"code": "DNS.0000", "message": sentence, "title": sentence, "status": 503, "detail": sentence}
    return web.json_response(body, status=503)
