"""Connections to the HTTP port: how many there may be, for how long each may be idle, and their TLS handshakes.

Each has a deadline from the moment that it is accepted, so one that sends nothing, or slowly, is closed. At the cap the
one whose deadline is next makes room for a newcomer; one whose request is being carried out never does.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

MAX_CONNECTIONS: Final = 400
PATIENCE: Final = 15.0  # seconds between requests, for the head of one, and to take an answer
HANDSHAKE: Final = 5.0  # seconds for that of TLS
_OUT_OF_DESCRIPTORS: Final = 0.2  # seconds to wait when none can be accepted

log = logging.getLogger("ptrd")


class Reception:
    """Accepts connections on a listening socket; `make_handler` gives what answers on one, a protocol of aiohttp.

    `context` is that of new connections; None is for no TLS.
    """

    def __init__(
        self, listener: socket.socket, make_handler: Callable[[], Any], context: ssl.SSLContext | None
    ) -> None:
        self.context = context
        self._listener = listener
        self._make_handler = make_handler
        self._deadlines: dict[Any, float] = {}  # by handler; infinity while it is at work
        self._greeting: dict[Any, asyncio.Task[None]] = {}  # handlers whose connection is being set up
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        """Begin to accept."""
        self._tasks = (asyncio.create_task(self._accept()), asyncio.create_task(self._sweep()))

    async def close(self) -> None:
        """Accept no more, and end the handshakes; what is being answered is not touched."""
        tasks = (*self._tasks, *self._greeting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()

    def allow(self, handler: Any, seconds: float = math.inf) -> None:  # noqa: ANN401 - aiohttp's protocol
        """Let a connection be for so long from now."""
        if handler in self._deadlines:
            self._deadlines[handler] = time.monotonic() + seconds

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                log.warning("a connection to the HTTP port cannot be accepted: %s", error.strerror)
                await asyncio.sleep(_OUT_OF_DESCRIPTORS)
                continue
            if self._make_room():
                handler = self._make_handler()
                self._deadlines[handler] = time.monotonic() + PATIENCE
                task = asyncio.create_task(self._greet(handler, connection))
                self._greeting[handler] = task
            else:
                connection.close()
            await asyncio.sleep(0)  # a flood of them leaves the others their turn

    async def _greet(self, handler: Any, connection: socket.socket) -> None:  # noqa: ANN401 - aiohttp's protocol
        timeout = None if self.context is None else HANDSHAKE
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: handler,
                connection,
                ssl=self.context,
                ssl_handshake_timeout=timeout,
                ssl_shutdown_timeout=timeout,
            )
        except OSError:  # what a client does wrong fills no log
            connection.close()
            self._deadlines.pop(handler, None)
        except asyncio.CancelledError:
            connection.close()
            raise
        finally:
            del self._greeting[handler]

    def _make_room(self) -> bool:
        """Tell whether there is room for one more connection, which there mostly is, or can be made."""
        if len(self._deadlines) < MAX_CONNECTIONS:
            return True
        next_one = min(self._deadlines, key=self._deadlines.__getitem__)
        if math.isinf(self._deadlines[next_one]):
            return False
        self._drop(next_one)
        return True

    async def _sweep(self) -> None:
        """Forget connections that have ended, and close those whose time is over."""
        while True:
            now = time.monotonic()
            for handler, deadline in list(self._deadlines.items()):
                has_ended = handler not in self._greeting and handler.transport is None
                if has_ended or now > deadline:
                    self._drop(handler)
            await asyncio.sleep(1.0)

    def _drop(self, handler: Any) -> None:  # noqa: ANN401 - aiohttp's protocol
        del self._deadlines[handler]
        if handler in self._greeting:
            self._greeting[handler].cancel()
        if handler.transport is not None:
            handler.transport.abort()
