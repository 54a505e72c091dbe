"""Memory safety: the compiled data path under AddressSanitizer and UndefinedBehaviorSanitizer.

A part of the tests and of the fuzzing, bounded; `python -m tests.datapath.sanitized` runs as much as wanted.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.datapath.both import require_compiled
from tests.datapath.sanitized import build, find_sanitizer, run
from tests.datapath.sources import PROJECT

CANARY = """\
#include <Python.h>
static PyObject *overrun(PyObject *self, PyObject *size) {
    volatile size_t eight = 8; /* which the compiler must not know */
    volatile char *room = malloc(eight);
    room[PyLong_AsLong(size)] = 1;
    free((void *)room);
    (void)self;
    return PyLong_FromLong(0x7fffffff + (int)PyLong_AsLong(size));
}
static PyMethodDef methods[] = {{"overrun", overrun, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_compiled", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit__compiled(void) { return PyModule_Create(&definition); }
"""
TESTS = (
    "tests/datapath/test_reader.py",
    "tests/datapath/test_ordinary.py",
    "tests/datapath/test_socket.py",
    "tests/datapath/test_limits.py::test_the_tables_end_alike[True-3]",
    "tests/datapath/test_agreement.py::test_every_token_in_ranges_of_every_length[1-6]",
    "tests/datapath/test_agreement.py::test_every_token_in_ranges_of_every_length[1-4]",
    "tests/datapath/test_agreement.py::test_managed_records[kept]",
)
SLOW = "tests/datapath/test_reader.py::test_nothing_grows"


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory):
    """Build the extension once, as the documentation of the module says; give its path and the sanitizer's library."""
    require_compiled()
    library = find_sanitizer()
    folder = tmp_path_factory.mktemp("sanitized")
    command = [sys.executable, "-m", "tests.datapath.sanitized", str(folder), "code", "print(6 * 7)"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "42"), done.stdout + done.stderr
    return next(folder.glob("_compiled*.so")), library


def test_the_sanitizers_see_what_they_should(tmp_path, sanitized):
    """A byte written behind its block and an integer that overflows each end the process, with a report."""
    (tmp_path / "canary.c").write_text(CANARY)
    canary = build(tmp_path, [tmp_path / "canary.c"])
    for size, expected in ((8, "heap-buffer-overflow"), (1, "signed integer overflow"), (0, "2147483647")):
        code = f"from ptrd.datapath import _compiled; print(_compiled.overrun({size}))"
        status, said = run(canary, ["code", code], seconds=60, library=sanitized[1])
        assert expected in said
        assert bool(status) == bool(size)


def test_no_sanitizer_finds_anything(sanitized):
    """The tests of the compiled data path pass under both, over damaged images and real sockets too."""
    module, library = sanitized
    status, said = run(module, ["pytest", "-q", "-x", *TESTS, "--deselect", SLOW], seconds=240, library=library)
    assert status == 0 and "passed" in said, said


@pytest.mark.parametrize("harness", ["responder", "image"])
def test_fuzzing_finds_nothing_under_the_sanitizers(sanitized, harness):
    """A short run of inputs that chance changes passes its harness."""
    module, library = sanitized
    status, said = run(module, ["fuzz", harness, "2"], seconds=120, library=library)
    assert status == 0, said
    assert "executions" in said
