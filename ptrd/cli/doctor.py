"""`ptrd doctor`: would a registry delegate this zone, and what keeps it from that? Nothing is changed anywhere."""

from __future__ import annotations

import argparse
import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from ptrd.cli.client import UnreachableError
from ptrd.cli.exits import Exit, add_output, print_json
from ptrd.cli.options import DEFAULT_CONFIG, UsageError
from ptrd.cli.output import plain
from ptrd.cli.progress import Progress
from ptrd.cli.servers import read_server
from ptrd.client.endpoints import ClientError
from ptrd.config import load_config
from ptrd.records.advice import Severity
from ptrd.records.cuts import cut_names
from ptrd.records.diagnosis import diagnose, is_delegable
from ptrd.records.values import ValueText, parse_address, parse_domain, parse_host, parse_prefix
from ptrd.store.sources import expand_sources
from ptrd.store.zonefile import load_zone_file
from ptrd.wire.names import ROOT, format_name, labels_of
from ptrd.wire.reverse import BITS, STRIDE, prefix_of, reverse_name
from ptrd.wire.rrtypes import NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrd.client.examine import Known
    from ptrd.records.diagnosis import Diagnosis
    from ptrd.records.model import Prefix, Zone
    from ptrd.records.observations import Examination

HELP: Final = "check a zone's delegation as registries do"
DESCRIPTION: Final = """\
Asks for a zone's delegation at its parent, and everything that registries check at each of its name servers: that it
resolves, answers with authority over UDP and TCP, IPv4 and IPv6, and EDNS; that all agree with each other and with the
parent; SOA, glue, DS; and the delegations in the zone. ZONE is a prefix, such as 192.0.2.0/24, or a name. Each finding
says what was found, why it matters, and what to do.
"""

