"""The servers that are measured, each configured as well as we know how; README.md beside this file says why so.

A `Variant` is what a server is started for: nothing special, cookies, made names, rate limiting, dynamic updates.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from ptrd import __version__
from ptrd.datapath.reader import MISSING
from tests.peers.bind import BindServer
from tests.peers.knot import KnotServer
from tests.peers.nsd import NsdServer
from tests.peers.pdns import PdnsServer
from tests.peers.process import Peer, find_program
from tests.peers.ptrd import PROJECT, PtrdServer

if TYPE_CHECKING:
    import argparse

    from bench.scenarios import World

Variant = Literal["plain", "cookies", "made", "limited", "updates"]
Server = Peer | PtrdServer

SECRET = "00112233445566778899aabbccddeeff"  # noqa: S105 - of cookies on loopback
PTRD_PLAIN = "data_path: python\n"
LIMIT = 10_000_000  # answers a second, which nobody reaches
BIND_LIMIT = 1000  # BIND's largest; for one name and client prefix, so nobody reaches it here either
PTRD_LIMITS = "rrl: {exempt: [], records: 60000, made: 60000, denied: 60000}\n"


class DnslibServer(Peer):
    """bench/dnslibserver.py."""

    program: ClassVar[str] = sys.executable
    package: ClassVar[str] = "python3"

    def configure(self) -> list[str]:
        """Give the command's arguments; there is nothing to configure."""
        (path,) = self.zone_files().values()
        launch = "import sys; sys.path.insert(0, sys.argv.pop(1)); import bench.dnslibserver as program; program.main()"
        return ["-c", launch, str(PROJECT), self.address, str(self.port), str(path)]


PEERS: dict[str, type[Peer]] = {
    "nsd": NsdServer,
    "knot": KnotServer,
    "bind": BindServer,
    "pdns": PdnsServer,
    "dnslib": DnslibServer,
}
SERVERS = ("ptrd", "ptrd-python", *PEERS)
NAMES = {
    "ptrd": "ptrd",
    "ptrd-python": "ptrd, plain Python",
    "nsd": "NSD",
    "knot": "Knot",
    "bind": "BIND",
    "pdns": "PowerDNS",
    "dnslib": "dnslib",
}
MAKERS = ("ptrd", "ptrd-python", "knot")  # of names
LIMITERS = ("ptrd", "ptrd-python", "nsd", "knot", "bind")
COOKIE_MAKERS = ("ptrd", "ptrd-python", "nsd", "knot", "bind", "pdns")
UPDATERS = ("knot", "bind")  # by dynamic update
RELOADERS = ("ptrd", "ptrd-python", "nsd", "knot", "bind", "pdns")
# Roughly, while a zone is loaded; to tell how many servers fit side by side
BYTES_A_RECORD = {"ptrd": 250, "ptrd-python": 250, "nsd": 700, "knot": 450, "bind": 500, "pdns": 700, "dnslib": 500}


def has_compiled() -> bool:
    """Tell whether this ptrd has a compiled data path, which can be switched off."""
    return not MISSING


def installed(server: str) -> bool:
    """Tell whether a server can be measured here."""
    if server.startswith("ptrd"):
        return server == "ptrd" or has_compiled()
    return PEERS[server].installed()


