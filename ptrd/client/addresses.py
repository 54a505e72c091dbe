"""The addresses of a name, asked of this machine's resolvers."""

from __future__ import annotations

from typing import Final

from ptrd.client.endpoints import ClientError, Endpoint, system_resolvers
from ptrd.wire.names import format_name

PATIENCE: Final = 5.0  # seconds


async def addresses_of(name: bytes, resolvers: tuple[Endpoint, ...] = ()) -> list[str]:
    """Look up the IPv4 and IPv6 addresses of a name in wire form, of these resolvers or else of the system's.

    None is an answer too. Raises ClientError when no resolver has one.
    """
    import dns.asyncresolver  # noqa: PLC0415 - dnspython is large, and most servers need none of it
    import dns.nameserver  # noqa: PLC0415 - the same

    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.lifetime = PATIENCE
    resolver.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in resolvers or system_resolvers()]
    absolute = dns.name.from_wire(name, 0)[0]

    async def ask(rtype: str) -> list[str]:
        found = await resolver.resolve(absolute, rtype, raise_on_no_answer=False, search=False)
        return [record.to_text() for record in found.rrset or ()]

    try:
        return await ask("A") + await ask("AAAA")
    except dns.resolver.NXDOMAIN:
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise ClientError(f"cannot look up the address of {format_name(name)}: {error}") from None