_PART: Final = re.compile(r"(\d{1,3})[-/](\d{1,3})")
_TIMES: Final = 30  # the whole takes at most so many timeouts
_SHORTEST: Final = 20.0  # seconds that the whole may take, however short the timeout
_HEADINGS: Final = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.NOTICE: "notices"}


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("zone", metavar="ZONE", help="a prefix, such as 192.0.2.0/24, or a zone's name")
    where = "ADDRESS[:PORT]"
    parser.add_argument(
        "--ns",
        metavar="NAME",
        type=_read_host,
        action="append",
        default=[],
        help="a name server that shall have the zone, where it is not delegated yet; once for each",
    )
    parser.add_argument(
        "--parent",
        metavar=where,
        type=read_server,
        action="append",
        default=[],
        help="ask this server of the zone above who has the zone (default: found from the root)",
    )
    parser.add_argument(
        "--root",
        metavar=where,
        type=read_server,
        action="append",
        default=[],
        help="begin at this root server (default: IANA's)",
    )
    parser.add_argument(
        "--resolver",
        metavar=where,
        type=read_server,
        action="append",
        default=[],
        help="ask this resolver for addresses of name servers (default: the servers that have them, from the root on)",
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=_read_timeout, default=2.0, help="for each question (default: 2)"
    )
    parser.add_argument("--strict", action="store_true", help="let the exit status be 1 for warnings too")
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Examine the zone, and print what is found."""
    zones = _load_zones(arguments.config)
    origin = _read_zone(arguments.zone, zones)
    own = next((zone for zone in zones if zone.origin == origin), None)
    try:
        seen = asyncio.run(_examine(arguments, format_name(origin), own))
    except ClientError as error:
        raise UnreachableError(str(error)) from None
    findings = diagnose(seen)
    if arguments.output == "json":
        print_json(_as_json(seen, findings))
    else:
        _print_report(seen, findings)
    bad = {Severity.ERROR, Severity.WARNING} if arguments.strict else {Severity.ERROR}
    return Exit.PROBLEM if any(finding.severity in bad for finding in findings) else Exit.DONE


def _load_zones(path: str) -> list[Zone]:
    """Read the zones of the configuration; none where there is none and none was named."""
    if path == DEFAULT_CONFIG and not Path(path).exists():
        return []
    options = load_config(path).publish
    zones = []
    files = expand_sources(options.zones)[0]
    with Progress("reading zone files", len(files)) as progress:
        for file in files:
            progress.advance(1)
            try:
                data = Path(file).read_bytes()
            except OSError:
                continue  # `ptrd check` says so; what the zone delegates is then unknown here
            zones += load_zone_file(file, data, options.max_records)[0]
    return zones


def _read_zone(text: str, zones: Sequence[Zone]) -> bytes:
    """Give the zone that is meant, as a wire name in lower case. Raises UsageError."""
    try:
        version, _ = parse_address(text)
    except ValueText:
        pass
    else:
        example = "192.0.2.0/24" if version == 4 else "2001:db8::/32"
        raise UsageError(f"{text} is an address, no zone; write the prefix that is delegated, such as {example}")
    before, slash, after = text.partition("/")
    if slash and (":" in text or (before.replace(".", "").isdigit() and (before.count(".") == 3 or after.isdigit()))):
        try:
            return _zone_of(text, parse_prefix(text), zones)
        except ValueText as error:
            raise UsageError(str(error)) from None
    try:
        name = parse_domain(text).lower()
    except ValueText as error:
        raise UsageError(f"{error}; write a prefix such as 192.0.2.0/24, or a zone's name") from None
    if name == ROOT:
        raise UsageError("the root is delegated by nobody; write a prefix such as 192.0.2.0/24, or a zone's name")
    if labels_of(name)[-1].isdigit():  # an address was meant
        raise UsageError(f"{text} is no zone; write a prefix such as 192.0.2.0/24, or a name: 2.0.192.in-addr.arpa")
    return name


def _zone_of(text: str, prefix: Prefix, zones: Sequence[Zone]) -> bytes:
    """Give the zone of a prefix: by its name, or the classless one that covers it."""
    covering = next((zone for zone in zones if zone.covers and zone.prefix == prefix), None)
    if covering is not None:
        return covering.origin
    version, number, length = prefix
    stride = STRIDE[version]
    if version == 4 and length > 24:
        last = number & 255
        name = format_name(reverse_name(4, number, 24))
        raise UsageError(
            f"{text} is less than a /24: its zone has a name of its choice (RFC 2317), such as "
            f"{last}-{length}.{name}; write that name"
        )
    if length % stride or not length:
        aligned = min(-(-length // stride) * stride or stride, BITS[version])
        first = format_name(reverse_name(version, number, aligned))
        raise UsageError(
            f"{text} is no one zone: it is delegated as {1 << aligned - length} zones of a /{aligned} each; write one "
            f"of them, such as {first}"
        )
    return reverse_name(version, number, length)


async def _examine(arguments: argparse.Namespace, zone: str, own: Zone | None) -> Examination:
    # dnspython takes a tenth of a second to load: not before the command line is known to be right.
    from ptrd.client.asker import Asker  # noqa: PLC0415
    from ptrd.client.examine import Examiner  # noqa: PLC0415
    from ptrd.client.iterate import ROOTS, Walker  # noqa: PLC0415
    from ptrd.client.resolver import Resolver  # noqa: PLC0415

    asker = Asker(timeout=arguments.timeout, seconds=max(_TIMES * arguments.timeout, _SHORTEST))
    walker = Walker(asker, arguments.root or ROOTS)
    resolve = walker.addresses
    if arguments.resolver:
        resolve = Resolver(arguments.resolver, timeout=arguments.timeout).addresses
    with _Watcher() as watcher:
        known = _what_is_known(zone, own, tuple(arguments.ns))
        return await Examiner(zone, asker, walker, resolve, watcher).examine(known, arguments.parent)


def _what_is_known(zone: str, own: Zone | None, proposed: tuple[str, ...]) -> Known:
    """Give what the zone files say of the zone, and what its name says."""
    from ptrd.client.examine import Known  # noqa: PLC0415 - as above

    aliases = _aliases_of(zone, own)
    if own is None:
        return Known(proposed, bool(proposed), None, aliases)
    below = {
        format_name(cut): tuple(sorted(format_name(name).lower() for name in item.ns))
        for item in own.delegations
        for cut in cut_names(own, item)
    }
    for rrset in own.rrsets:
        if rrset.rtype == NS and rrset.owner != own.origin:
            below[format_name(rrset.owner)] = tuple(sorted(format_name(data).lower() for data in rrset.rdatas))
    names = tuple(format_name(name).lower() for name in own.ns)
    return Known(proposed or names, bool(proposed), below, aliases)


def _aliases_of(zone: str, own: Zone | None) -> tuple[str, ...]:
    """Give the first and the last address of a classless zone, as the zone above has them (RFC 2317, 4)."""
    label, _, above = zone.partition(".")
    found = prefix_of(parse_domain(above).lower()) if labels_of(parse_domain(zone))[1:] else None
    if found is None or found[0] != 4 or found[2] != 24:
        return ()
    if own is not None and own.covers and own.prefix is not None:
        first, last = own.prefix.number & 255, own.prefix.last & 255
    elif part := _PART.fullmatch(label):
        first, last = int(part[1]), int(part[2])
        if 24 < last <= 32 and first % (1 << 32 - last) == 0:
            last = first + (1 << 32 - last) - 1
        if not first <= last <= 255:
            return ()
    else:
        return ()
    return tuple(f"{octet}.{above}" for octet in sorted({first, last}))


class _Watcher:
    """Shows each part of the work as a bar of its own."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def begin(self, what: str, total: int) -> None:
        """Begin a bar."""
        self._end()
        self._bar = Progress(what, total).__enter__()

    def advance(self, count: int) -> None:
        """Fill it."""
        if self._bar is not None:
            self._bar.advance(count)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def _as_json(seen: Examination, findings: Sequence[Diagnosis]) -> dict[str, Any]:
    referral = seen.referral
    return {
        "zone": seen.zone,
        "delegable": is_delegable(seen, findings),
        "parent": {
            "zone": referral.parent,
            "server": referral.server,
            "address": str(referral.address),
            "delegates": referral.exists,
            "name_servers": list(referral.ns),
            "glue": [{"name": name, "address": str(address)} for name, address in referral.glue],
            "ds": [f"{ds.key_tag} {ds.algorithm} {ds.digest_type}" for ds in referral.ds],
        },
        "servers": [
            {
                "name": server.name,
                "address": str(server.address),
                "udp": server.udp.reach.value,
                "tcp": server.tcp.reach.value,
                "authoritative": server.sound,
                "serial": server.reply.soa.serial if server.reply.soa else None,
            }
            for server in seen.servers
        ],
        "findings": [finding._asdict() for finding in findings],
        "unchecked": list(seen.unchecked),
    }


