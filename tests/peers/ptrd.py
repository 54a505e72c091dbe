"""The real ptrd as a child of the test: `python -m ptrd serve --config …`, on free loopback ports."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.peers.asking import TcpClient, UdpClient, make_query
from tests.peers.process import ADDRESS, Child, PeerError, free_port, is_served, processes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

PROJECT = Path(__file__).resolve().parents[2]


class PtrdServer:
    """ptrd on zone files given as {file name: text}, or as paths to files and folders.

    `origins` are asked for until they are answered; without them, until anything is. `settings` are further lines of
    ptrd.yaml. The folder keeps config, zones and state, so that a second server can be started on it.
    """

    def __init__(
        self,
        folder: Path,
        zones: Mapping[str, str] | Sequence[Path],
        *,
        origins: Sequence[str] = (),
        workers: int | str = 1,
        settings: str = "",
        cpu: int | None = None,
        seconds: float = 30.0,
        address: str = ADDRESS,
        port: int | None = None,
    ) -> None:
        self.folder = folder
        self.address = address
        self.port = port or free_port(address)
        self.http_port = free_port()
        self.origins = list(origins)
        self.cpu = cpu
        self.seconds = seconds
        self.ready_seconds = 0.0
        self.child: Child | None = None
        self.runtime = Path(tempfile.mkdtemp(prefix="ptrd-run-"))  # a socket's path has 107 bytes at most
        self.socket = self.runtime / "control.sock"
        folder.mkdir(parents=True, exist_ok=True)
        self.zone_folder = folder / "zones"
        self.zone_folder.mkdir(exist_ok=True)
        entries = [str(self.zone_folder)]
        if isinstance(zones, dict):
            for name, text in zones.items():
                (self.zone_folder / name).write_text(text, encoding="utf-8")
        else:
            entries = [str(path) for path in zones]
        host = f"[{address}]" if ":" in address else address
        self.config = folder / "ptrd.yaml"
        self.config.write_text(
            f"listen: [{json.dumps(f'{host}:{self.port}')}]\nworkers: {workers}\nzones: {json.dumps(entries)}\n"
            f"http: {{listen: {json.dumps(f'{ADDRESS}:{self.http_port}')}}}\n"
            f"state: {json.dumps(str(folder / 'state'))}\n"
            f"socket: {json.dumps(str(self.socket))}\n{settings}",
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.runtime, ignore_errors=True)

    def command(self, *arguments: str) -> list[str]:
        """Give a command line of ptrd with this server's configuration."""
        return [sys.executable, "-m", "ptrd", *arguments, "--config", str(self.config)]

    def start(self) -> None:
        """Start and wait until the zones are answered; `ready_seconds` is how long that took."""
        pin = ["taskset", "-c", str(self.cpu)] if self.cpu is not None else []
        environment = os.environ | {"PYTHONPATH": str(PROJECT)}
        began = time.monotonic()
        self.child = Child([*pin, *self.command("serve")], self.folder / "log", env=environment)
        while self.child.alive() and time.monotonic() - began < self.seconds:
            if self.ready():
                self.ready_seconds = time.monotonic() - began
                return
            time.sleep(0.01)
        raise PeerError(f"ptrd does not answer:\n{self.said()}")

    def ready(self) -> bool:
        """Ask whether the zones are answered."""
        if self.origins:
            return all(is_served(self.address, self.port, origin) for origin in self.origins)
        with UdpClient(self.address, self.port) as client:
            return client.ask(make_query(".", 6), seconds=0.5) is not None

    def stop(self) -> int:
        """End the server as systemd does; give its status."""
        return self.child.stop() if self.child else 0

    def said(self) -> str:
        """Give the end of what the server printed."""
        return self.child.said() if self.child else ""

    def pids(self) -> list[int]:
        """List the supervisor and its workers."""
        return processes_of(self.child.process.pid) if self.child else []

    def udp(self) -> UdpClient:
        """Open a UDP client."""
        return UdpClient(self.address, self.port)

    def tcp(self) -> TcpClient:
        """Open a TCP client."""
        return TcpClient(self.address, self.port)
