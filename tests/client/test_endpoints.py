"""Servers as people write them, and those of /etc/resolv.conf."""

from __future__ import annotations

import pytest

from ptrd.client.endpoints import ClientError, Endpoint, read_endpoint, system_resolvers
from ptrd.records.values import ValueText


@pytest.mark.parametrize(
    ("text", "endpoint", "written"),
    [
        ("192.0.2.53", ("192.0.2.53", 53), "192.0.2.53"),
        ("192.0.2.53:5300", ("192.0.2.53", 5300), "192.0.2.53:5300"),
        ("2001:DB8::0:53", ("2001:db8::53", 53), "2001:db8::53"),
        ("[2001:db8::53]", ("2001:db8::53", 53), "2001:db8::53"),
        ("[2001:db8::53]:5300", ("2001:db8::53", 5300), "[2001:db8::53]:5300"),
    ],
)
def test_a_server_is_an_address_and_a_port(text, endpoint, written):
    """Each usual spelling is read, and written so that it can be read again."""
    found = read_endpoint(text)
    assert found == endpoint
    assert str(found) == written
    assert read_endpoint(written) == found


@pytest.mark.parametrize(
    "text", ["", "ns1.example.net", "192.0.2.53:0", "192.0.2.53:65536", "[::1", "[::1]53", ":53", "1.2:3"]
)
def test_what_is_no_server_is_refused_with_an_example(text):
    """A name, a port that cannot be, half a bracket: the sentence shows what would be right."""
    with pytest.raises(ValueText, match=r"such as 192\.0\.2\.53 or \[2001:db8::53\]:5300$"):
        read_endpoint(text)


def test_the_resolvers_of_the_machine(tmp_path):
    """The nameserver lines count, once each and in order; others, and what is no address, do not."""
    path = tmp_path / "resolv.conf"
    path.write_text("# here\nsearch example.net\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver ::1\n"
                    "nameserver 192.0.2.1\nnameserver\noptions edns0\n")  # fmt: skip
    assert system_resolvers(path) == (Endpoint("192.0.2.1"), Endpoint("::1"))


def test_without_any_resolver_it_is_the_machine_itself(tmp_path):
    """No file, or none that names a server, means 127.0.0.1, as for the C library."""
    assert system_resolvers(tmp_path / "missing") == (Endpoint("127.0.0.1"),)
    with pytest.raises(ClientError, match="cannot read"):
        system_resolvers(tmp_path)
