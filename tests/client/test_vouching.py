"""What a zone's keys may cost whoever looks at them."""

from __future__ import annotations

import time

import dns.dnssec
import dns.message
import dns.name
import dns.rdata
import dns.rrset

from ptrd.client import vouching
from tests.peers.signing import make_key

ZONE = dns.name.from_text("2.0.192.in-addr.arpa.")


def test_many_signatures_of_one_key_cost_no_more_than_a_few(monkeypatch):
    """Of an answer full of signatures that claim to be of the key that is vouched for, a few are tried."""
    key = make_key()
    tag = dns.dnssec.key_id(key.public)
    ds = dns.dnssec.make_ds(ZONE, key.public, "SHA256")
    now = time.strftime("%Y%m%d%H%M%S", time.gmtime())
    later = time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + 86400))
    forged = [
        dns.rdata.from_text("IN", "RRSIG", f"DNSKEY 13 5 3600 {later} {now} {tag} {ZONE} {'A' * 82}{number:04d}==")
        for number in range(190)
    ]
    message = dns.message.make_response(dns.message.make_query(ZONE, "DNSKEY"))
    message.answer = [dns.rrset.from_rdata(ZONE, 3600, key.public), dns.rrset.from_rdata_list(ZONE, 3600, forged)]
    tried = []
    validate = dns.dnssec.validate_rrsig
    monkeypatch.setattr(dns.dnssec, "validate_rrsig", lambda *one, **more: (tried.append(one), validate(*one, **more)))
    found = vouching.read_keys(message, ZONE, [ds])
    assert found.matches == (True,)
    assert "does not hold" in found.fault
    assert len(tried) == vouching.MOST