def make(server: str, variant: Variant, world: World, options: argparse.Namespace, folder: Path) -> Server:
    """Make a server in front of a zone, not yet started; `folder` keeps ptrd's state from one to the next."""
    cpu, seconds = options.server_cpu, options.patience
    if server.startswith("ptrd"):
        return make_ptrd(server, variant, world, options, folder)
    zones = {world.origin: world.master}
    if server == "nsd":
        unlimited = "  rrl-size: 1000\n"  # a table that is not used takes 32 MB otherwise
        settings = {
            "cookies": f'{unlimited}  answer-cookie: yes\n  cookie-secret: "{SECRET}"\n  cookie-secret-file: ""',
            "limited": f"  rrl-ratelimit: {LIMIT}\n  rrl-whitelist-ratelimit: {LIMIT}",
        }
        return NsdServer(zones, cpu=cpu, seconds=seconds, settings=settings.get(variant, unlimited))
    if server == "bind":
        limit = f"responses-per-second {BIND_LIMIT}; min-table-size 100000; max-table-size 1000000;"
        settings = {"cookies": "  answer-cookie yes;", "limited": f"  rate-limit {{ {limit} }};"}
        update = "allow-update { any; };" if variant == "updates" else ""
        return BindServer(zones, cpu=cpu, seconds=seconds, settings=settings.get(variant, ""), zone_settings=update)
    if server == "knot":
        return _make_knot(variant, world, cpu, seconds)
    if server == "pdns":
        cookie = f"edns-cookie-secret={SECRET}\n" if variant == "cookies" else ""
        held = 300  # seconds, as long as a turn may take to come round
        caches = f"cache-ttl={held}\nquery-cache-ttl={held}\nnegquery-cache-ttl={held}\n"
        return PdnsServer(zones, cpu=cpu, seconds=seconds, settings=cookie + caches)
    return DnslibServer(zones, cpu=cpu, seconds=seconds)


def make_ptrd(
    server: str,
    variant: Variant,
    world: World,
    options: argparse.Namespace,
    folder: Path,
    *,
    workers: int = 1,
    pinned: bool = True,
) -> PtrdServer:
    """Make ptrd; what is on by default is on."""
    settings = PTRD_LIMITS if variant == "limited" else ""
    if server == "ptrd-python":
        settings += PTRD_PLAIN
    return PtrdServer(
        folder / f"{server}-{world.version}", [world.yaml], origins=[world.origin], workers=workers, settings=settings,
        cpu=options.server_cpu if pinned else None, seconds=options.patience,
    )  # fmt: skip


def _make_knot(variant: Variant, world: World, cpu: int, seconds: float) -> KnotServer:
    sections = zone_settings = ""
    if variant == "cookies":
        sections = f"mod-cookies:\n  - id: all\n    secret: 0x{SECRET}\n"
        zone_settings = "    global-module: mod-cookies/all"
    elif variant == "limited":
        sections = f"mod-rrl:\n  - id: all\n    rate-limit: {LIMIT // 10}\n"
        zone_settings = "    global-module: mod-rrl/all"
    elif variant == "updates":
        sections = "acl:\n  - id: all\n    address: 127.0.0.1\n    action: update\n"
        zone_settings = "    acl: all\n    journal-content: changes"
    synth = {world.origin: world.synth} if variant == "made" else None
    return KnotServer(
        {world.origin: world.master},
        cpu=cpu,
        seconds=seconds,
        synth=synth,
        sections=sections,
        zone_settings=zone_settings,
    )


def versions(servers: list[str]) -> dict[str, str]:
    """Ask each server for its version."""
    found = {}
    for server in servers:
        if server.startswith("ptrd"):
            found[server] = f"{__version__}, {'compiled' if server == 'ptrd' and has_compiled() else 'plain Python'}"
        elif server == "dnslib":
            found[server] = version("dnslib")
        else:
            flag = {"nsd": "-v", "knot": "-V", "bind": "-V", "pdns": "--version"}[server]
            program = find_program(PEERS[server].program) or ""
            done = subprocess.run([program, flag], capture_output=True, text=True, check=False)
            number = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
            found[server] = number[0] if number else "unknown"
    return found


def groups_that_fit(servers: list[str], records: int) -> list[list[str]]:
    """Split servers so that each part fits into three quarters of the free memory, ptrd being in every part."""
    free = 0
    with contextlib.suppress(OSError):
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"))
        free = int(found[1]) * 1024 if found else 0
    free = free or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    ours = [server for server in servers if server.startswith("ptrd")]
    groups: list[list[str]] = [list(ours)]
    for server in servers:
        if server in ours:
            continue
        needed = sum(BYTES_A_RECORD[name] for name in (*groups[-1], server)) * records
        if needed > free * 0.75 and groups[-1] != ours:
            groups.append(list(ours))
        groups[-1].append(server)
    return groups


def supports(server: str, load: str) -> bool:
    """Tell whether a server can be asked a load at all."""
    if load in {"made4", "made6"}:
        return server in MAKERS
    if load == "limited":
        return server in LIMITERS
    return not (server == "dnslib" and load in {"tcp", "mix"})
