"""TSIG against dnspython, and against bytes that are wrong: nothing is believed whose MAC was not checked."""

from __future__ import annotations

import dns.message
import dns.name
import dns.tsig
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrd.wire.message import find_last
from ptrd.wire.tsig import (
    BADKEY,
    BADSIG,
    BADTIME,
    BADTRUNC,
    FUDGE,
    NO_ERROR,
    RowSigner,
    TsigError,
    add_tsig,
    answer_unsigned,
    make_keyring,
    read_tsig,
    sign,
    verify,
)

NAME = b"\x0ctransfer-key\0"
SECRETS = {"hmac-sha256": bytes(32), "hmac-sha384": bytes(48), "hmac-sha512": bytes(64)}
NOW = 1_700_000_000.0


def theirs(algorithm="hmac-sha256", secret=None):
    """Give dnspython's key."""
    return dns.tsig.Key("transfer-key.", SECRETS[algorithm] if secret is None else secret, algorithm)


def ours(algorithm="hmac-sha256"):
    """Give our keyring."""
    return make_keyring([(NAME, algorithm, SECRETS[algorithm])])


def signed(algorithm="hmac-sha256", **options):
    """Make a query that dnspython signs; its clock is the machine's, and the time stands in the record."""
    query = dns.message.make_query("2.0.192.in-addr.arpa", "AXFR", use_edns=0)
    query.use_tsig(theirs(algorithm, options.pop("secret", None)), **options)
    data = query.to_wire()
    return query, data, read_tsig(data, find_last(data))


@pytest.mark.parametrize("algorithm", SECRETS)
def test_what_dnspython_signs_is_right_here(algorithm):
    """A signature of each algorithm is accepted within 300 seconds, and not a second later, whatever its fudge."""
    _, data, tsig = signed(algorithm, fudge=65535)
    keys = ours(algorithm)
    for late in (0, FUDGE, -FUDGE):
        assert verify(data, tsig, keys, tsig.time + late) == (NO_ERROR, keys[NAME])
    for late in (FUDGE + 1, -FUDGE - 1):
        assert verify(data, tsig, keys, tsig.time + late) == (BADTIME, keys[NAME])
    _, data, tsig = signed(algorithm, fudge=10)
    assert verify(data, tsig, keys, tsig.time + 11)[0] == BADTIME


@pytest.mark.parametrize("algorithm", SECRETS)
def test_what_is_signed_here_is_right_for_dnspython(algorithm):
    """It accepts a signed answer, and a row of signed messages of which each depends on the one before."""
    query, data, tsig = signed(algorithm)
    key = ours(algorithm)[NAME]
    reply = data[:2] + b"\x84\0\0\1\0\0\0\0\0\0" + data[12:38]
    ring = {theirs(algorithm).name: theirs(algorithm)}
    wire = sign(reply, key, tsig.time, tsig)
    assert len(wire) <= len(reply) + key.room
    assert dns.message.from_wire(wire, keyring=ring, request_mac=query.mac).had_tsig
    row = RowSigner(key, tsig)
    context = None
    messages = [row.sign(reply, tsig.time) for _ in range(3)]
    for message in messages:
        found = dns.message.from_wire(
            message, keyring=ring, request_mac=query.mac, multi=True, tsig_ctx=context, xfr=True
        )
        assert found.had_tsig
        context = found.tsig_ctx
    with pytest.raises(dns.tsig.BadSignature):
        dns.message.from_wire(messages[1], keyring=ring, request_mac=query.mac)


def test_a_wrong_secret_is_a_wrong_signature():
    """Another secret under the right name is BADSIG, and the answer to it is not signed (RFC 8945, 5.3.2)."""
    query, data, tsig = signed(secret=b"another secret of some bytes")
    assert verify(data, tsig, ours(), tsig.time) == (BADSIG, None)
    bare = data[:2] + b"\x80\x09\0\1\0\0\0\0\0\0" + data[12:38]
    with pytest.raises(dns.tsig.PeerBadSignature):
        dns.message.from_wire(answer_unsigned(bare, tsig, BADSIG), keyring=query.keyring, request_mac=query.mac)


