"""What fuzzing kept is replayed, and a short run of seeded changes to it: no input breaks an invariant."""

from __future__ import annotations

import logging
from contextlib import suppress
from itertools import islice

import pytest

from tests.datapath.both import require_compiled
from tests.fuzz.mutation import CORPUS, HARNESSES, inputs, load, mutations
from tests.fuzz.work import TooMuchWorkError, bounded

# As many as take a second or so.
CHANGED = {"reader": 3000, "responder": 500, "names": 2000, "templates": 60, "zonefile": 60, "tcp": 300, "foreign": 300,
           "signed": 1000, "image": 300}  # fmt: skip


@pytest.fixture(autouse=True)
def quiet():
    """Keep the log of asked-for failures out of the report."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def needs(name):
    """Skip the harness of what is not built here."""
    if name == "image":
        require_compiled()


@pytest.mark.parametrize("name", HARNESSES)
def test_the_kept_inputs(name):
    """Every seed and every input that fuzzing kept passes its harness."""
    needs(name)
    check = load(name).check
    for data in inputs(name):
        try:
            check(data)
        except BaseException as error:
            raise AssertionError(f"{name}: {data.hex()}") from error


@pytest.mark.parametrize("name", HARNESSES)
def test_changed_inputs(name):
    """The same few hundred changed inputs, every time, pass their harness."""
    needs(name)
    check = load(name).check
    for data in islice(mutations(name, 1), CHANGED[name]):
        try:
            check(data)
        except BaseException as error:
            raise AssertionError(f"{name}: {data.hex()}") from error


def test_the_corpus_is_small():
    """The kept inputs take less than 300 KB, and belong to a harness."""
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 300_000
    assert {path.parent.name for path in files} <= set(HARNESSES)


def test_work_without_bound_is_seen():
    """A call that executes more lines than it may is stopped, whatever it catches."""

    def endless():
        while True:
            with suppress(Exception):
                int("x")

    with pytest.raises(TooMuchWorkError):
        bounded(1000, endless)
    assert bounded(1000, abs, -1) == 1
