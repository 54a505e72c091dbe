"""How a client names an address: by its EIP, by itself, or by the id of its record. Nothing is looked up."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ptrd.control.actors import Code, ControlError
from ptrd.records.management import Address, FieldError, check_eip_id, check_region
from ptrd.records.values import ValueText, parse_address, quote

_ID: Final = re.compile(r"[0-9a-f]{32}")


class Ref(NamedTuple):
    """A reference: region and EIP (with the address, in a prefix grant), or an address alone, or a record's id."""

    region: str | None
    eip: str | None
    address: Address | None
    id: str | None

    def __str__(self) -> str:
        """Write it as a client would."""
        if self.id is not None:
            return self.id
        if self.eip is None:
            return str(self.address)
        return f"{self.region}:{self.eip}" + ("" if self.address is None else f"~{self.address}")


def ref_of_eip(region: str, eip: str) -> Ref:
    """Refer to an EIP by its id, or as `id~address` to one address of a prefix grant. Raises ControlError."""
    eip_id, tilde, address = eip.partition("~")
    try:
        check_region(region)
        check_eip_id(eip_id)
        return Ref(region, eip_id, Address(*parse_address(address)) if tilde else None, None)
    except FieldError as error:
        raise ControlError(Code.INVALID, str(error), error.field) from None
    except ValueText as error:
        raise ControlError(Code.INVALID, str(error), "eip") from None


def ref_of_address(address: str | Address) -> Ref:
    """Refer to whatever EIP the address is of, or lies in. Raises ControlError."""
    if isinstance(address, Address):
        return Ref(None, None, address, None)
    try:
        return Ref(None, None, Address(*parse_address(address)), None)
    except ValueText as error:
        raise ControlError(Code.INVALID, str(error), "address") from None


def ref_of_id(text: str) -> Ref:
    """Refer to a record by its 32 hex digits. Raises ControlError."""
    if not _ID.fullmatch(text.lower()):
        raise ControlError(Code.INVALID, f"{quote(text)} is no id of a record: 32 hex digits", "id")
    return Ref(None, None, None, text.lower())


def ref_of_resource(text: str) -> Ref:
    """Refer by what a client may write where it means a record: `region:eip`, `region:eip~address`, or 32 hex digits.

    Raises ControlError.
    """
    region, colon, eip = text.partition(":")
    if colon:
        return ref_of_eip(region, eip)
    if not _ID.fullmatch(text.lower()):
        raise ControlError(Code.INVALID, f"{quote(text)} is no id of a record: REGION:EIP, or 32 hex digits", "id")
    return ref_of_id(text)