@pytest.mark.parametrize(
    "algorithm", [b"\x08hmac-md5\7sig-alg\3reg\3int\0", b"\x09hmac-sha1\0", b"\0", b"\x08gss-tsig\0"]
)
def test_an_algorithm_that_is_not_the_keys_is_no_key(algorithm):
    """Unknown, weaker or odd algorithms are BADKEY whatever stands in the MAC, and nothing is computed."""
    _, data, tsig = signed()
    other = tsig._replace(algorithm=algorithm, mac=bytes(7))
    message = add_tsig(data[:10] + b"\0\1" + data[12 : tsig.start], other)
    assert verify(message, read_tsig(message, find_last(message)), ours(), tsig.time) == (BADKEY, None)
    assert verify(data, tsig, {}, tsig.time) == (BADKEY, None)


def test_a_short_mac_is_never_believed():
    """A truncated MAC that is right is BADTRUNC and one that is wrong BADSIG; one too short to be any is FORMERR."""
    _, data, tsig = signed()
    keys = ours()
    for size in (16, 20, 31):
        assert verify(data, tsig._replace(mac=tsig.mac[:size]), keys, tsig.time) == (BADTRUNC, keys[NAME])
        assert verify(data, tsig._replace(mac=bytes(size)), keys, tsig.time) == (BADSIG, None)
    for mac in (b"", tsig.mac[:9], tsig.mac[:15], tsig.mac + b"\0"):
        with pytest.raises(TsigError):
            verify(data, tsig._replace(mac=mac), keys, tsig.time)


def test_a_late_client_is_told_the_time():
    """The answer to a query of a wrong clock is signed, has the client's time, and says ours (RFC 8945, 5.2.3)."""
    query, data, tsig = signed()
    bare = data[:2] + b"\x80\x09\0\1\0\0\0\0\0\0" + data[12:38]
    wire = sign(bare, ours()[NAME], NOW, tsig, BADTIME)
    found = read_tsig(wire, find_last(wire))
    assert (found.time, found.error, found.other) == (tsig.time, BADTIME, int(NOW).to_bytes(6, "big"))
    assert verify(wire, found, ours(), tsig.time, query.mac)[0] == NO_ERROR
    with pytest.raises(dns.tsig.PeerBadTime):
        dns.message.from_wire(wire, keyring=query.keyring, request_mac=query.mac)


@given(st.data())
def test_no_changed_byte_is_believed(data):
    """A query with any byte changed is not accepted, unless the byte is not signed: the identity, and letters' case."""
    _, message, tsig = signed()
    at = data.draw(st.integers(2, len(message) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != message[at]))
    changed = message[:at] + bytes((value,)) + message[at + 1 :]
    try:
        start = find_last(changed)
        found = read_tsig(changed, start)
        error, _ = verify(changed, found, ours(), tsig.time)
    except Exception as error:  # noqa: BLE001 - what cannot be read is not believed either
        assert type(error).__name__ in {"TsigError", "RestError"}
        return
    assert error != NO_ERROR or changed[tsig.start :].lower() == message[tsig.start :].lower()


@given(st.binary(max_size=200), st.integers(0, 40))
def test_no_bytes_do_harm(data, at):
    """Whatever stands where a TSIG record is looked for is one, or TsigError."""
    try:
        found = read_tsig(data, at)
    except TsigError:
        return
    assert len(found.mac) <= len(data) and 0 < len(found.name) <= 255


blocks = st.lists(
    st.sampled_from(
        [
            NAME,
            b"\0\xfa\0\xff\0\0\0\0",
            b"\x0bhmac-sha256\0",
            bytes(6),
            b"\1\x2c",
            b"\0\x20",
            bytes(32),
            b"\xc0\x0c",
            b"\0\x3d",
        ]
    ),
    max_size=12,
).map(b"".join)


@given(blocks)
def test_no_pieces_of_a_record_do_harm(data):
    """Nor do the pieces of a TSIG record in any order."""
    message = bytes(12) + data
    try:
        found = read_tsig(message, 12)
        verify(message, found, ours(), NOW)
    except TsigError:
        return
    assert found.start == 12
