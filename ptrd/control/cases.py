"""All use cases in one value, as every dialect gets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptrd.control.credentials import Credentials
    from ptrd.control.inventory import Inventory
    from ptrd.control.link import Link
    from ptrd.control.pointers import Pointers


@dataclass(frozen=True, slots=True)
class Cases:
    """The use cases, and the link that they go through."""

    pointers: Pointers
    inventory: Inventory
    credentials: Credentials
    link: Link
