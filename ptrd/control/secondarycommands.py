"""What a person may ask about zones that come from elsewhere: how they are, and to fetch one now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ptrd.control.local import CommandError
from ptrd.wire.names import NameError_, format_name, parse_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ptrd.control.local import Reply
    from ptrd.control.secondaryzone import SecondaryZone
    from ptrd.control.secondaryzones import SecondaryZones


class SecondaryCommands:
    """The commands."""

    def __init__(self, zones: SecondaryZones) -> None:
        self._zones = zones

    async def refresh(self, request: Mapping[str, Any]) -> Reply:
        """Ask the primaries of a `zone` now, and fetch what is newer, or with `whole` all of it.

        Raises CommandError.
        """
        name, whole = request.get("zone"), request.get("whole", False)
        try:
            origin = parse_name(name).lower() if isinstance(name, str) else b""
        except NameError_ as error:
            raise CommandError(f"{name!r} is no domain name: {error}") from None
        try:
            trouble = await self._zones.refresh(origin, whole=bool(whole))
        except KeyError:
            known = ", ".join(format_name(zone.stub.origin) for zone in self._zones.followed[:10]) or "there is none"
            raise CommandError(f"{name!r} is no zone that comes from a primary here; {known}") from None
        state = describe(self._zones.followed_by(origin))
        reply: Reply = {"ok": not trouble, "result": state}
        return reply | {"error": trouble, "status": 1} if trouble else reply

    def describe(self) -> list[dict[str, Any]]:
        """Describe every zone that comes from a primary."""
        return [describe(zone) for zone in self._zones.followed]


def describe(zone: SecondaryZone) -> dict[str, Any]:
    """Describe one as plain values; times are Unix time, None where there is none."""
    soa = zone.served or zone.soa
    return {
        "zone": format_name(zone.stub.origin),
        "state": zone.state,
        "serial": None if soa is None else soa.serial,
        "primary": zone.primary or None,
        "checked": zone.checked or None,
        "expires": zone.expires or None,
        "error": zone.error,
    }
