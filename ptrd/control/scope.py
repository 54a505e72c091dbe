"""What of all that exists an actor may see and change.

A tenant's project is all there is for it: whatever is of others is looked up and refused like what does not exist,
with one sentence that tells nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrd.control.actors import Code, ControlError
from ptrd.control.views import REMOVALS, Facts
from ptrd.records.management import Address
from ptrd.records.model import Prefix
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from ptrd.control.actors import Actor
    from ptrd.control.refs import Ref
    from ptrd.records.management import Account, Eip, Project
    from ptrd.store.database import Transaction

NO_EIP = "there is no such EIP in this project"
NO_RECORD = "there is no such PTR record in this project"


def check_operator(actor: Actor) -> None:
    """Let an operator pass. Raises ControlError."""
    if not actor.is_operator:
        raise ControlError(Code.FORBIDDEN, "only an operator may do this")


def check_writer(actor: Actor) -> None:
    """Let pass who may change something. Raises ControlError."""
    if not actor.may_write or (not actor.is_operator and actor.project is None):
        raise ControlError(Code.FORBIDDEN, "this credential may only read; ask for one with the role writer", "role")


def check_enabled(transaction: Transaction, actor: Actor) -> tuple[Project, Account] | None:
    """Let a tenant pass whose project and account are not disabled, and give them. Raises ControlError."""
    if actor.is_operator:
        return None
    owner = transaction.owner(actor.project or "")
    if owner is None or any(one.disabled for one in owner):
        raise ControlError(Code.FORBIDDEN, "this project is disabled; what is served stays, ask the operator")
    return owner


def project_for(actor: Actor, project: str | None) -> str | None:
    """Give the project to look into; None is all of them. Raises ControlError when it is not the actor's."""
    if actor.is_operator:
        return project
    if actor.project is None or project not in {None, actor.project}:
        raise ControlError(Code.FORBIDDEN, "this credential is for another project")
    return actor.project


def find(transaction: Transaction, actor: Actor, ref: Ref) -> Facts:
    """Find what a reference is to. Raises ControlError: NO_EIP, or NO_RECORD for the id of a record."""
    if ref.id is not None:
        pointer = transaction.pointer_by_id(ref.id)
        if pointer is None or not _may_see(actor, pointer.project):
            raise ControlError(Code.NO_RECORD, NO_RECORD, "id")
        eip = transaction.eip(pointer.region, pointer.eip)
        if eip is None:
            raise ControlError(Code.NO_RECORD, NO_RECORD, "id")
        return facts_of(transaction, eip, pointer.address)
    if ref.eip is None:
        eip = None if ref.address is None else transaction.eip_at(ref.address)
    else:
        eip = transaction.eip(ref.region or "", ref.eip)
    if eip is None or not _may_see(actor, eip.project):
        raise ControlError(Code.NO_EIP, NO_EIP, "eip")
    return facts_of(transaction, eip, _address_in(eip, ref))


def facts_of(transaction: Transaction, eip: Eip, address: Address) -> Facts:
    """Gather what the store says of an address."""
    pointer, freeze, finding, revision = transaction.known(address)
    removed = False
    if pointer is None and revision:
        newest = transaction.journal(limit=1, address=address, newest_first=True)
        removed = any(entry.project == eip.project and entry.action in REMOVALS for entry in newest)
    return Facts(pointer, eip, address, freeze, revision, removed, finding)


def frozen_at(transaction: Transaction, eip: Eip) -> list[Address]:
    """Give the frozen addresses of an EIP."""
    found = [freeze.address for freeze in transaction.freezes()]
    return [address for address in found if eip.prefix.contains(prefix_of(address))]


def address_of(eip: Eip) -> Address | None:
    """Give the address of an EIP that is one."""
    return Address(eip.prefix.version, eip.prefix.number) if eip.is_address else None


def prefix_of(address: Address) -> Prefix:
    """Give the prefix that is one address."""
    return Prefix(address.version, address.number, BITS[address.version])


def _may_see(actor: Actor, project: str) -> bool:
    return actor.is_operator or actor.project == project


def _address_in(eip: Eip, ref: Ref) -> Address:
    if ref.address is None:
        if not eip.is_address:
            raise ControlError(Code.INVALID, f"{eip.id} is a prefix; name one address in it as {eip.id}~ADDRESS", "eip")
        return Address(eip.prefix.version, eip.prefix.number)
    if not eip.prefix.contains(prefix_of(ref.address)) or (eip.is_address and ref.eip is not None):
        raise ControlError(Code.NO_EIP, NO_EIP, "eip")
    return ref.address
