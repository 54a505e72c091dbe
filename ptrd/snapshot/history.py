"""What has changed in each zone from one serial to the next, newest last, for who has an older version (RFC 1995).

A history is a chain without gaps that ends at the zone's serial, or there is none. Snapshots share it; the oldest
differences are forgotten first. Items are as in `expansion`, relative to the zone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrd.records.transfer import OMIT
from ptrd.snapshot.expansion import pointer_at, runs
from ptrd.snapshot.layout import NODE_CNAME, NODE_CUT
from ptrd.snapshot.overlay import Overlay
from ptrd.snapshot.steps import MOST_BYTES, NONE, Difference, Histories, History, history_of, make_difference
from ptrd.wire.names import offsets_of
from ptrd.wire.rrtypes import PTR, SOA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ptrd.records.changes import Change
    from ptrd.snapshot.expansion import Item
    from ptrd.snapshot.view import Snapshot
    from ptrd.snapshot.zone import ServedZone


def extend(history: History, step: Difference, most: int) -> History:
    """Put a step behind a history that ends where it begins, else begin anew with it; at most `most` are kept."""
    if not most or len(step.packed) > MOST_BYTES:
        return NONE
    newest = history.newest
    known = history.steps() if newest is not None and newest.new == step.old else ()
    return history_of((*known, step.packed), most, MOST_BYTES)


def since(history: History, serial: int, now: bytes) -> tuple[Difference, ...]:
    """Give the steps from a serial to the SOA record of now; none when they are not known."""
    found: list[Difference] = []
    for packed in history.backwards():
        step = Difference(packed)
        if not found and step.new != now:
            break
        found.append(step)
        if step.serial == serial:
            return tuple(found[::-1])
    return ()


def expands(zone: ServedZone) -> bool:
    """Tell whether a transfer of a zone writes default names out, if it has any."""
    return zone.transfer is not None and zone.transfer.defaults != OMIT


def step_of_changes(
    zone: ServedZone, before: Overlay | None, after: Overlay | None, changes: Iterable[Change], old: bytes
) -> Difference:
    """Make the step of changes to managed records, which the overlays show; `old` is the SOA record before them."""
    removed: list[Item] = []
    added: list[Item] = []
    expand = expands(zone)
    for number in dict.fromkeys([change.number for change in changes]):
        was = pointer_at(zone, before, number, expand=expand)
        now = pointer_at(zone, after, number, expand=expand)
        if was != now:
            removed += was
            added += now
    return make_difference(old, zone.soa.records, removed, added)


def step_between(old: Snapshot, new: Snapshot, origin: bytes, names: Iterable[bytes]) -> Difference:
    """Make the step from one image's zone to another's, managed records included.

    `names` are relative names, of which all at which the zone files differ are some. Default names are the same.
    """
    zones = old.zones_by_name[origin], new.zones_by_name[origin]
    overlays = [snapshot.overlays.get(zone.number) for snapshot, zone in zip((old, new), zones, strict=True)]
    removed: list[Item] = []
    added: list[Item] = []
    managed = [overlay or Overlay() for overlay in overlays]
    moved = {name for name in {*managed[0], *managed[1]} if managed[0].find(name) != managed[1].find(name)}
    for relative in sorted(moved.union(names)):
        was, now = (list(content_at(zone, overlay, relative)) for zone, overlay in zip(zones, overlays, strict=True))
        removed += [item for item in was if item not in now]
        added += [item for item in now if item not in was]
    return make_difference(zones[0].soa.records, zones[1].soa.records, removed, added)


def content_at(zone: ServedZone, overlay: Overlay | None, relative: bytes) -> Iterator[Item]:
    """Give the RRsets at a name as they are written out, but the SOA and what a forward zone makes."""
    name = relative + zone.origin
    address = zone.address_at(name, offsets_of(name)) if zone.version else -1
    node = zone.find(relative)
    managed = overlay.find(relative) if overlay is not None else None
    if address >= 0:
        yield from pointer_at(zone, overlay, address, expand=expands(zone))
    elif managed is not None and not (node >= 0 and zone.flags(node) & (NODE_CNAME | NODE_CUT)):
        yield relative, managed.number, managed.records
        address = 0
    for rtype in zone.rtypes(node) if node >= 0 else ():
        rrset = zone.rrset(node, rtype)
        if rrset is not None and rtype != SOA and (rtype != PTR or address < 0):
            yield relative, rrset.number, rrset.records


def changed_names(old: Snapshot, new: Snapshot, origin: bytes, most: int) -> list[bytes] | None:
    """List the relative names at which two images' zones differ, None when there are more than `most`.

    None too when default names that a transfer writes out are not the same in both.
    """
    before, after = old.zones_by_name[origin], new.zones_by_name[origin]
    if before.transfer is None or after.transfer is None or before.absent or after.absent:
        return None
    if before.prefix != after.prefix or before.covers != after.covers or expands(before) != expands(after):
        return None
    if expands(after) and (before.forward or after.forward or not _makes_the_same(old, new, before, after)):
        return None
    found: list[bytes] = []
    ours, theirs = before.walk(), after.walk()
    one, other = next(ours, -1), next(theirs, -1)
    while one >= 0 or other >= 0:
        if other < 0 or (one >= 0 and before.key(one) < after.key(other)):
            found.append(before.relative_name(one))
            one = next(ours, -1)
        elif one < 0 or after.key(other) < before.key(one):
            found.append(after.relative_name(other))
            other = next(theirs, -1)
        else:
            if before.bodies(one) != after.bodies(other):
                found.append(before.relative_name(one))
            one, other = next(ours, -1), next(theirs, -1)
        if len(found) > most:
            return None
    return found


def _makes_the_same(old: Snapshot, new: Snapshot, before: ServedZone, after: ServedZone) -> bool:
    """Tell whether two versions of a zone have the same default names for the same addresses."""
    ours, theirs = runs(before), runs(after)
    while True:
        one, other = next(ours, None), next(theirs, None)
        if one is None or other is None:
            return one is other
        mine, yours = old.range(one.number), new.range(other.number)
        if one[:2] != other[:2] or (mine.dumped, mine.ttl, mine.prefix) != (yours.dumped, yours.ttl, yours.prefix):
            return False


def carry(old: Snapshot | None, new: Snapshot, names: Mapping[bytes, Sequence[bytes]], known: Histories) -> Histories:
    """Give the histories of an image's zones that go on from those of the image before it.

    `names` are those at which the zone files differ (`changed_names`), of zones that changed and can be followed.
    `known` is what is remembered of zones when there is no image before; it counts where it ends in the SOA of now.
    """
    found = Histories()
    for zone in new.zones:
        if zone.transfer is None or zone.absent:
            continue
        before = None if old is None else old.zones_by_name.get(zone.origin)
        if old is None or before is None:
            history = known.get(zone.origin, NONE)
            newest = history.newest
            history = history if newest is not None and newest.new == zone.soa.records else NONE
        else:
            history = old.histories.get(zone.origin, NONE)
            if before.soa.records != zone.soa.records:
                known_names = names.get(zone.origin)
                step = None if known_names is None else step_between(old, new, zone.origin, known_names)
                history = NONE if step is None else extend(history, step, new.most_steps)
        found.put(zone.origin, history)
    return found
