"""Which data path answers: chosen in the configuration, told by `ptrd status`, and the same to whoever asks."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ptrd.datapath.reader import MISSING
from ptrd.serve.interpreter import explain_data_path
from ptrd.serve.options import ServeError
from ptrd.serve.worker import Worker
from tests.peers.asking import UdpClient, make_query
from tests.talking import ORIGIN, PTR, fetch, status_of, up, zone

NEEDS = "the compiled data path is missing; pip install -e ."


@pytest.fixture
def start(ptrd_server):
    """Start a server on one zone, with a data path of choice."""

    def start(choice):
        zones = {"one.yaml": zone().replace("soa: {", "soa: {serial: 7, ")}
        return up(ptrd_server(zones, origins=[ORIGIN], workers=1, settings=f"data_path: {choice}\n"))

    return start


def needs_it():
    """Skip, or fail where everything must run, when nothing is compiled."""
    if MISSING:
        (pytest.fail if os.environ.get("PTRD_REQUIRE_PEERS") == "1" else pytest.skip)(f"{NEEDS}: {MISSING}")


def test_what_is_tested_was_built_of_what_is_here():
    """Where it is built in place, it is not older than its sources: a pull that changes them wants it built again."""
    needs_it()
    import ptrd.datapath._compiled as compiled  # noqa: PLC0415 - it may be missing

    built = Path(compiled.__file__)
    sources = [path for path in built.parent.iterdir() if path.suffix in (".c", ".h")]
    older = [path.name for path in sources if path.stat().st_mtime > built.stat().st_mtime]
    assert not older, f"{', '.join(older)}: newer than what was built of it; pip install -e ."


def answers(server):
    """Ask for what both data paths answer, and for what only plain Python does."""
    with UdpClient("127.0.0.1", server.port) as client:
        asked = [make_query(f"{octet}.{ORIGIN}", qtype) for octet in (1, 7) for qtype in (PTR, 1, 255, 6)]
        return [client.ask(query)[2:] for query in asked]


def test_both_give_the_same(start):
    """With `python` and with `compiled` every answer is the same, and the status says which it is."""
    needs_it()
    plain, compiled = start("python"), start("compiled")
    assert answers(plain) == answers(compiled)
    assert [worker["compiled"] for worker in status_of(plain)["workers"]] == [False]
    assert [worker["compiled"] for worker in status_of(compiled)["workers"]] == [True]
    assert status_of(plain)["uncompiled"] == "`data_path: python` says so"
    assert status_of(compiled)["uncompiled"] == ""


def counters(server):
    """Give what is counted of queries and answers."""
    wanted = ("ptrd_queries_total", "ptrd_query_types", "ptrd_responses_total", "ptrd_response_sources", "ptrd_range")
    lines = [line.rsplit(" ", 1) for line in fetch(server, "/metrics")[1].splitlines() if line.startswith(wanted)]
    return {name: float(value) for name, value in lines}


def test_the_counters_are_the_same(start):
    """What was asked and answered is counted alike by both."""
    needs_it()
    counted = []
    for choice in ("python", "compiled"):
        server = start(choice)
        before = counters(server)
        answers(server)
        counted.append({name: value - before[name] for name, value in counters(server).items()})
    assert counted[0] == counted[1]
    assert counted[0]['ptrd_response_sources_total{source="default"}'] == 2  # PTR and ANY


def test_what_is_not_there_cannot_be_had(monkeypatch):
    """Without it `compiled` is an error that says what to do, and `auto` goes on in plain Python."""
    monkeypatch.setattr("ptrd.serve.interpreter.MISSING", "it is not built")
    with pytest.raises(ServeError, match=r"`data_path: compiled` cannot be had: it is not built; install ptrd anew"):
        explain_data_path("compiled")
    assert explain_data_path("auto") == "it is not built"


def test_without_it_everything_is_imported():
    """A package in which nothing was compiled serves all the same."""
    missing = "import sys; sys.modules['ptrd.datapath._compiled'] = None; "
    code = missing + "from ptrd.datapath import reader; print(reader.MISSING)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("it is not built (")
    code = missing + "import ptrd.serve.worker, ptrd.daemon.run"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def worker_with(make_compiled):
    """Make a worker without a supervisor; give it and the messages that it sends."""
    worker = Worker(None, None, None, None, make_compiled)
    said = []
    worker._channel = SimpleNamespace(send=said.append)
    worker._service = SimpleNamespace(take_notified=list, take_news=lambda _: [])
    worker._live.service = worker._service
    return worker, said


def test_one_that_fails_is_done_without():
    """When the compiled data path cannot read an image, the worker goes on in plain Python for good."""

    def make_compiled(*_):
        raise TypeError("built for another version")

    async def run():
        worker, _ = worker_with(make_compiled)
        assert worker._compile(None, memoryview(b"")) is None
        assert worker._make_compiled is None

    asyncio.run(run())


def test_the_supervisor_knows_which_one_answers():
    """A data path that fails while it answers is told, and so is the next one that does not."""

    async def run():
        worker, said = worker_with(None)
        for reader in (object(), object(), None, None, object()):
            worker._live.reader = reader
            worker._tell_news()
        assert [message["compiled"] for message in said] == [True, False, True]

    asyncio.run(run())
