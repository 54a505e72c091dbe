"""Whether the keys of a zone are those that its parent vouches for: DS beside DNSKEY (RFC 4034, 5; RFC 4035, 5.2).

Digests and signatures are dnspython's work; what cannot be compared is never called wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import dns.dnssec
import dns.exception
import dns.message
import dns.name
import dns.rdataset
import dns.rrset
from dns.dnssectypes import DSDigest
from dns.rdatatype import DNSKEY, RRSIG

from ptrd.client.asker import rrset_of
from ptrd.records.observations import Ds, Keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dns.rdtypes.ANY.DNSKEY import DNSKEY as KeyData  # noqa: N811 - a class
    from dns.rdtypes.ANY.DS import DS as DsData  # noqa: N811 - a class

MOST: Final = 4  # keys and signatures of one answer that are tried with each other: more cost too much (CVE-2023-50387)
_DIGESTS: Final = frozenset((DSDigest.SHA1, DSDigest.SHA256, DSDigest.SHA384))


def read_ds(records: Sequence[DsData]) -> tuple[Ds, ...]:
    """Read DS records, in the order in which `read_keys` compares them."""
    return tuple(
        Ds(rdata.key_tag, int(rdata.algorithm), int(rdata.digest_type), rdata.digest_type in _DIGESTS)
        for rdata in records
    )


def read_keys(message: dns.message.Message, zone: dns.name.Name, records: Sequence[DsData]) -> Keys:
    """Read the DNSKEY records of an answer, and compare them with the parent's DS records."""
    rrset = rrset_of(message.answer, zone, DNSKEY)
    if rrset is None:
        return Keys()
    keys = [cast("KeyData", rdata) for rdata in rrset]
    matching = [[key for key in keys if _is_vouched(zone, key, ds)] for ds in records]
    vouched = [key for some in matching for key in some]
    tags = tuple(sorted(dns.dnssec.key_id(key) for key in keys))
    return Keys(tags, tuple(map(bool, matching)), _fault(message, zone, rrset, vouched) if vouched else "")


def _is_vouched(zone: dns.name.Name, key: KeyData, ds: DsData) -> bool:
    if dns.dnssec.key_id(key) != ds.key_tag or key.algorithm != ds.algorithm or ds.digest_type not in _DIGESTS:
        return False
    made = dns.dnssec.make_ds(zone, key, DSDigest(ds.digest_type), policy=dns.dnssec.allow_all_policy)
    return bool(made.digest == ds.digest)


def _fault(message: dns.message.Message, zone: dns.name.Name, keys: dns.rrset.RRset, vouched: list[KeyData]) -> str:
    """Say why no key that is vouched for signs the keys; ``""`` when one does, or its algorithm is unknown here."""
    signatures = next(
        (rrset for rrset in message.answer if rrset.name == zone and rrset.rdtype == RRSIG and rrset.covers == DNSKEY),
        None,
    )
    if signatures is None:
        return "there is no signature over them"
    tried = dns.rdataset.from_rdata_list(keys.ttl, vouched[:MOST])
    tags = {dns.dnssec.key_id(key) for key in vouched[:MOST]}
    own = [signature for signature in signatures if signature.key_tag in tags]
    if not own:
        return f"they are signed by {_tags({signature.key_tag for signature in signatures})} only"
    faults = []
    for signature in own[:MOST]:
        try:
            dns.dnssec.validate_rrsig(keys, signature, {zone: tried}, policy=dns.dnssec.allow_all_policy)
        except (dns.exception.UnsupportedAlgorithm, ImportError):
            return ""
        except dns.exception.DNSException as error:
            faults.append(f"the signature of key {signature.key_tag} does not hold: {error}")
        else:
            return ""
    return faults[0]


def _tags(tags: set[int]) -> str:
    return ", ".join(f"key {tag}" for tag in sorted(tags))
