"""So many questions of one kind answered in this process and nothing else: for counters of instructions.

`python -m bench.respond IMAGE KIND COUNT python|compiled`; KIND is hits, made or nxdomain. The difference to a
run with no questions is what they cost; both start the same and read the image that `write_image` made before.
"""

from __future__ import annotations

import gc
import struct
import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptrd.engine.options import Options
from ptrd.engine.responder import respond
from ptrd.engine.service import Service
from ptrd.snapshot.image import open_image

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("hits", "made", "nxdomain")
RECORDS = 4096
NAMES = 200  # that are asked for in turn
PEER, ADDRESS = ("127.0.0.1", 4444), b"\x7f\0\0\1"
NOW = 1_700_000_000.0
EXEMPT = ((4, 127 << 24, 8, 0),)
ZONE = """\
zone: 10.0.0.0/8
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
defaults: {10.192.0.0/10: "{ip}.dyn.example.net"}
records:
"""


def write_image(path: Path) -> None:
    """Compile a zone of 4,096 records to an image file."""
    from tests.serving import build  # noqa: PLC0415 - what reads and compiles zones is slow to import under valgrind

    numbers = [(number >> 8, number & 255) for number in range(RECORDS)]
    lines = [f"  10.0.{third}.{fourth}: host-0-{third}-{fourth}.customer.example.net\n" for third, fourth in numbers]
    image = build(ZONE + "".join(lines))  # type: ignore[no-untyped-call]  # tests are not typed
    path.write_bytes(b"".join(image.parts))


def make_answering(image: Path, path: str) -> Callable[[bytes], Any]:
    """Make a function that answers a question, in plain Python or compiled. Raises ImportError without the latter."""
    snapshot = open_image(image.read_bytes())
    service = Service(Options(cookie_secrets=(bytes(16),), limit_exempt=EXEMPT))
    if path == "python":
        return lambda query: respond(snapshot, service, query, 0, PEER, NOW)
    from ptrd.datapath.reader import MISSING, make_reader  # noqa: PLC0415 - it is not there everywhere

    reader = make_reader(snapshot, service)
    if reader is None:
        raise ImportError(MISSING)
    return lambda query: reader.respond(snapshot, query, ADDRESS, NOW)


def make_questions(kind: str) -> list[bytes]:
    """Make the questions of a kind."""
    second = {"hits": 0, "nxdomain": 170, "made": 200}[kind]
    head, end = struct.pack("!6H", 1, 0, 1, 0, 0, 1), b"\x0210\x07in-addr\x04arpa\0" + struct.pack("!HH", 12, 1)
    opt = struct.pack("!BHHIH", 0, 41, 1232, 0, 0)
    owners = [(number, number & 15, second) for number in range(NAMES)]
    labels = [b"".join(bytes((len(str(octet)),)) + b"%d" % octet for octet in owner) for owner in owners]
    return [head + label + end + opt for label in labels]


def weigh(image: Path, kind: str, path: str, count: int = 2000) -> dict[str, float]:
    """Count memory: blocks that a thousand questions leave behind, and the most bytes that one needs at a time."""
    answering, questions = make_answering(image, path), make_questions(kind)
    for query in questions:  # what is remembered is so now
        answering(query)
    gc.collect()
    gc.disable()
    before = sys.getallocatedblocks()
    for number in range(count):
        answering(questions[number % NAMES])
    left = sys.getallocatedblocks() - before
    tracemalloc.start()
    peaks = []
    for query in questions:
        answering(query)
        tracemalloc.reset_peak()
        now = tracemalloc.get_traced_memory()[0]
        answering(query)
        peaks.append(tracemalloc.get_traced_memory()[1] - now)
    tracemalloc.stop()
    gc.enable()
    return {"left": left * 1000 / count, "peak": sum(peaks) / len(peaks)}


def main() -> None:
    """Answer as told."""
    image, kind, count, path = sys.argv[1:]
    answering, questions = make_answering(Path(image), path), make_questions(kind)
    for query in (query for each in KINDS for query in make_questions(each)):  # what is remembered is so now
        answering(query)
    for number in range(int(count)):
        answering(questions[number % NAMES])


if __name__ == "__main__":
    main()
