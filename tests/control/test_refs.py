"""How a client may name an address."""

from __future__ import annotations

import pytest

from ptrd.control.actors import ControlError
from ptrd.control.refs import Ref, ref_of_address, ref_of_eip, ref_of_id, ref_of_resource
from tests.control.fakelink import address

ID = "9a175b97889f2f3501889fa3a8a66ed0"


def test_a_resource_is_an_eip_an_address_of_a_prefix_or_an_id():
    """The three spellings that clients have for a record are told apart by the colon and the tilde."""
    assert ref_of_resource("cn-north-4:c550") == Ref("cn-north-4", "c550", None, None)
    assert ref_of_resource("r1:net~2001:DB8::1") == Ref("r1", "net", address("2001:db8::1"), None)
    assert ref_of_resource(ID.upper()) == Ref(None, None, None, ID)
    assert ref_of_eip("r1", f"{ID}") == Ref("r1", ID, None, None)
    assert ref_of_address("192.0.2.1").address == address("192.0.2.1")


@pytest.mark.parametrize("text", ["r1:c550", "r1:net~2001:db8::1", ID])
def test_a_reference_is_written_as_it_is_read(text):
    """What a reference says is what a client would send."""
    assert str(ref_of_resource(text)) == text


def test_an_address_is_written_as_an_address():
    """A reference to an address is the address, in its one spelling."""
    assert str(ref_of_address("2001:DB8:0::1")) == "2001:db8::1"


@pytest.mark.parametrize(
    ("read", "text", "field"),
    [
        (ref_of_resource, "no id", "id"),
        (ref_of_resource, "r1", "id"),
        (ref_of_resource, ":c550", "region"),
        (ref_of_resource, "r/1:c550", "region"),
        (ref_of_resource, "r1:", "eip"),
        (ref_of_resource, "r1:a b", "eip"),
        (ref_of_resource, "r1:net~", "eip"),
        (ref_of_resource, "r1:net~mail", "eip"),
        (ref_of_resource, "r1:net~192.0.2.1~192.0.2.2", "eip"),
        (ref_of_resource, f"r1:{'x' * 65}", "eip"),
        (ref_of_id, ID + "0", "id"),
        (ref_of_id, "\u0661" * 32, "id"),
        (ref_of_address, "192.0.2.256", "address"),
        (ref_of_address, "192.0.2.0/24", "address"),
    ],
)
def test_what_is_none_is_refused_with_its_field(read, text, field):
    """A text that is no reference says which part of it is wrong."""
    with pytest.raises(ControlError) as caught:
        read(text)
    assert (caught.value.code, caught.value.field) == ("invalid", field)
