"""The compiled data path under AddressSanitizer and UndefinedBehaviorSanitizer.

`python -m tests.datapath.sanitized FOLDER pytest tests/datapath ...` builds it into a folder, and runs pytest with it;
`fuzz HARNESS SECONDS` in place of that runs a harness of tests/fuzz, `code TEXT` some Python. Whatever a sanitizer
finds ends the process. The module that is installed is not touched.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.datapath.sources import C_SOURCES, PROJECT
from tests.peers.process import missing, unable

NAME = "ptrd.datapath._compiled"
FLAGS = ("-std=c11", "-O1", "-g", "-fno-omit-frame-pointer", "-Wall", "-Wextra")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
BUILT = "PTRD_SANITIZED"  # the variable that tells a child where the module is


def find_sanitizer():
    """Give the path of AddressSanitizer's library; skip without a compiler or without that."""
    if shutil.which("gcc") is None:
        missing("gcc", "gcc libc6-dev python3-dev")
    said = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    library = Path(said.stdout.strip())
    if not library.is_absolute() or not library.exists():
        unable("gcc has no AddressSanitizer; apt-get install libgcc-12-dev")
    return library.resolve()


def build(folder, sources=None, *, flags=SANITIZERS):
    """Compile the extension into a folder and give its path; warnings are errors."""
    include = sysconfig.get_path("include")
    if not Path(include, "Python.h").exists():
        unable("Python.h is missing; apt-get install python3-dev")
    module = Path(folder) / f"_compiled{sysconfig.get_config_var('EXT_SUFFIX')}"
    sources = [path for path in C_SOURCES if path.suffix == ".c"] if sources is None else sources
    command = [
        "gcc",
        "-shared",
        "-fPIC",
        *FLAGS,
        "-Werror",
        *flags,
        f"-I{include}",
        *map(str, sources),
        "-o",
        str(module),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return module


def run(module, command, *, seconds, library=None):
    """Run a program with the sanitized module in place of the installed one; gives (status, what it said)."""
    environment = {key: value for key, value in os.environ.items() if not re.match("PYTEST_|COV_", key)} | {
        "LD_PRELOAD": str(library or find_sanitizer()),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONMALLOC": "malloc",
        BUILT: str(module),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.datapath.sanitized", "--child", *command],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )
    return done.returncode, done.stdout


def load(path):
    """Import the module from a path, before anybody imports the installed one."""
    assert NAME not in sys.modules
    spec = importlib.util.spec_from_file_location(NAME, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[NAME] = module


def run_child(command):
    """Be the process that is watched."""
    kind, *arguments = command
    sys.argv[1:] = arguments
    if kind == "pytest":
        import pytest  # noqa: PLC0415 - what the module is loaded before

        # what a sanitizer writes to standard error is not to be kept by pytest
        return pytest.main(["--capture=sys", "-p", "no:cacheprovider", *arguments])
    if kind == "code":
        exec(arguments[0])  # noqa: S102 - given on the command line
        return 0
    assert kind == "fuzz", f"{kind} is none of pytest, fuzz, code"
    from tests.fuzz.run import run_by_chance  # noqa: PLC0415 - the same

    return run_by_chance(arguments[0], float(arguments[1]))


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        load(os.environ[BUILT])
        sys.exit(run_child(sys.argv[2:]))
    Path(sys.argv[1]).mkdir(exist_ok=True)
    status, said = run(build(sys.argv[1]), sys.argv[2:], seconds=7200)
    sys.stdout.write(said)
    sys.exit(status)
