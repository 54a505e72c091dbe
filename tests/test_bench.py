"""The benchmarks run, every part of them, and give their numbers; nothing is said here about how fast anything is."""

from __future__ import annotations

import json
import os
import shutil
import xml.etree.ElementTree as ET
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

import pytest

from bench import report
from bench.counts import count_respond
from bench.peers import COOKIE_MAKERS, LIMITERS, MAKERS, PEERS, RELOADERS, SERVERS, UPDATERS, groups_that_fit, installed
from bench.questions import LOADS, SIZES
from bench.respond import KINDS, write_image
from bench.respond import RECORDS as COUNTED
from bench.results import Book, ratio
from bench.run import main
from bench.scenarios import address_of, name_of, owner_of, write_world
from tests.peers.process import require_program

pytestmark = pytest.mark.xdist_group("bench")  # everything is run once

ROOT = Path(__file__).parents[1]
RECORDS = 256
SMALL = (
    f"--records {RECORDS} --rounds 1 --seconds 0.2 --latency-rounds 1 --latency-seconds 0.2 --restarts 1 "
    "--questions 400 --changes 200 --change-rate 50 --singles 3 --quiet-seconds 0.1 --valgrind-questions 0"
)
EVERYTHING = f"{SMALL} --servers ptrd,{','.join(PEERS)}"
PLAIN = f"{SMALL} --servers ptrd-python --parts load,counts --loads hits"
LOAD_VALUES = ("user", "system", "rate", "busy")
LATENCY_VALUES = ("rate", "sent", "lost", "p50", "p99", "p999", "worst", "punctual", "punctual_p99")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run everything small, once, and plain Python's share of it; give the numbers and the folder of files."""
    require_program("dnsperf", "dnsperf")
    require_program("cc", "gcc libc6-dev")
    if os.environ.get("PTRD_REQUIRE_PEERS") == "1":  # else those that are not here are left out
        for peer in PEERS.values():
            require_program(peer.program, peer.package)
    folder = tmp_path_factory.mktemp("bench")
    plots = ["--plots", str(folder / "plots")] if find_spec("matplotlib") else []
    files = [folder / "plain.json", folder / "run.json"]
    place = ["--folder", str(folder)]
    if "ptrd-python" in ours():
        assert main([*PLAIN.split(), *place, "--json", str(files[0])]) == 0
    assert main([*EVERYTHING.split(), *place, "--json", str(files[1]), *plots]) == 0
    return Book.load(*filter(Path.exists, files)), folder


def values_of(book, part, what, server, *names, records=RECORDS):
    """Give the first value of each name of a figure; a figure or a value that is missing fails the test."""
    figure = book.find(part, what, records, server)
    assert figure is not None, f"{part} {what} of {server} was not measured"
    missing = [name for name in names if not figure.values.get(name)]
    assert not missing, f"{part} {what} of {server} has no {missing}"
    return [figure.values[name][0] for name in names]


def ours():
    """List our own servers: with a compiled data path there are two."""
    return [server for server in SERVERS if server.startswith("ptrd") and installed(server)]


def test_every_server_is_asked_every_kind_of_question_that_it_can_answer(run):
    """Each kind has a cost and a rate of each server that can be asked it."""
    able = {"made4": MAKERS, "made6": MAKERS, "limited": LIMITERS, "mix": COOKIE_MAKERS, "tcp": RELOADERS}
    for load in LOADS:
        for server in able.get(load, SERVERS):
            if installed(server) and (server != "ptrd-python" or load == "hits"):
                *_, rate, busy = values_of(run[0], "load", load, server, *LOAD_VALUES)
                assert rate > 0 and busy > 0, (load, server)


def test_latency_memory_and_start_are_measured_of_every_server(run):
    """Each server has latencies in their order, a size, and start times."""
    for server in filter(installed, SERVERS):
        _, sent, lost, p50, p99, p999, worst, *prompt = values_of(run[0], "latency", "hits", server, *LATENCY_VALUES)
        assert sent > lost and p50 <= p99 <= p999 <= worst, server
        assert 0 <= prompt[0] <= 1 and 0 <= prompt[1] <= worst, server
        assert values_of(run[0], "memory", "all", server, "bytes")[0] > 1_000_000, server
        assert values_of(run[0], "start", "cold", server, "seconds")[0] > 0, server
        if server in RELOADERS:
            assert values_of(run[0], "start", "restart", server, "seconds")[0] > 0, server
    for server in ours():
        assert values_of(run[0], "memory", "worker", server, "bytes")[0] > 0


def test_reloads_and_changes_are_measured(run):
    """Files are read again idle and under load; names change one by one, many at once and in a stream."""
    for server in filter(installed, ("ptrd", *PEERS)):
        if server not in RELOADERS:
            continue
        for what in ("one", "many"):
            assert values_of(run[0], "reload", what, server, "seconds")[0] > 0
        took, sent, _ = values_of(run[0], "reload", "loaded", server, "took", "sent", "p99")
        assert took > 0 and sent > 0
    for server in ("ptrd", *filter(installed, UPDATERS)):
        assert values_of(run[0], "change", "one", server, "seconds")[0] > 0
        assert values_of(run[0], "change", "many", server, "seconds", "changes")[1] == 200
    values_of(run[0], "beside", "quiet", "ptrd", "user", "system", "p99")
    assert values_of(run[0], "beside", "changing", "ptrd", "changes")[0] > 0


