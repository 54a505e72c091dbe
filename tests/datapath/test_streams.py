"""Over TCP and TLS the compiled data path answers what is ordinary, and it is counted as if Python had answered."""

from __future__ import annotations

import random

import pytest

from ptrd.datapath.reader import make_reader
from ptrd.engine.edns import TCP
from ptrd.engine.responder import Options, Service, respond
from ptrd.metrics import blocks
from ptrd.serve.live import Live
from tests.datapath.both import NOW, SECRET, STREAM, Both, new_table, require_compiled
from tests.datapath.queries import queries
from tests.datapath.worlds import kept, owner
from tests.peers.asking import make_query
from tests.serve.certificates import connect, load, make_pair
from tests.serve.fakes import framed
from tests.serve.tcpbench import hang_up, read_message, run_with_bench
from tests.serving import serve

CLIENT = b"\x7f\0\0\1"
ORDINARY = make_query(owner("192.0.2.1"), 12)


@pytest.fixture(autouse=True)
def compiled():
    """Skip everything here without a compiled data path."""
    require_compiled()


def asked(count):
    """Give queries of every kind that have an answer, of one message."""
    service, dice = Service(Options()), random.Random(count)
    found = [data for data, _ in queries(kept(), dice, count)]
    said = [respond(kept(), service, data, TCP, ("127.0.0.1", 4711), NOW)[0] for data in found]
    return [data for data, wire in zip(found, said, strict=True) if wire and wire.__class__ is bytes]


def converse(messages, *, compiled, pair=None):
    """Ask over one connection; gives the answers, what was counted, and how many queries were Python's."""
    found, left = [], []

    def answer(*arguments):
        left.append(arguments)
        return respond(*arguments)

    service, ranges = Service(Options()), blocks.make_block(blocks.RANGE_BLOCK)[1]
    live = Live(kept(), service, ranges, make_reader(kept(), service) if compiled else None)

    async def talk(bench):
        if pair is None:
            reader, writer = await bench.connect()
        else:
            certificate = load(pair)
            await bench.listen_tls(certificate)
            certificate.close()
            reader, writer = await connect(bench.tls_address, pair)
        for query in messages:
            writer.write(framed(query))
            found.append(await read_message(reader))
        await hang_up(writer)
        latency = blocks.LATENCY_TCP if pair is None else blocks.LATENCY_TLS
        counts = bench.counts
        found.append((list(counts[: blocks.LATENCY]), sum(counts[latency : latency + 64]), list(ranges)))

    run_with_bench(talk, answer, live=live)
    return found, len(left)


@pytest.mark.parametrize("secure", [False, True])
def test_answers_and_counters_are_the_same(secure, tmp_path):
    """Whatever is asked: the same bytes, and the same numbers by qtype, source, rcode and range."""
    pair = make_pair(tmp_path) if secure else None
    messages = asked(600)
    plain, by_python = converse(messages, compiled=False, pair=pair)
    both, left = converse(messages, compiled=True, pair=pair)
    assert both == plain
    assert by_python == len(messages) and left < by_python - 100


def test_a_large_answer_is_given_whole():
    """What is truncated over UDP is answered over a stream, as long as there is room for it."""
    for number, answered in ((50, True), (100, False)):
        names = ", ".join([f"a-host-of-a-tenant-{host}.of.a.customer.example.net" for host in range(number)])
        both = Both(
            serve(
                f"zone: 192.0.2.0/24\nsoa: {{mname: a.b, rname: h@b.c}}\nns: [a.b]\nrecords: {{192.0.2.1: [{names}]}}\n"
            )
        )
        (wire, *_), handed = both.ask(ORDINARY, CLIENT)
        assert wire[2] & 2 and handed
        assert both.streams == answered


def test_streams_are_not_limited():
    """Limits do not count what comes over a stream: who can be answered there has shown where it is."""
    table = new_table()
    service = Service(Options(limit_records=1), table, SECRET)
    reader = make_reader(kept(), service)
    for _ in range(100):
        wire, source, *_ = reader.respond(kept(), ORDINARY, CLIENT, NOW, STREAM)
        assert wire[6:8] == b"\0\1" and source == 0
    assert not any(table)
    for _ in range(100):
        reader.respond(kept(), ORDINARY, CLIENT, NOW)
    assert any(table)


def test_a_reader_that_fails_is_not_asked_again(caplog):
    """Should it raise, Python answers that query and all that follow, and the log says so once."""

    class Failing:
        asked = 0

        def respond(self, *_):
            self.asked += 1
            raise RuntimeError("on purpose")

    service, reader = Service(Options()), Failing()
    live = Live(kept(), service, blocks.make_block(blocks.RANGE_BLOCK)[1], reader)

    async def talk(bench):
        stream, writer = await bench.connect()
        for _ in range(3):
            writer.write(framed(ORDINARY))
            assert (await read_message(stream))[6:8] == b"\0\1"
        await hang_up(writer)

    run_with_bench(talk, respond, live=live)
    assert reader.asked == 1 and live.reader is None
    assert [record.message for record in caplog.records if "compiled" in record.message] == [
        "the compiled data path fails, and is not used until the next publication"
    ]
