"""`transfer` in a zone file: who may have the zone, who is told, what becomes of default names; and what is wrong."""

from __future__ import annotations

import pytest

from ptrd.records.transfer import AllowItem, NotifyTarget, Transfer, dump_transfer, load_transfer
from ptrd.records.values import parse_prefix
from ptrd.store.zonefile import load_zone_file
from ptrd.wire.names import parse_name
from tests.serving import build

HEAD = (
    "zone: 192.0.2.0/24\nsoa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"
    "records: {192.0.2.1: one.example.net}\n"
)
KEY, OTHER = parse_name("transfer-key"), parse_name("other.example.net")


def read(text):
    """Read the `transfer` of a zone, and the problems with it as texts without the file's name."""
    zones, problems = load_zone_file("z", (HEAD + f"transfer: {text}\n").encode())
    return zones[0].transfer if zones else None, [str(problem).removeprefix("z:") for problem in problems]


def test_everything_that_may_stand_there():
    """Prefixes, addresses, keys and both together; addresses with ports and keys; names of keys in any case."""
    transfer, problems = read(
        "{allow: [192.0.2.0/24, 198.51.100.7, '2001:db8::1', Transfer-Key, 10.0.0.0/8 other.example.net.], "
        "notify: [192.0.2.53, '192.0.2.54:5300', '2001:db8::53', '[2001:db8::54]:5300 transfer-key'], defaults: expand}"
    )
    assert not problems
    assert transfer == Transfer(
        (
            AllowItem(parse_prefix("192.0.2.0/24"), None),
            AllowItem(parse_prefix("198.51.100.7/32"), None),
            AllowItem(parse_prefix("2001:db8::1/128"), None),
            AllowItem(None, KEY),
            AllowItem(parse_prefix("10.0.0.0/8"), OTHER),
        ),
        (
            NotifyTarget("192.0.2.53", 53, None),
            NotifyTarget("192.0.2.54", 5300, None),
            NotifyTarget("2001:db8::53", 53, None),
            NotifyTarget("2001:db8::54", 5300, KEY),
        ),
        "expand",
    )
    assert transfer.keys == {KEY, OTHER} and load_transfer(dump_transfer(transfer)) == transfer


@pytest.mark.parametrize("text", ["~", "{}", "{allow: ~}", "{allow: 192.0.2.1}"])
def test_little_may_stand_there(text):
    """Without `transfer`, or with nothing in it, nobody may have the zone; one item needs no list."""
    transfer, problems = read(text)
    assert not problems and (transfer is None) == (text == "~")
    assert transfer is None or len(transfer.allow) == ("192" in text)
    assert load_transfer(dump_transfer(transfer)) == transfer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "5:11: error: `transfer` is a mapping; write `transfer: {allow: [192.0.2.53, transfer-key]"),
        ("{alow: [k]}", "5:12: error: unknown key 'alow'; did you mean 'allow'?"),
        ("{allow: [192.0.2.1/24]}", "5:20: error: who may have the zone: '192.0.2.1/24' has bits set beyond"),
        ("{allow: [192.0.2.0/33]}", "5:20: error: who may have the zone: '192.0.2.0/33' has the prefix length"),
        ("{allow: [k, K]}", "5:23: error: this stands twice, first in line 5; remove one"),
        ("{allow: [10.0.0.0/8 k x]}", "5:20: error: who may have the zone: '10.0.0.0/8 k x' is more than a prefix"),
        ("{allow: [k 10.0.0.0/8]}", "5:20: error: who may have the zone: 'k' is no address"),
        ("{allow: ['.']}", "5:20: error: who may have the zone: a key needs a name"),
        ("{allow: []}", "5:19: error: the list of prefix or keys is empty"),
        ("{notify: [ns1.example.net]}", "5:21: error: who is told of changes: 'ns1.example.net' is no ADDRESS:PORT"),
        (
            "{notify: ['192.0.2.1:0']}",
            "5:21: error: who is told of changes: '192.0.2.1:0': no server listens on port 0",
        ),
        ("{notify: ['192.0.2.1 k x']}", "5:21: error: who is told of changes: '192.0.2.1 k x' is more than an address"),
        ("{defaults: some}", "5:22: error: `defaults`: 'some' is neither expand nor omit nor refuse"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, expected):
    """Each mistake is an error that says what would be right."""
    transfer, (problem, *others) = read(text)
    assert transfer is None and not others and problem.startswith(expected)


def test_leaving_default_names_out_is_a_warning():
    """`omit` is possible, and whoever writes it is told what secondaries then say."""
    transfer, (problem,) = read("{allow: [k], defaults: omit}")
    assert transfer.defaults == "omit"
    assert problem.startswith("5:34: warning: default names are left out of transfers, so that other servers of this")


def test_a_key_that_nobody_has_is_an_error():
    """A zone that names a key which is not among the configuration's is refused, where these are known."""
    text = HEAD + "transfer: {allow: [k], notify: [192.0.2.1 other]}\n"
    assert not build(text).problems
    problems = [str(problem) for problem in build(text, keys=[parse_name("k")]).problems]
    assert [problem.partition(": error: ")[0] for problem in problems] == ["zones/0.yaml:5:33"]
    assert "there is no key other; write it into `keys` of ptrd.yaml" in problems[0]
    assert build(text, keys=[parse_name("k"), parse_name("other")]).parts


def test_what_secondaries_get_moves_the_serial():
    """Another `defaults` changes what is transferred, so the serial rises; another `allow` changes nothing."""
    one = build(HEAD + "transfer: {allow: [k]}\n")
    two = build(HEAD + "transfer: {allow: [10.0.0.0/8]}\n", serials=one.serials)
    assert two.changed == []
    assert build(HEAD + "transfer: {allow: [k], defaults: omit}\n", serials=one.serials).changed
