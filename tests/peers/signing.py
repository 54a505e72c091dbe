"""Signed zones, as dnspython signs them: for worlds in which a delegation is secure, or claims to be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import dns.dnssec
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm

if TYPE_CHECKING:
    from dns.rdtypes.ANY.DNSKEY import DNSKEY

_KSK = 257  # zone key and secure entry point


class Key(NamedTuple):
    """A key that signs everything in a zone."""

    private: ec.EllipticCurvePrivateKey
    public: DNSKEY

    def ds(self, origin: str) -> str:
        """Write the DS record that vouches for it."""
        return dns.dnssec.make_ds(origin, self.public, "SHA256").to_text()


def make_key() -> Key:
    """Make an ECDSA key."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = dns.dnssec.make_dnskey(private.public_key(), Algorithm.ECDSAP256SHA256, flags=_KSK)
    return Key(private, public)


def sign(text: str, origin: str, key: Key, lifetime: int) -> str:
    """Sign a zone for so many seconds from now, or until so many seconds ago."""
    zone = dns.zone.from_text(text, origin, relativize=False)
    now = int(time.time())
    with zone.writer() as txn:
        dns.dnssec.sign_zone(
            zone,
            txn,
            keys=[(key.private, key.public)],
            dnskey_ttl=3600,
            inception=min(now, now + lifetime) - 86400,
            expiration=now + lifetime,
        )
    signed: str = zone.to_text(relativize=False)
    return signed
