"""The same zones, as YAML in ptrd and written out in NSD, Knot and BIND, answer the same questions alike.

PTRD_DIFFERENTIAL_SEEDS=N asks that many random worlds, from seed PTRD_DIFFERENTIAL_FROM (1000) on, in the long test;
PTRD_DIFFERENTIAL_QUESTIONS (600) questions of each.
"""

from __future__ import annotations

import os
import random
from contextlib import ExitStack
from functools import lru_cache
from typing import TYPE_CHECKING

import pytest

from tests.differential.bycall import Called, compile_world
from tests.differential.compare import Served, addresses
from tests.differential.expansion import expand
from tests.differential.fixed import FIXED
from tests.differential.questions import every_ancestor, questions
from tests.differential.verdict import doubts, judge
from tests.differential.worlds import random_world
from tests.peers.asking import make_query, read_reply, wire_of
from tests.peers.bind import BindServer
from tests.peers.knot import KnotServer
from tests.peers.nsd import NsdServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.differential.compare import Difference, Target
    from tests.differential.expansion import Expansion
    from tests.differential.world import World
    from tests.peers.ptrd import PtrdServer

SEEDS = range(1, 13)  # of the suite
LONG = int(os.environ.get("PTRD_DIFFERENTIAL_SEEDS", "0"))
FROM = int(os.environ.get("PTRD_DIFFERENTIAL_FROM", "1000"))
COUNT = int(os.environ.get("PTRD_DIFFERENTIAL_QUESTIONS", "600"))
PROPERTY = range(FROM, FROM + LONG) if LONG else SEEDS
NAMED = {"nsd": NsdServer, "knot": KnotServer, "bind": BindServer}


@lru_cache(maxsize=64)
def expansion_of(world: World) -> Expansion:
    """Write a world out."""
    return expand(world.texts, addresses(world.probes))


def start_peers(stack: ExitStack, expansion: Expansion) -> dict[str, Target]:
    """Start all three peers on a world."""
    files = expansion.master_files()
    servers = {who: stack.enter_context(kind(files)) for who, kind in NAMED.items()}
    return {who: stack.enter_context(Served(server.address, server.port)) for who, server in servers.items()}


def complain(wrong: list[Difference]) -> str:
    """Write the first few differences."""
    return "\n\n".join([f"{len(wrong)} questions are answered differently", *map(str, wrong[:5])])


def check_world(world: World, folder: Path, count: int) -> None:
    """Ask ptrd by call and the peers the same questions."""
    expansion = expansion_of(world)
    snapshot = compile_world(folder, world.texts)
    with ExitStack() as stack:
        targets = start_peers(stack, expansion)
        targets["ptrd"] = Called(snapshot)
        asked = questions(expansion, random.Random(world.name), count)
        wrong = judge(world.name, expansion, asked, targets, "ptrd")
    assert not wrong, complain(wrong)


@pytest.mark.parametrize("world", FIXED, ids=lambda world: world.name)
def test_hand_made_worlds_are_answered_as_the_peers_do(world: World, tmp_path: Path) -> None:
    """NSD and ptrd give the same rcode, flags and answer section on each world made by hand."""
    check_world(world, tmp_path, 500)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_worlds_are_answered_as_the_peers_do(seed: int, tmp_path: Path) -> None:
    """NSD and ptrd give the same rcode, flags and answer section on random worlds."""
    check_world(random_world(seed), tmp_path, 250)


@pytest.mark.parametrize("world", FIXED, ids=lambda world: world.name)
def test_nsd_is_a_measure(world: World) -> None:
    """Where Knot and BIND agree against NSD, it is for one of the reasons that tests/differential/verdict.py tells."""
    expansion = expansion_of(world)
    with ExitStack() as stack:
        targets = start_peers(stack, expansion)
        found = doubts(world.name, expansion, questions(expansion, random.Random(7), 120), targets)
    assert not found, complain(found)


@pytest.mark.skipif(not LONG, reason="a long run: set PTRD_DIFFERENTIAL_SEEDS=N")
@pytest.mark.parametrize("seed", range(FROM, FROM + LONG))
def test_many_random_worlds_are_answered_as_the_peers_do(seed: int, tmp_path: Path) -> None:
    """The same, over as many worlds as one asks for."""
    check_world(random_world(seed), tmp_path, COUNT)


@pytest.mark.parametrize("world", [FIXED[0], FIXED[5], random_world(1)], ids=lambda world: world.name)
def test_the_daemon_answers_as_the_peers_do(world: World, ptrd_server: Callable[..., PtrdServer]) -> None:
    """What holds by call holds over UDP and TCP."""
    expansion = expansion_of(world)
    server = ptrd_server({f"{number}.yaml": text for number, text in enumerate(world.texts)}, workers=2)
    with ExitStack() as stack:
        targets = start_peers(stack, expansion)
        targets["ptrd"] = stack.enter_context(Served(server.address, server.port))
        asked = questions(expansion, random.Random(world.name), 400)
        wrong = judge(world.name, expansion, asked, targets, "ptrd")
    assert not wrong, complain(wrong)


@pytest.mark.parametrize("world", [*FIXED, *map(random_world, PROPERTY)], ids=lambda world: world.name)
def test_every_name_above_a_pointer_exists(world: World, tmp_path: Path) -> None:
    """Every ancestor, up to the apex, of every PTR and of every range that makes one is NOERROR (RFC 8020)."""
    expansion = expansion_of(world)
    target = Called(compile_world(tmp_path, world.texts))
    for name, reason in every_ancestor(expansion):
        for qtype in (12, 1, 65535):
            query = make_query(wire_of(name), qtype)
            reply = read_reply(query, target.ask(query, tcp=False))
            assert not isinstance(reply, str) and reply.rcode == "NOERROR", (
                f"{world.name} {name} {qtype} {reason}: {reply}"
            )


@pytest.mark.parametrize("world", [*FIXED, *map(random_world, PROPERTY)], ids=lambda world: world.name)
def test_every_record_of_the_expansion_is_served(world: World, tmp_path: Path) -> None:
    """Every PTR, A and AAAA that a default means, written out, is the answer to a question for it."""
    expansion = expansion_of(world)
    target = Called(compile_world(tmp_path, world.texts))
    for zone in expansion.zones:
        for owner in zone.made:
            if expansion.zone_of(owner) is not zone:
                continue
            for rtype, qtype in (("PTR", 12), ("A", 1), ("AAAA", 28)):
                query = make_query(wire_of(owner), qtype)
                reply = read_reply(query, target.ask(query, tcp=True))
                assert not isinstance(reply, str), reply
                held = any(record[1] == rtype for record in reply.answer)
                assert held == (rtype in zone.types[owner]), f"{world.name} {owner} {rtype}: {reply}"