def test_counts_are_made(run):
    """The image has bytes a record; answering needs so much memory, and leaves next to nothing behind."""
    assert values_of(run[0], "image", "bytes", "ptrd", "each")[0] > 20
    for server in ours():
        for kind in KINDS:
            left, peak = values_of(run[0], "allocations", kind, server, "left", "peak", records=COUNTED)
            assert left < 1000 and peak > 0, (server, kind)


def test_the_run_says_where_and_with_what_it_was_made(run):
    """The machine, the interpreter and each server's version are in the file."""
    about = run[0].about
    assert about["processor"] and about["python"] and about["cores"] >= 1 and about["date"]
    assert set(about["versions"]) == {*ours(), *filter(installed, PEERS)} and all(about["versions"].values())


def test_tables_and_page_hold_the_numbers(run, tmp_path):
    """The report prints a table of each kind, and puts the same between the markers of a page, nothing else touched."""
    printed = report.tables(run[0])
    for title in ("CPU per query", "Latency", "Memory and start", "Zone files", "Changes", "beside", "Bytes"):
        assert title in printed
    page = tmp_path / "PAGE.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        assert report.main([str(run[1] / "run.json"), "--readme", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{report.BEGIN}\n") and text.endswith(f"{report.END}\nafter\n")
    assert "\nold\n" not in text and text.count("\n| 256 | PTR records |") == 2


def test_plots_are_drawn(run):
    """With matplotlib there are three plots, each a readable SVG of less than 100 KB."""
    pytest.importorskip("matplotlib")
    drawn = sorted((run[1] / "plots").iterdir())
    assert [path.name for path in drawn] == ["cost.svg", "latency.svg", "size.svg"]
    for path in drawn:
        root = ET.parse(path).getroot()  # noqa: S314 - we drew it ourselves
        assert root.tag.endswith("svg") and path.stat().st_size < 100_000


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind counts instructions; apt-get install valgrind")
def test_instructions_are_counted(tmp_path):
    """Answering takes some hundreds to some hundred thousands of instructions in plain Python."""
    write_image(tmp_path / "image")
    counted = count_respond(tmp_path / "image", "python", 200, ("hits",))
    assert 500 < counted["hits"] < 500_000


def test_both_forms_of_a_zone_say_the_same(tmp_path):
    """The record of an address in the YAML file stands under its reverse name in the master file, in both families."""
    for version, numbers in ((4, (0, 1, 255)), (6, (0, 17, 65_535, 65_536, 69_999))):
        world = write_world(tmp_path / str(version), version, 256 if version == 4 else 70_000)
        yaml, master = world.yaml.read_text(), world.master.read_text()
        for number in numbers:
            name, address = name_of(number), address_of(version, number)
            assert f"{address}: {name}\n" in yaml.replace('"', "")
            assert f"\n{owner_of(version, number)} PTR {name}.\n" in master
            assert ip_address(address).reverse_pointer == f"{owner_of(version, number)}.{world.origin}"


def test_ratios_are_taken_within_rounds():
    """A round that only one of two servers has counts for nothing, and a slow round slows both."""
    book = Book()
    for turn, (mine, other) in enumerate(((2.0, 1.0), (20.0, 10.0), (3.0, 1.0))):
        book.add("load", "hits", 1, "ptrd", turn, user=mine, system=0.0)
        book.add("load", "hits", 1, "nsd", turn if turn < 2 else 99, user=other, system=0.0)
    ptrd, nsd = book.servers("load", "hits", 1)
    assert ratio(ptrd, nsd) == 2.0


def test_servers_that_do_not_fit_run_in_groups():
    """Few records let all run at once; with too many each runs beside ptrd alone."""
    servers = ["ptrd", "nsd", "knot"]
    assert groups_that_fit(servers, 1000) == [servers]
    assert groups_that_fit(servers, 10**10) == [["ptrd", "nsd"], ["ptrd", "knot"]]


def test_the_page_is_marked_for_the_report():
    """README.md has the markers that bench/report.py writes between."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert 0 < page.find(report.BEGIN) < page.find(report.END)


def test_the_mix_is_of_sizes_that_servers_allow():
    """Every size of UDP answers in the mix is one that resolvers say, none below 1232 bytes."""
    assert min(SIZES) >= 1232


def test_an_unknown_server_or_part_is_named():
    """A mistyped name ends the run with it and the names there are, before anything starts."""
    with pytest.raises(SystemExit, match="unknown: nds"):
        main(["--servers", "ptrd,nds"])


def test_a_file_of_something_else_is_refused(tmp_path):
    """A JSON file that is no run is named."""
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"figures": []}))
    with pytest.raises(ValueError, match=r"other\.json is not a run"):
        Book.load(other)
