"""Tags of records: which sets may replace which, and which records a filter means. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ptrd.control.actors import Code, ControlError
from ptrd.control.fields import as_tags, checked
from ptrd.records.management import Tag, check_tag_key, check_tags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptrd.control.views import TagMatch, TagQuery
    from ptrd.records.management import Pointer


def read_tags(tags: object) -> tuple[Tag, ...]:
    """Check tags that are to be set, none of them twice. Raises ControlError."""
    found = as_tags(tags)
    if not found:
        raise ControlError(Code.INVALID, "name at least one tag", "tags")
    return checked(check_tags, found)


def read_keys(keys: object) -> frozenset[str]:
    """Check keys of tags. Raises ControlError."""
    if not isinstance(keys, list | tuple) or not keys:
        raise ControlError(Code.INVALID, "name the key of at least one tag", "tags")
    return frozenset([checked(check_tag_key, key) for key in keys])


def with_tags(old: tuple[Tag, ...], new: tuple[Tag, ...]) -> tuple[Tag, ...]:
    """Add tags, in place of those with the same keys. Raises ControlError when they become too many."""
    return checked(check_tags, [Tag(key, value) for key, value in (dict(old) | dict(new)).items()])


def without_tags(old: tuple[Tag, ...], keys: frozenset[str]) -> tuple[Tag, ...]:
    """Take tags away; those that are not there need not be."""
    return tuple([tag for tag in old if tag.key not in keys])


def gather_tags(pointers: Iterable[Pointer]) -> dict[str, tuple[str, ...]]:
    """Give every key with all its values, both in order."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for pointer in pointers:
        for tag in pointer.tags:
            found[tag.key].add(tag.value)
    return {key: tuple(sorted(found[key])) for key in sorted(found)}


def is_meant(pointer: Pointer, query: TagQuery) -> bool:
    """Tell whether a record fulfils all conditions of a filter."""
    tags = dict(pointer.tags)
    return (
        all(_has(tags, match) for match in query.tags)
        and (not query.tags_any or any(_has(tags, match) for match in query.tags_any))
        and (not query.not_tags or not all(_has(tags, match) for match in query.not_tags))
        and not any(_has(tags, match) for match in query.not_tags_any)
        and query.name.lower() in pointer.names[0]
    )


def _has(tags: dict[str, str], match: TagMatch) -> bool:
    return match.key in tags and (not match.values or tags[match.key] in match.values)
