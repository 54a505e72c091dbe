"""The way back from default names to addresses, over all ranges of a forward zone at once.

What is found here is what some range's template makes for some address of that range; whether the range really has
that address, or a longer one took it away, the caller knows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ptrd.snapshot.fields import Field, Label
from ptrd.snapshot.languages import common_name, edges, skeleton
from ptrd.wire.names import is_below, offsets_of
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ptrd.records.model import Prefix
    from ptrd.snapshot.forms import Shape
    from ptrd.snapshot.templates import Template

    Owner: TypeAlias = Callable[[int, int], int | None]

_ALL: Final = 1 << 16  # ranges of so many addresses are searched whole


class ForwardIndex:
    """Finds names among the templates of many ranges; those that do not identify are passed over.

    Ranges whose templates differ in their prefix only share one group, and groups are looked up by what all their
    names begin and end with, so that the time for a question grows with the kinds of templates and not with the ranges.
    """

    def __init__(self, templates: Iterable[tuple[int, Template]]) -> None:
        by_shape: dict[int, _Group] = {}
        by_text: dict[object, _Group] = {}
        self.numbers: set[int] = set()
        for number, template in templates:
            if not template.identifies:
                continue
            self.numbers.add(number)
            shape = template.shape
            group = by_shape.get(id(shape))
            if group is None:
                key = (template.prefix.version, shape.lower, shape.tail)
                group = by_shape[id(shape)] = by_text.setdefault(key, _Group(shape))
            group.members.append((number, template))
        self._ends: dict[bytes, dict[int, dict[bytes, list[_Group]]]] = {}  # end, then length of the beginning, and it
        self._above: dict[bytes, list[_Group]] = {}  # static names above, or at the end of, all names of a group
        self._dotted: dict[bytes, list[_Group]] = {}  # groups of several dynamic labels, by their static rest
        for group in by_text.values():
            self._add(group)
        self._end_sizes = sorted({len(end) for end in self._ends})

    def find(self, name: bytes) -> list[tuple[int, int]]:
        """List (range, address number) of every address whose template makes this name, given in lower case."""
        found: list[tuple[int, int]] = []
        for size in self._end_sizes:
            if size > len(name):
                break
            for length, groups in self._ends.get(name[-size:], {}).items():
                for group in groups.get(name[1 : 1 + length], ()):
                    found += group.find(name)
        return found

    def ancestors(self, name: bytes) -> Iterator[tuple[int, int, int]]:
        """Give (range, mask, value) for every range with names properly below this one, given in lower case.

        They are the names of the range's addresses with `number & mask == value`. An iterator, since above a static
        suffix there may be 100,000 ranges of which the first usually decides.
        """
        for group in self._above.get(name, ()):
            for number, _ in group.members:
                yield number, 0, 0
        for at in offsets_of(name)[1:]:
            for group in self._dotted.get(name[at:], ()):
                yield from group.ancestors(name)

    def _add(self, group: _Group) -> None:
        shape = group.shape
        lead, trail = edges(shape.lower, shape.tail)
        self._ends.setdefault(trail, {}).setdefault(len(lead), {}).setdefault(lead, []).append(group)
        for at in offsets_of(shape.tail)[0 if shape.labels else 1 :]:
            self._above.setdefault(shape.tail[at:], []).append(group)
        if len(shape.labels) > 1:
            self._dotted.setdefault(shape.tail, []).append(group)
        group.owners(shape.mask)


class _Group:
    """The ranges whose templates have one shape."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.members: list[tuple[int, Template]] = []
        self._owners: dict[int, list[tuple[int, dict[int, list[tuple[int, Template]]]]]] = {}

    def find(self, name: bytes) -> Iterator[tuple[int, int]]:
        shape = self.shape
        texts = shape.split(name)
        if texts is None or len(texts) != len(shape.labels):
            return
        for mask, value in shape.reader.read(texts):
            for number, template in self._having(mask, value):
                address = template.prefix.number & ~mask | value
                if template.render(address).lower() == name:
                    yield number, address

    def ancestors(self, name: bytes) -> Iterator[tuple[int, int, int]]:
        texts = self.shape.split(name)
        if texts and len(texts) < len(self.shape.labels):
            for mask, value in self.shape.read_ancestor(texts):
                for number, _ in self._having(mask, value):
                    yield number, mask, value

    def owners(self, mask: int) -> list[tuple[int, dict[int, list[tuple[int, Template]]]]]:
        """Give the ranges for each prefix length as (bits that both prefix and mask fix, ranges by those bits)."""
        owners = self._owners.get(mask)
        if owners is None:
            tables: dict[int, dict[int, list[tuple[int, Template]]]] = {}
            for member in self.members:
                version, number, length = member[1].prefix
                bits = mask & -(1 << BITS[version] - length)
                tables.setdefault(bits, {}).setdefault(number & bits, []).append(member)
            owners = self._owners[mask] = list(tables.items())
        return owners

    def _having(self, mask: int, value: int) -> Iterator[tuple[int, Template]]:
        """Give the ranges that have an address with `number & mask == value`."""
        for bits, table in self.owners(mask):
            yield from table.get(value & bits, ())


