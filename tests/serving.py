"""From YAML text to a snapshot, in process: what most tests of answers begin with."""

from __future__ import annotations

import dns.message

from ptrd.engine.responder import Options, Service, respond
from ptrd.snapshot.build import build_image
from ptrd.snapshot.image import Input, open_image
from ptrd.snapshot.segment import compile_segment
from ptrd.snapshot.stubs import dump_stub, load_stub
from ptrd.store.zonefile import load_zone_file


def build(*texts, serials=None, now=1_700_000_000.0, revision=1, keys=None):
    """Compile zone files, given as text, to a BuiltImage; whatever is wrong in one of them fails the test."""
    segments = []
    for number, text in enumerate(texts):
        zones, problems = load_zone_file(f"zones/{number}.yaml", text.encode())
        errors = [str(problem) for problem in problems if not problem.warning]
        assert not errors, "\n".join(errors)
        source = Input(f"zones/{number}.yaml", len(text), 1, 1, number)
        segments.append((source, compile_segment(source.path, zones)))
        for zone in zones:
            if zone.primaries:  # which have told us nothing yet
                awaited = source._replace(path=f"{source.path} {zone.origin!r}")
                segments.append((awaited, compile_segment(awaited.path, [load_stub(dump_stub(zone))], received=True)))
    return build_image(segments, serials or {}, b"", revision, now, keys)


def serve(*texts, **options):
    """Compile zone files, given as text, to a Snapshot."""
    built = build(*texts, **options)
    assert built.parts, "\n".join(str(problem) for problem in built.problems)
    return open_image(b"".join(built.parts))


def ask(snapshot, query, *, tcp=False, options=None):
    """Send a dnspython message to the responder and read the reply with dnspython."""
    wire, *_ = respond(snapshot, Service(options or Options()), query.to_wire(), int(tcp))
    return dns.message.from_wire(wire)
