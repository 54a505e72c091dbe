"""The fields of a record as a client sent them, checked before a transaction begins; and records as plain dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ptrd.control.actors import Code, ControlError
from ptrd.control.views import KEEP, Keep
from ptrd.records.management import (
    FieldError,
    Pointer,
    Tag,
    check_description,
    check_enterprise_project,
    check_tags,
    check_ttl,
    read_names,
)
from ptrd.records.values import format_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.records.management import Account, Eip, Project

T = TypeVar("T")


class Fields(NamedTuple):
    """What a record is to have; None and KEEP are for what it has, or for defaults."""

    names: tuple[str, ...] | None
    ttl: int | Keep = KEEP
    description: str | Keep = KEEP
    tags: tuple[Tag, ...] | Keep = KEEP
    enterprise_project: str | Keep = KEEP


def checked(check: Callable[..., T], *values: Any) -> T:  # noqa: ANN401 - whatever a client sent
    """Give what a check gives. Raises ControlError, with the field, for its FieldError."""
    try:
        return check(*values)
    except FieldError as error:
        raise ControlError(Code.INVALID, str(error), error.field) from None


def read_fields(names: object, ttl: object, description: object, tags: object, enterprise_project: object) -> Fields:
    """Check all fields of a record. Raises ControlError."""
    return Fields(
        None if names is None else checked(read_names, _texts(names)),
        ttl if isinstance(ttl, Keep) else checked(check_ttl, ttl),
        description if isinstance(description, Keep) else checked(check_description, description),
        tags if isinstance(tags, Keep) else checked(check_tags, as_tags(tags)),
        enterprise_project
        if isinstance(enterprise_project, Keep)
        else checked(check_enterprise_project, enterprise_project),
    )


def as_tags(tags: object) -> list[Tag]:
    """Give tags, when they are. Raises ControlError."""
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, Tag) for tag in tags):
        raise ControlError(Code.INVALID, "the tags are a list of keys with their values", "tags")
    return list(tags)


def changed_pointer(old: Pointer, fields: Fields) -> Pointer:
    """Give a record with other fields; its revision and times as before."""
    return Pointer(
        old.id,
        old.address,
        old.eip,
        old.region,
        old.project,
        old.names if fields.names is None else fields.names,
        old.ttl if isinstance(fields.ttl, Keep) else fields.ttl,
        old.description if isinstance(fields.description, Keep) else fields.description,
        old.tags if isinstance(fields.tags, Keep) else fields.tags,
        old.enterprise_project if isinstance(fields.enterprise_project, Keep) else fields.enterprise_project,
        old.revision,
        old.created,
        old.updated,
    )


def pointer_row(pointer: Pointer) -> dict[str, Any]:
    """Give a record as the journal has it."""
    return {
        "id": pointer.id,
        "address": str(pointer.address),
        "region": pointer.region,
        "eip": pointer.eip,
        "project": pointer.project,
        "names": list(pointer.names),
        "ttl": pointer.ttl,
        "description": pointer.description,
        "tags": tag_rows(pointer.tags),
        "enterprise_project": pointer.enterprise_project,
    }


def tag_rows(tags: tuple[Tag, ...]) -> list[dict[str, str]]:
    """Give tags as the journal has them."""
    return [{"key": tag.key, "value": tag.value} for tag in tags]


def eip_row(eip: Eip) -> dict[str, Any]:
    """Give an EIP as the journal has it."""
    return {"id": eip.id, "region": eip.region, "project": eip.project, "prefix": format_prefix(eip.prefix)}


def account_row(account: Account) -> dict[str, Any]:
    """Give an account as the journal has it."""
    return {"id": account.id, "name": account.name, "quota": account.quota, "disabled": account.disabled}


def project_row(project: Project) -> dict[str, Any]:
    """Give a project as the journal has it."""
    row = {"id": project.id, "name": project.name, "account": project.account, "disabled": project.disabled}
    return row if project.policy is None else {**row, "policy": str(project.policy)}


def _texts(names: object) -> list[str]:
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ControlError(Code.INVALID, "the names are a list of host names", "names")
    return list(names)