class _Range(NamedTuple):
    place: int  # in the list that was passed, to report pairs in that order
    key: int
    prefix: Prefix
    template: Template

    @property
    def size(self) -> int:
        return 1 << BITS[self.prefix.version] - self.prefix.length


def makes_names_in(template: Template, zone: bytes) -> bool:
    """Tell whether some of a template's names lie in a zone; a dotted template's may lie in several."""
    return is_below(template.suffix, zone) or (template.identifies and template.partial(zone) is not None)


def collisions(
    ranges: Sequence[tuple[Prefix, Template, int]], owner: Owner | None = None, cuts: Iterable[Prefix] = ()
) -> list[tuple[int, int, bytes]]:
    """List pairs of ranges of one forward zone that make the same name, as (key, key, the name in lower case).

    A range is (prefix, template, key). `owner(version, number)` gives the key of the range that really makes the name
    of an address, or None; without it the longest of the prefixes and of `cuts` has an address, and a cut makes none.
    With it, `cuts` are further prefixes at which its answer changes. The pairs are in the order of `ranges`, and a
    range that collides with many is reported with one or a few of them.

    Never a false alarm: both addresses were asked for. Complete for ranges of the same template, of any size (when
    `ranges` and `cuts` are all that the owner knows, else where one of them has up to 65,536 addresses), and for
    different templates where one of the ranges has up to 65,536 addresses. Of two larger ranges with different
    templates only that part is compared, at either end, and a name that the shape of the templates suggests.
    Templates that do not identify are passed over.
    """
    search = _Search(ranges, owner, cuts)
    families: dict[object, list[_Range]] = {}
    by_shape: dict[int, list[_Range]] = {}
    for one in search.ranges:
        shape = id(one.template.shape)
        if shape not in by_shape:
            by_shape[shape] = families.setdefault(_family_of(one), [])
        by_shape[shape].append(one)
    for members in families.values():
        members.sort(key=lambda one: one.prefix.length)  # so that the first has the longest {host}
        search.compare_members(members)
    for members, others in _similar(list(families.values())):
        search.compare_families(members, others)
    return [(search.keys[one], search.keys[other], name) for (one, other), name in sorted(search.found.items())]


def _family_of(one: _Range) -> object:
    """Give what the names of ranges have in common when they differ by the bits of the address only."""
    shape = one.template.shape
    labels = tuple(
        [
            tuple([piece._replace(mask=0) if isinstance(piece, Field) and piece.host else piece for piece in label])
            for label in shape.lower
        ]
    )
    return one.prefix.version, labels, shape.tail


