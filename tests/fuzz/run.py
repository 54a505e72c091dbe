"""Fuzz one harness for some time: `python -m tests.fuzz.run reader --seconds 60 [--keep]`, from the project's folder.

With atheris (`pip install '.[fuzz]'`) the run is led by coverage and tells the edges reached; without, inputs are only
changed by chance. An input that breaks an invariant is printed as hex; `--keep` adds what reached new edges, reduced
to the fewest inputs, to `tests/fuzz/corpus`.
"""

# ruff: noqa: T201 - it prints what it found

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import logging
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.mutation import CORPUS, HARNESSES, inputs, mutations
from tests.fuzz.work import sampling

PACKAGE = "/ptrd/"
MEASURED_EVERY = 32  # one execution in so many has its lines counted


def main():
    """Run as told on the command line; the status is 1 when something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=HARNESSES)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", action="store_true", help="add what reached new edges to the corpus")
    parser.add_argument("--child", nargs="*", help=argparse.SUPPRESS)
    arguments, rest = parser.parse_known_args()
    logging.disable(logging.CRITICAL)
    if arguments.child is not None:
        run_child(arguments.name, [*arguments.child, *rest])
        return 0
    if importlib.util.find_spec("atheris") is None:
        return run_by_chance(arguments.name, arguments.seconds)
    return run_with_atheris(arguments.name, arguments.seconds, keep=arguments.keep)


def run_child(name, options):
    """Be the process that libFuzzer owns."""
    import atheris  # noqa: PLC0415 - optional

    with atheris.instrument_imports(include=["ptrd"]):
        from tests.fuzz.mutation import load  # noqa: PLC0415 - what is imported here is instrumented

        harness = load(name)
    sampling["every"] = MEASURED_EVERY
    atheris.Setup([sys.argv[0], *options], harness.check)
    atheris.Fuzz()


def start_child(name, *options):
    """Run libFuzzer in a process of its own, since it ends its process, and give its status and what it said."""
    command = [sys.executable, "-m", "tests.fuzz.run", name, "--child", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, done.stderr + done.stdout


def run_with_atheris(name, seconds, *, keep):
    """Fuzz from the kept corpus, and say what came of it."""
    from tests.fuzz.mutation import load  # noqa: PLC0415 - the child must not have it before atheris

    harness = load(name)
    with tempfile.TemporaryDirectory(prefix="ptrd-fuzz-") as folder:
        work = Path(folder, "corpus")
        work.mkdir()
        for number, data in enumerate(inputs(name)):
            (work / f"seed{number}").write_bytes(data)
        words = Path(folder, "words")
        words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in harness.WORDS))
        began = time.monotonic()
        status, said = start_child(
            name,
            f"-max_total_time={seconds}",
            f"-max_len={harness.LONGEST}",
            f"-dict={words}",
            f"-artifact_prefix={folder}/",
            "-timeout=20",
            "-print_final_stats=1",
            work,
        )
        edges = re.findall(r"cov: (\d+) ft: (\d+)", said)
        executions = re.search(r"number_of_executed_units: (\d+)", said)
        if not edges or not executions:
            print(said[-4000:])
            return 1
        took = time.monotonic() - began
        print(f"{name}: {executions[1]} executions in {took:.0f} s, {edges[-1][0]} edges, {edges[-1][1]} features")
        for path in sorted(Path(folder).iterdir()):
            if path.name.startswith(("crash-", "timeout-", "oom-")):
                print(f"{path.name}: {path.read_bytes().hex()}\n{said[-4000:]}")
                status = 1
        if keep and not status:
            keep_best(name, work)
        return int(status != 0)


def keep_best(name, work):
    """Replace the kept corpus by the fewest inputs, the shortest first, that reach each line from each line before."""
    from tests.fuzz.mutation import load  # noqa: PLC0415 - as above

    harness = load(name)
    reached = set()
    for data in harness.seeds():
        reached |= jumps(harness.check, data)
    kept = CORPUS / name
    found = sorted({path.read_bytes() for path in work.iterdir()}, key=lambda data: (len(data), data))
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for data in found:
        more = jumps(harness.check, data) - reached
        if more:
            reached |= more
            (kept / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
    size = sum(path.stat().st_size for path in kept.iterdir())
    print(f"{name}: {len(list(kept.iterdir()))} inputs kept, {size} bytes")


def jumps(check, data):
    """Give (code, line before, line) of every step within ptrd that an input leads to."""
    found = set()

    def trace(frame, event, _argument):
        code = frame.f_code
        if event != "call" or PACKAGE not in code.co_filename:
            return None
        before = 0

        def step(frame, event, _argument):
            nonlocal before
            if event == "line":
                found.add((code, before, frame.f_lineno))
                before = frame.f_lineno
            return step

        return step

    sampling["every"] = sys.maxsize  # two traces cannot be
    sys.settrace(trace)
    try:
        check(data)
    finally:
        sys.settrace(None)
    return found


def run_by_chance(name, seconds):
    """Change inputs for some time."""
    from tests.fuzz.mutation import load  # noqa: PLC0415 - as above

    check = load(name).check
    until = time.monotonic() + seconds
    for number, data in enumerate(mutations(name, time.time_ns()), 1):
        try:
            check(data)
        except BaseException:
            print(f"{name}: {data.hex()}")
            raise
        if time.monotonic() > until:
            print(f"{name}: {number} executions in {seconds} s; edges are counted with atheris only")
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