def _print_report(seen: Examination, findings: Sequence[Diagnosis]) -> None:
    referral = seen.referral
    print(f"zone    {seen.zone}")
    print(f"parent  {referral.parent or 'not known'}, asked at {referral.place}")
    for one in seen.name_servers:
        addresses = [str(address) for found in one.found for address in found.addresses] or ["no address"]
        print(f"server  {one.name} {' '.join(addresses)}")
    for severity, heading in _HEADINGS.items():
        some = [finding for finding in findings if finding.severity is severity]
        if some:
            print(f"\n{heading}:")
        for finding in some:
            print(f"  {finding.code}: {plain(finding.found)}")
            print(f"    why: {finding.why}")
            print(f"    do:  {finding.remedy}")
    print()
    for sentence in seen.unchecked:
        print(f"not checked: {plain(sentence)}")
    print(_verdict(seen, findings))


def _verdict(seen: Examination, findings: Sequence[Diagnosis]) -> str:
    """Say in one line whether a registry would delegate the zone."""
    counts = {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}
    told = [f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items() if count]
    text = ", ".join(told) or "nothing is wrong"
    would = "would delegate" if is_delegable(seen, findings) else "would not delegate"
    if seen.referral.exists:
        return f"a registry {would} {seen.zone}: {text}"
    if not seen.proposed:
        return f"{seen.zone} is not delegated, and nobody says which servers shall have it: {text}"
    return f"{seen.zone} is not delegated; a registry {would} it: {text}"


def _read_host(text: str) -> str:
    try:
        return format_name(parse_host(text)).lower()
    except ValueText as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _read_timeout(text: str) -> float:
    if not re.fullmatch(r"\d{1,2}(\.\d{1,3})?", text) or not 0.1 <= float(text) <= 30:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0.1 to 30")
    return float(text)