class _Search:
    """Collects the collisions of one call."""

    def __init__(
        self, ranges: Sequence[tuple[Prefix, Template, int]], owner: Owner | None, cuts: Iterable[Prefix]
    ) -> None:
        self.keys = [key for _, _, key in ranges]
        self.ranges = [
            _Range(place, key, prefix, template)
            for place, (prefix, template, key) in enumerate(ranges)
            if template.identifies
        ]
        self._by_place = {one.place: one for one in self.ranges}
        self.found: dict[tuple[int, int], bytes] = {}
        holders: dict[Prefix, int | None] = {prefix: key for prefix, _, key in ranges} | dict.fromkeys(cuts)
        self._owner = owner or _longest(holders)
        self._changes: dict[int, list[int]] = {
            version: sorted(
                {at for prefix in holders if prefix.version == version for at in (prefix.number, prefix.last + 1)}
            )
            for version in BITS
        }

    def compare_members(self, members: list[_Range]) -> None:
        """Compare ranges of one family, sorted by length: names are equal when the bits that the fields show are."""
        version = members[0].prefix.version
        fields = [piece for label in members[0].template.shape.lower for piece in label if isinstance(piece, Field)]
        shown = 0  # bits that show whatever the range, so {host} apart
        for field in fields:
            shown |= 0 if field.host else field.mask << field.shift
        if len(members) == 1 or shown == (1 << BITS[version]) - 1:
            return
        by_host = any(field.host for field in fields)
        known: dict[int, dict[int, list[_Range]]] = {}
        for one in members:
            for bits, table in known.items():
                if any(self._meet(other, one, by_host=by_host) for other in table.get(one.prefix.number & bits, ())):
                    break
            bits = shown if by_host else shown & -one.size
            known.setdefault(bits, {}).setdefault(one.prefix.number & bits, []).append(one)

    def _meet(self, one: _Range, other: _Range, *, by_host: bool) -> bool:
        """Search two ranges, the shorter prefix first, that make equal names at a constant distance."""
        base = one.prefix.number if by_host else one.prefix.number | other.prefix.number & one.size - 1
        distance = base - other.prefix.number
        if not distance:
            return False
        version, start, _ = other.prefix
        places = [start]
        for shift in (0, distance):  # where either owner changes
            changes = self._changes[version]
            low = bisect_right(changes, start + shift)
            high = bisect_left(changes, start + shift + other.size)
            places += [at - shift for at in changes[low:high]]
        if other.size <= _ALL and not any(self._holds(one, at + distance) and self._holds(other, at) for at in places):
            places = list(range(start, start + other.size))
        for at in places:
            if self._holds(one, at + distance) and self._holds(other, at):
                self._report(one, other, other.template.render(at).lower())
                return True
        return False

    def compare_families(self, ours: list[_Range], theirs: list[_Range]) -> None:
        """Compare the ranges of two families, the fewer addresses one by one."""
        hint = common_name(_words_of(ours[0]), _words_of(theirs[0]))
        if hint is None:
            return
        sides = [_Side(ours), _Side(theirs)]
        for place, address in sides[0].index.find(hint):
            self._look_up(self._by_place[place], address, sides[1].index)
        costs = [side.cost + (other.cost if side.large else 0) for side, other in (sides, sides[::-1])]
        first, second = sides if costs[0] <= costs[1] else sides[::-1]
        self._search(first.small, second, second.index)
        if first.large:
            index = ForwardIndex((one.place, one.template) for one in first.large)
            self._search(second.small, first, index)
            self._sample(first.large, second)
            self._sample(second.large, first)

    def _search(self, ranges: list[_Range], side: _Side, index: ForwardIndex) -> None:
        for one in ranges:
            lead, trail = edges(one.template.folded_labels(), one.template.shape.tail)
            if side.leads.has(lead) and side.trails.has(trail[::-1]):
                first, last = one.prefix.number, one.prefix.last
                any(self._look_up(one, address, index) for address in range(first, last + 1))

    def _sample(self, ranges: list[_Range], side: _Side) -> None:
        for one in ranges if side.large else ():
            count = min(256, _ALL // len(ranges) + 1)
            first, last = one.prefix.number, one.prefix.last
            places = [*range(first, first + count), *range(last, last - count, -1)]
            any(self._look_up(one, address, side.index) for address in places)

    def _look_up(self, one: _Range, address: int, index: ForwardIndex) -> bool:
        """Search an index of places for the name of one address."""
        name = one.template.render(address).lower()
        for place, number in index.find(name):
            other = self._by_place[place]
            if self._holds(one, address) and self._holds(other, number):
                self._report(one, other, name)
                return True
        return False

    def _holds(self, one: _Range, address: int) -> bool:
        return self._owner(one.prefix.version, address) == one.key

    def _report(self, one: _Range, other: _Range, name: bytes) -> None:
        pair = min(one.place, other.place), max(one.place, other.place)
        self.found.setdefault(pair, name)


class _Side:
    """One of two families that are compared."""

    def __init__(self, ranges: list[_Range]) -> None:
        self.small = [one for one in ranges if one.size <= _ALL]
        self.large = [one for one in ranges if one.size > _ALL]
        self.cost = sum([one.size for one in self.small])
        self.index = ForwardIndex((one.place, one.template) for one in ranges)
        ends = [edges(one.template.folded_labels(), one.template.shape.tail) for one in ranges]
        self.leads = _Beginnings([lead for lead, _ in ends])
        self.trails = _Beginnings([trail[::-1] for _, trail in ends])


class _Beginnings:
    """Finds among many texts those of which one begins with the other."""

    def __init__(self, texts: list[bytes]) -> None:
        self._order = sorted(range(len(texts)), key=texts.__getitem__)
        self._texts = [texts[place] for place in self._order]
        self._sizes = sorted({len(text) for text in texts})
        self._known: dict[bytes, bool] = {}

    def spans(self, text: bytes) -> list[range]:
        """Give where the texts stand in the sorted list that begin with this one or that it begins with."""
        found = []
        for size in self._sizes:
            if size >= len(text):
                break
            low = bisect_left(self._texts, text[:size])
            if low < len(self._texts) and self._texts[low] == text[:size]:
                found.append(range(low, bisect_right(self._texts, text[:size])))
        low = bisect_left(self._texts, text)
        return [*found, range(low, bisect_left(self._texts, text + b"\xff" * 256))]

    def has(self, text: bytes) -> bool:
        """Tell whether there is any."""
        if text not in self._known:
            self._known[text] = any(self.spans(text))
        return self._known[text]

    def places(self, spans: list[range]) -> Iterator[int]:
        """Give the places of the texts in the list that was passed."""
        for span in spans:
            yield from self._order[span.start : span.stop]


def _similar(families: list[list[_Range]]) -> Iterator[tuple[list[_Range], list[_Range]]]:
    """Give the pairs of families whose names agree in what is certain about them: most pairs do not."""
    alike: dict[object, list[list[_Range]]] = {}
    for family in families:
        alike.setdefault(skeleton(*_words_of(family[0])), []).append(family)
    for group in alike.values():
        ends = [edges(*_words_of(family[0])) for family in group] if len(group) > 1 else []
        leads = _Beginnings([lead for lead, _ in ends])
        trails = _Beginnings([trail[::-1] for _, trail in ends])
        for place, (lead, trail) in enumerate(ends):
            choices = [(leads, leads.spans(lead)), (trails, trails.spans(trail[::-1]))]
            texts, spans = min(choices, key=lambda choice: sum(map(len, choice[1])))
            for other in texts.places(spans):
                if other < place and _agree(lead, ends[other][0]) and _agree(trail[::-1], ends[other][1][::-1]):
                    yield group[other], group[place]


def _agree(one: bytes, other: bytes) -> bool:
    return one.startswith(other) or other.startswith(one)


def _words_of(one: _Range) -> tuple[Sequence[Label], bytes]:
    return one.template.shape.lower, one.template.shape.tail


def _longest(holders: dict[Prefix, int | None]) -> Owner:
    """Make the owner for a set of prefixes: the longest one that contains an address has it."""
    tables: dict[int, dict[int, dict[int, int | None]]] = {version: {} for version in BITS}
    for prefix in sorted(holders, key=lambda prefix: -prefix.length):
        size = 1 << BITS[prefix.version] - prefix.length
        tables[prefix.version].setdefault(-size, {})[prefix.number] = holders[prefix]

    def owner(version: int, number: int) -> int | None:
        for mask, table in tables[version].items():
            if number & mask in table:
                return table[number & mask]
        return None

    return owner
