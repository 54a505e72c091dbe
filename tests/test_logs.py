"""Log lines: one line each whatever is in it, nothing that a terminal obeys, and no more than a log can take."""

import asyncio
import io
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd import logs
from ptrd.logs import BURST, LISTED, BoundedHandler, JsonLines, Lines, escape
from tests.talking import until, up, zone

ROOT = Path(__file__).parents[1]
# Lone surrogates too: that is how Python reads a file's name that is no UTF-8.
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=60)
CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")


def record(level, message, *arguments, exc_info=None, **extra):
    """Make a log record."""
    made = logging.LogRecord("ptrd", level, __file__, 1, message, arguments, exc_info)
    made.__dict__ |= extra
    return made


def raised(text):
    """Give what `sys.exc_info` says of an error with this text."""
    try:
        raise ValueError(text)  # noqa: TRY301 - an exception with a traceback is all that is wanted
    except ValueError:
        return sys.exc_info()


def test_a_line_is_level_and_message():
    """A person sees what happened and how bad it is, and where when it was a worker."""
    assert Lines().format(record(logging.INFO, "%s is %d", "x", 1)) == "info: x is 1"
    assert Lines(process="worker 3").format(record(logging.ERROR, "x")) == "error: worker 3: x"


def test_control_characters_are_written_as_numbers():
    """A newline, an escape sequence or a C1 control in a name neither ends the line nor reaches the terminal."""
    text = Lines().format(record(logging.ERROR, "name %s", "a\nerror: forged\x1b[2J\x9b1m\x7f\u2028é"))
    assert text == r"error: name a\010error: forged\027[2J\1551m\127\8232é"
    assert escape("plain äöü \\") == "plain äöü \\"


def test_the_journal_gets_priorities():
    """Under systemd each line begins with its priority, those of a traceback too."""
    text = Lines(journal=True).format(record(logging.ERROR, "failed", exc_info=raised("two\nlines")))
    lines = text.splitlines()
    assert lines[0] == "<3>error: failed"
    assert lines[1] == "<3>  Traceback (most recent call last):"
    assert all(line.startswith("<3>") for line in lines)
    assert Lines(journal=True).format(record(logging.WARNING, "x")) == "<4>warning: x"
    assert json.loads(JsonLines(journal=True).format(record(logging.INFO, "x")).removeprefix("<6>"))["level"] == "info"


def test_json_has_the_parts_of_a_record():
    """A collector gets time, level, process, logger, message, the place of a problem, and a traceback as one field."""
    made = record(logging.ERROR, "%s:%d:%d: %s", "a.yaml", 3, 7, "bad", place=("a.yaml", 3, 7), exc_info=raised("x\ny"))
    made.created = 1_700_000_000.0625
    found = json.loads(JsonLines(process="worker 1").format(made))
    traceback = found.pop("traceback").splitlines()
    assert traceback[0] == "Traceback (most recent call last):" and traceback[-2:] == ["ValueError: x", "y"]
    assert found == {
        "time": "2023-11-14T22:13:20.062Z",
        "level": "error",
        "process": "worker 1",
        "logger": "ptrd",
        "message": "a.yaml:3:7: bad",
        "file": "a.yaml",
        "line": 3,
        "column": 7,
    }


@settings(deadline=None)
@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_any_text_makes_one_json_line(message, process, name, failure):
    """Whatever stands in the message, the place, the process or an exception: one line that reads back the same."""
    made = record(logging.INFO, "%s", message, place=(name, 1, 2), exc_info=raised(failure))
    line = JsonLines(process=process).format(made)
    assert line.isascii() and line.isprintable()
    found = json.loads(line)
    assert (found["message"], found["process"], found["file"]) == (message, process, name)
    last = f"ValueError: {failure}" if failure else "ValueError"
    assert found["traceback"].endswith(last.rstrip("\n"))


@settings(deadline=None)
@given(ANYTHING, ANYTHING, st.booleans())
def test_any_text_makes_one_text_line(message, failure, journal):
    """As text no control character is left, and a line of an exception cannot be taken for a record's own."""
    text = Lines(journal=journal).format(record(logging.INFO, "%s", message, exc_info=raised(failure)))
    first, *others = text.split("\n")
    prefix = "<6>" if journal else ""
    assert first.startswith(f"{prefix}info: ")
    assert all(line.startswith(f"{prefix}  ") for line in others)
    assert not any(CONTROL.search(line) for line in (first, *others))


@pytest.fixture
def clock(monkeypatch):
    """Give a clock that a test sets: `clock.now`."""

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

        def time(self):
            return 1e9 + self.now

    clock = Clock()
    monkeypatch.setattr(logs, "time", clock)
    return clock


