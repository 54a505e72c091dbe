"""The compiler: files as they were at one moment, every problem of every file, and a child that ends when unwanted."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ptrd.control import compiler
from ptrd.control.compiler import compile_sources
from ptrd.control.jobs import Job, Report, dump_line, load_job, load_report
from ptrd.records.model import Place, Problem
from ptrd.snapshot.image import open_image, segment_of
from ptrd.store.images import stat_input

ROOT = Path(__file__).parents[2]
HEAD = "zone: {}\nsoa: {{mname: ns1.example.net, rname: hostmaster.example.net}}\nns: [ns1.example.net]\n"


@pytest.fixture
def write(tmp_path):
    """Give a function that writes a zone file of one zone and gives its path."""

    def write(name, zone, text=""):
        path = tmp_path / name
        path.write_text(HEAD.format(zone) + text)
        return str(path)

    return write


def problems_of(*sources, **options):
    """Compile and give the problems as text."""
    return [str(problem) for problem in compile_sources(sources, 1e9, **options).problems]


def test_files_become_one_image(write, tmp_path):
    """Files and folders are compiled together."""
    write("a.yaml", "192.0.2.0/24", "records: {192.0.2.1: a.example.net}\n")
    write("b.yml", "198.51.100.0/24", "records: {198.51.100.1: b.example.net}\n")
    compiled = compile_sources([str(tmp_path)], 1e9)
    assert (compiled.files, compiled.reused) == (2, 0)
    snapshot = open_image(b"".join(compiled.built.parts))
    assert {zone.serial for zone in snapshot.zones} == {1_000_000_000}


def test_all_problems_of_all_files_are_told(write):
    """Problems within files, between files, and files that are not there come together, each once."""
    one = write("a.yaml", "192.0.2.0/24", "records: {192.0.3.1: a.example.net}\n")
    two = write("b.yaml", "198.51.100.0/24", "records: {198.51.100.1: b.example.net}\n")
    again = write("c.yaml", "100.51.198.in-addr.arpa")
    found = [line for line in problems_of(one, two, again, "/nonexistent/zone.yaml") if " warning: " not in line]
    assert len(found) == 3
    assert found[0].startswith("/nonexistent/zone.yaml:1:1: error: ")
    assert found[1].startswith(f"{one}:4:")
    assert found[2].startswith(f"{again}:1:")


def test_the_limit_of_records_is_the_operators(write):
    """More records of one name than configured are an error."""
    names = ", ".join(f"n{number}.example.net" for number in range(3))
    path = write("a.yaml", "192.0.2.0/24", f"records: {{192.0.2.1: [{names}]}}\n")
    assert not problems_of(path, limit=3)
    assert len(problems_of(path, limit=2)) == 1


def test_a_file_that_changes_while_it_is_read_is_read_again(write, monkeypatch):
    """The content and the identity that are kept belong together."""
    path = write("a.yaml", "192.0.2.0/24")
    looks = []

    def stat_and_change(path_):
        looks.append(path_)
        if len(looks) == 1:
            write("a.yaml", "192.0.2.0/24", "records: {192.0.2.1: late.example.net}\n")
        return stat_input(path_)

    monkeypatch.setattr(compiler, "stat_input", stat_and_change)
    compiled = compile_sources([path], 1e9)
    assert len(looks) == 2
    assert b"late" in b"".join(compiled.built.parts)


def test_a_file_that_never_rests_is_an_error(write, monkeypatch):
    """A file that is written again and again is not waited for."""
    path = write("a.yaml", "192.0.2.0/24")

    def stat_and_change(path_):
        write("a.yaml", "192.0.2.0/24", f"# {time.monotonic_ns()}\n")
        return stat_input(path_)

    monkeypatch.setattr(compiler, "stat_input", stat_and_change)
    assert problems_of(path) == [
        f"{path}:1:1: error: the file changes while it is being read; reload when it is complete"
    ]


def test_odd_files_are_errors(tmp_path):
    """A FIFO that nobody writes to, a device without end and a folder with the name of a file hold nothing up."""
    os.mkfifo(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").mkdir()
    (tmp_path / "c.yaml").symlink_to("/dev/zero")
    (tmp_path / "d.yaml").symlink_to("/nonexistent")
    assert [line.partition("error: ")[2] for line in problems_of(str(tmp_path))] == [
        "this is no regular file; name a zone file, or a folder of them",
        "this is no regular file; name a zone file, or a folder of them",
        "this is no regular file; name a zone file, or a folder of them",
        "cannot read the file: No such file or directory",
    ]


def test_an_old_image_gives_what_has_not_changed(write):
    """The image is the same whether a file was read or its segment reused; other settings reuse nothing."""
    one = write("a.yaml", "192.0.2.0/24", "records: {192.0.2.1: a.example.net}\n")
    two = write("b.yaml", "198.51.100.0/24", 'defaults: {198.51.100.0/24: "{ip}.example.net"}\n')
    first = compile_sources([one, two], 1e9, settings=b"x")
    old = b"".join(first.built.parts)
    again = compile_sources([one, two], 2e9, settings=b"x", serials=first.built.serials, old=old)
    assert again.reused == 2
    assert b"".join(again.built.parts) == old
    assert compile_sources([one, two], 1e9, settings=b"y", old=old).reused == 0
    assert compile_sources([one, two], 1e9, settings=b"x", old=b"no image").reused == 0


def test_jobs_and_reports_survive_the_pipe():
    """What one side writes the other reads, names that are no text included."""
    job = Job(("a b", "\udcff\n"), 100, "", "s", "o", "p", "00ff", 7, 1.5)
    assert load_job(dump_line(job)) == job
    problems = [Problem(Place("f", 1, 2), "m\n", warning=True)]
    report = Report("", problems, 3, [("z.", None, 1), ("y.", 1, 2)], 2, 1)
    assert load_report(dump_line(report)) == report


def test_the_child_tells_errors_first_and_not_too_many(tmp_path):
    """A report is bounded, and what is left out are warnings before errors."""
    records = "".join(f"  192.0.2.{octet}: bad_name.example.net\n" for octet in range(256))
    for number in range(6):
        text = HEAD.format(f"192.0.{number}.0/24") + "records:\n" + records.replace("192.0.2", f"192.0.{number}")
        (tmp_path / f"{number}.yaml").write_text(text)
    (tmp_path / "z.yaml").write_text("zone: [\n")
    job = Job((str(tmp_path),), 100, "", str(tmp_path / "s"), str(tmp_path / "o"), str(tmp_path / "p"), "", 1, 1e9)
    with start_compiler() as child:
        child.stdin.write(dump_line(job))
        child.stdin.flush()
        report = load_report(child.stdout.readline())
    assert len(report.problems) == compiler.MAX_PROBLEMS
    assert report.omitted == 6 * 256 + 1 - compiler.MAX_PROBLEMS
    assert not report.problems[0].warning
    assert report.error == "the zone files have 1 error"
    assert not (tmp_path / "o").exists()


def start_compiler():
    """Start a compiler that waits for its job."""
    return subprocess.Popen(
        [sys.executable, "-m", "ptrd.control.compiler"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_the_child_ends_when_nobody_wants_the_result(write, tmp_path):
    """A compiler whose publisher dies ends in the middle of its work and writes nothing."""
    text = "".join(f"  10.{n >> 16}.{n >> 8 & 255}.{n & 255}: h{n}.example.net\n" for n in range(200_000))
    path = write("a.yaml", "10.0.0.0/8", "records:\n" + text)
    job = Job((path,), 100, "", str(tmp_path / "s"), str(tmp_path / "o"), str(tmp_path / "p"), "", 1, 1e9)
    with start_compiler() as child:
        child.stdin.write(dump_line(job))
        child.stdin.close()
        assert child.wait(timeout=60) == 1
        assert child.stdout.read() == b""
    assert not (tmp_path / "o").exists()


def test_one_changed_file_of_many_is_compiled_alone(write, monkeypatch):
    """The other files are neither read nor compiled: their segments are those of the old image, byte for byte."""
    paths = [write(f"{octet}.yaml", f"10.{octet}.0.0/16", f"records: {{10.{octet}.0.1: a.b}}\n") for octet in range(50)]
    first = compile_sources(paths, 1e9)
    old = b"".join(first.built.parts)
    write("7.yaml", "10.7.0.0/16", "records: {10.7.0.2: c.d}\n")
    loaded = []
    load = compiler.load_zone_file
    monkeypatch.setattr(
        compiler, "load_zone_file", lambda path, *rest: loaded.append(path) or load(path, *rest), raising=True
    )
    second = compile_sources(paths, 2e9, serials=first.built.serials, old=old)
    assert (loaded, second.reused) == ([paths[7]], 49)
    image = b"".join(second.built.parts)
    for number in range(50):
        assert (segment_of(image, number) == segment_of(old, number)) is (number != 7)
    assert [zone for zone, *_ in second.built.changed] == ["7.10.in-addr.arpa."]
