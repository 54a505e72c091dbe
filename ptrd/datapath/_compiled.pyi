from collections.abc import Mapping
from typing import Any, Final

from ptrd.snapshot.view import Snapshot
from ptrd.snapshot.zone import ServedZone

IMAGE_VERSION: Final[int]
INTERFACE: Final[int]

class Reader:
    def __init__(
        self,
        *,
        image: object,
        zones: list[ServedZone],
        above: set[bytes],
        forward: bytes,
        udp_size: int,
        cookie_secrets: bytes,
        clients: tuple[tuple[bytes, bytes], tuple[bytes, bytes]],
        table: memoryview | None,
        secret: bytes,
        steps: tuple[int, int, int],
        slip: int,
        badcookie: bool,
        ranges: memoryview | None,
    ) -> None: ...
    def respond(
        self, snapshot: Snapshot, query: bytes, address: bytes, now: float, stream: bool = False, /
    ) -> tuple[bytes, int, int, int] | None: ...

class UdpSocket:
    waiting: Final[bool]
    def __init__(
        self,
        *,
        fileno: int,
        wildcard: bool,
        counts: memoryview,
        qtypes: bytes,
        slots: tuple[int, int, int, int, int, int, int, int],
        drops: Mapping[int, int],
    ) -> None: ...
    def answer(self, reader: Reader, snapshot: Snapshot, /) -> int: ...
    def recvfrom(self, size: int, /) -> tuple[bytes, Any]: ...
    def recvmsg(self, size: int, space: int, /) -> tuple[bytes, list[tuple[int, int, bytes]], int, Any]: ...