@pytest.fixture
def log():
    """Give a logger of its own; `log.lines()` is what it has written."""
    stream = io.StringIO()
    handler = BoundedHandler(stream)
    handler.setFormatter(Lines())
    logger = logging.Logger("bounded")  # noqa: LOG001 - nothing of it stays
    logger.addHandler(handler)
    logger.lines = lambda: stream.getvalue().splitlines()
    logger.bounded = handler
    return logger


def test_a_template_comes_a_few_times_and_then_as_a_number(clock, log):
    """Ten in ten seconds are written, of errors too; the next record after that says how many were held back."""
    for number in range(25):
        log.error("client %d went wrong", number)
        log.warning("client %d went wrong", number)  # another level is another template
    assert len(log.lines()) == 2 * BURST
    clock.now += 10
    log.error("something else")
    assert log.lines()[2 * BURST :] == [
        "error: 15 like this one were held back within 10 s: client 10 went wrong",
        "warning: 15 like this one were held back within 10 s: client 10 went wrong",
        "error: something else",
    ]
    log.error("client %d went wrong", 26)
    assert log.lines()[-1] == "error: client 26 went wrong"


def test_a_list_that_was_asked_for_is_whole(log):
    """The problems of a reload and the zones that it changed are each written, however many."""
    for number in range(50):
        log.error("problem %d", number, extra=LISTED)
    assert log.lines() == [f"error: problem {number}" for number in range(50)]


def test_templates_without_end_are_bounded(clock, log):
    """Texts that somebody makes up as templates, without end, neither fill the log nor the memory."""
    for number in range(1000):
        log.error(f"made up {number}")  # noqa: G004 - as a library might
    assert len(log.lines()) == logs._TEMPLATES + BURST
    assert len(log.bounded._seen) == logs._TEMPLATES + 1
    clock.now += 10
    log.error("x")
    assert len(log.bounded._seen) == 1


def test_what_was_held_back_is_told_without_another_record(monkeypatch, log):
    """When the time is over the running loop has the number told; and the end of the log tells what is left."""
    monkeypatch.setattr(logs, "PERIOD", 0.05)

    async def flood():
        for _ in range(BURST + 5):
            log.error("again")
        async with asyncio.timeout(20):
            while len(log.lines()) == BURST:  # noqa: ASYNC110 - a line has no event
                await asyncio.sleep(0.01)

    asyncio.run(flood())
    assert log.lines()[-1].startswith("error: 5 like this one were held back within ")
    monkeypatch.setattr(logs, "PERIOD", 600.0)
    for _ in range(BURST + 2):
        log.error("more")
    log.bounded.close()
    assert log.lines()[-1] == "error: 2 like this one were held back within 600 s: more"


def test_a_held_back_number_is_a_field_of_json(clock, log):
    """A collector reads the number without parsing a sentence."""
    log.bounded.setFormatter(JsonLines(process="supervisor"))
    for _ in range(BURST + 3):
        log.error("again")
    clock.now += 10
    log.error("x")
    assert json.loads(log.lines()[BURST])["held_back"] == 3


def test_what_nobody_caught_is_a_record():
    """An exception that ends a process, and a warning of Python's, are JSON lines too."""
    script = (
        "import warnings; from ptrd.logs import write_logs; write_logs('json', 'supervisor'); "
        "warnings.warn('old\\nnews'); raise RuntimeError('gone\\nwrong')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    warning, end = map(json.loads, done.stderr.splitlines())
    assert warning["logger"] == "py.warnings" and "old\nnews" in warning["message"]
    assert (end["level"], end["message"]) == ("critical", "the process ends")
    assert end["traceback"].endswith("RuntimeError: gone\nwrong")


def test_every_line_of_the_server_is_json(ptrd_server):
    """With `log: {format: json}` each line of the log is a JSON object, that of a start that fails included."""
    server = up(ptrd_server({"one.yaml": zone()}, settings="log: {format: json}\n", workers=2))
    (server.zone_folder / "two.yaml").write_text("zone: 10.0.0.0/8\n")
    server.child.process.send_signal(1)
    until(lambda: "nothing is published" in server.said())
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.said().splitlines() if line.startswith("{")]
    problems = [line for line in lines if "column" in line]
    assert problems and problems[0]["file"] == str(server.zone_folder / "two.yaml") and problems[0]["line"] == 1
    assert {line["process"] for line in lines} == {"supervisor"}
    greeting = r"ptrd \d|  DNS|  HTTP|  control|try: dig"  # for a person, on standard output
    assert not [line for line in server.said().splitlines() if not re.match(rf"\{{.*\}}$|{greeting}", line)]
    server.config.write_text(server.config.read_text().replace(f"127.0.0.1:{server.port}", "192.0.2.1:53"))
    done = subprocess.run(server.command("serve"), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert json.loads(done.stderr.splitlines()[-1])["message"].startswith("cannot listen on 192.0.2.1:53")
