"""HTTP for machines that watch: /metrics, /healthz and /readyz, and a page for people who look in.

The port is taken at start, so that a busy one is noticed then; aiohttp is imported when DNS is already being answered.
A client that sends nothing, or slowly, is closed; at the cap the longest idle connection makes room for a new one.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError, __version__

if TYPE_CHECKING:
    from aiohttp import web
    from prometheus_client import CollectorRegistry

    from ptrd.control.commands import Commands
    from ptrd.control.options import HttpOptions

MAX_LINE: Final = 4096  # bytes of a request line, and of one header
MAX_CONNECTIONS: Final = 200
PATIENCE: Final = 15.0  # seconds between requests, and for the head of one

_PAGE: Final = """\
ptrd {version}, an authoritative reverse-DNS server

/metrics   counters and gauges for Prometheus
/healthz   200 when every worker answers
/readyz    200 when zones are being served
           both say `degraded` when these are not what the zone files say now
"""


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
    """The HTTP server, over one bound socket."""

    def __init__(self, listener: socket.socket, commands: Commands, registry: CollectorRegistry) -> None:
        self._listener = listener
        self._commands = commands
        self._registry = registry
        self._connections: dict[Any, float] = {}  # handler -> since when it is idle; infinity while it is not
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

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

        @web.middleware
        async def track(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 - aiohttp's
            self._connections[request.protocol] = float("inf")
            try:
                response: web.StreamResponse = await handler(request)
            finally:
                if request.protocol in self._connections:
                    self._connections[request.protocol] = time.monotonic()
            return response

        async def sign(_request: web.Request, response: web.StreamResponse) -> None:
            response.headers["Server"] = "ptrd"

        app = web.Application(middlewares=[track])
        app.on_response_prepare.append(sign)
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
            ]
        )
        self._runner = web.AppRunner(
            app, access_log=None, logger=log, max_line_size=MAX_LINE, max_field_size=MAX_LINE, handle_signals=False
        )
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, sock=self._listener)
        self._sweep()

    async def close(self) -> None:
        """Stop answering."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _accept(self) -> Any:  # noqa: ANN401 - aiohttp's protocol
        assert self._runner is not None and self._runner.server is not None  # noqa: S101, PT018 - set by start
        if len(self._connections) >= MAX_CONNECTIONS:
            longest = min(self._connections, key=self._connections.__getitem__)
            self._drop(longest)
        handler = self._runner.server()
        self._connections[handler] = time.monotonic()
        return handler

    def _sweep(self) -> None:
        """Forget connections that have ended, and close those that have been idle for too long."""
        now = time.monotonic()
        for handler, since in list(self._connections.items()):
            has_ended = handler.transport is None and not 0 <= now - since < 1.0  # a new one has none yet
            if has_ended or now - since > PATIENCE:
                self._drop(handler)
        self._sweeper = asyncio.get_running_loop().call_later(1.0, self._sweep)

    def _drop(self, handler: Any) -> None:  # noqa: ANN401 - aiohttp's protocol
        del self._connections[handler]
        if handler.transport is not None:
            handler.transport.abort()

    async def _index(self, _request: web.Request) -> web.Response:
        return _text(200, _PAGE.format(version=__version__))

    async def _metrics(self, request: web.Request) -> web.Response:
        from aiohttp import web  # noqa: PLC0415 - imported by `start`
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 - as aiohttp

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


def _text(status: int, text: str) -> web.Response:
    from aiohttp import web  # noqa: PLC0415 - imported by `start`

    return web.Response(status=status, text=text)
