"""ptrd.yaml: what it may say, what it means, and that every mistake in it is told at once with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrd.client.endpoints import Endpoint
from ptrd.config import KEYS, ConfigError, load_config, read_config
from ptrd.control.options import ConfirmOptions, HttpOptions
from ptrd.records.management import Policy
from ptrd.records.values import parse_prefix
from ptrd.serve.options import TlsOptions
from ptrd.store.certificate import CertificateFiles

ROOT = Path(__file__).parents[1]
TCP_KEYS = "idle_timeout, first_query_timeout, connections, connections_per_client, queries_in_flight"


def problems_of(text: str) -> list[str]:
    """Give the problems of a configuration, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        read_config("ptrd.yaml", text.encode())
    return [str(problem).removeprefix("ptrd.yaml:") for problem in caught.value.problems]


def test_an_empty_file_is_a_configuration():
    """Every key has a default: port 53 on all addresses, and zones and state beside the file."""
    for text in (b"", b"---\n", b"# nothing\n"):
        config = read_config("/etc/ptrd/ptrd.yaml", text)
        assert config.serve.listen == (("0.0.0.0", 53), ("::", 53))  # noqa: S104 - nothing is bound
        assert config.serve.workers is None
        assert config.publish.zones == ("/etc/ptrd/zones",)
        assert config.publish.watch is None and config.publish.max_records == 100
        assert config.state == Path("/etc/ptrd/state")
        assert config.local.path == Path("/etc/ptrd/state/control.sock") and config.local.admin_group is None
        assert config.http == HttpOptions("127.0.0.1", 9153)
        assert config.answers.udp_size == 1232 and config.answers.chaos == {}
        assert not config.answers.cookie_secrets and config.own_cookie_secret and not config.answers.nsid


def test_every_key_arrives_where_it_belongs():
    """What is written reaches the options of the layer that obeys it."""
    text = """\
listen: [192.0.2.53:53, "[2001:DB8::53]:5300"]
workers: 3
zones: [a.yaml, /srv/b]
state: ../state
socket: run/c.sock
admin_group: dns-admins
user: ptrd
log: {format: json}
http: {listen: "[::1]:80"}
watch: 5s
udp_size: 4096
tcp: {idle_timeout: 1m, connections: 20}
records_per_name: 7
chaos: {version: "ptrd: x", id: ns1}
nsid: ns1.example
extended_errors: none
cookies: {secrets: [000102030405060708090a0b0c0d0e0f, FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF]}
"""
    config = read_config("/etc/ptrd/ptrd.yaml", text.encode())
    assert config.path == Path("/etc/ptrd/ptrd.yaml")
    assert config.serve.listen == (("192.0.2.53", 53), ("2001:db8::53", 5300))
    assert (config.serve.workers, config.serve.tcp_idle_seconds, config.serve.tcp_connections) == (3, 60.0, 20)
    assert config.publish.zones == ("/etc/ptrd/a.yaml", "/srv/b")
    assert config.publish.watch == 5.0 and config.publish.max_records == 7
    assert config.state == Path("/etc/state")
    assert config.local.path == Path("/etc/ptrd/run/c.sock") and config.local.admin_group == "dns-admins"
    assert config.user == "ptrd" and config.serve.log_format == "json"
    assert config.http == HttpOptions("::1", 80)
    assert config.answers.udp_size == 4096
    assert config.answers.nsid == b"ns1.example" and config.answers.extended_errors == ((4, 0, 0, 1), (6, 0, 0, 1))
    assert config.answers.cookie_secrets == (bytes(range(16)), b"\xff" * 16) and not config.own_cookie_secret
    assert config.answers.chaos == {
        "version.bind": "ptrd: x",
        "version.server": "ptrd: x",
        "id.server": "ns1",
        "hostname.bind": "ns1",
    }


def test_the_limits_of_tcp_arrive():
    """Caps and timeouts of TCP reach the options of the sockets."""
    text = "tcp: {first_query_timeout: 2s, connections_per_client: 7, queries_in_flight: 3}"
    serve = read_config("/etc/ptrd/ptrd.yaml", text.encode()).serve
    assert (serve.tcp_first_query_seconds, serve.tcp_connections_per_client, serve.tcp_queries_in_flight) == (2.0, 7, 3)


def test_the_resolvers_and_what_is_confirmed_arrive():
    """Resolvers have port 53 unless it is written; nothing is confirmed unless it is asked for."""
    config = read_config("/etc/ptrd/ptrd.yaml", b"")
    assert config.resolvers == () and config.confirm == ConfirmOptions(Policy.OFF, 86400.0, 10, 5.0)
    text = """\
resolvers: [192.0.2.53, "[2001:DB8::53]:5300", '2001:db8::54']
confirm: {policy: require, interval: 2h, rate: 3, timeout: 10s}
"""
    config = read_config("/etc/ptrd/ptrd.yaml", text.encode())
    assert config.resolvers == (Endpoint("192.0.2.53"), Endpoint("2001:db8::53", 5300), Endpoint("2001:db8::54"))
    assert config.confirm == ConfirmOptions(Policy.REQUIRE, 7200.0, 3, 10.0)
    assert read_config("ptrd.yaml", b"resolvers: ~").resolvers == ()


def test_mistakes_in_what_is_confirmed_are_told():
    """A policy that there is not, a resolver by its name and no rate at all are told with their places."""
    text = "confirm: {policy: strict, rate: 0, interval: 0}\nresolvers: [dns.example.net, '192.0.2.53:0']"
    assert [problem[:75] for problem in problems_of(text)] == [
        "1:19: error: confirm.policy: 'strict' is none of off, warn and require",
        "1:33: error: confirm.rate: '0' is no number from 1 to 1000",
        "1:46: error: confirm.interval: '0' is no time at all; write at least 1s",
        "2:13: error: resolvers: 'dns.example.net' is no server; write an address, no"[:75],
        "2:30: error: resolvers: '192.0.2.53:0' is no server; write an address, such "[:75],
    ]


@pytest.mark.parametrize("text", ["", "tls: ~", "tls: {}", "tls: {listen: [], certificate: ~, key: ~}", "tls: {key: }"])
def test_tls_is_off_by_default(text):
    """Without any of its keys there is no DNS over TLS."""
    assert read_config("/etc/ptrd/ptrd.yaml", text.encode()).tls is None


def test_tls_is_three_keys():
    """DNS over TLS has addresses, a certificate and a key, whose paths count from the file's folder."""
    text = "tls: {listen: [192.0.2.53:853, '[::1]:853'], certificate: tls/chain.pem, key: /k.pem}"
    assert read_config("/etc/ptrd/ptrd.yaml", text.encode()).tls == TlsOptions(
        (("192.0.2.53", 853), ("::1", 853)), "/etc/ptrd/tls/chain.pem", "/k.pem"
    )


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("tls: {listen: [192.0.2.53:853]}", "`certificate` and `key`"),
        ("tls: {listen: [192.0.2.53:853], key: k.pem}", "`certificate`"),
        ("tls: {listen: [192.0.2.53:853], certificate: c.pem, key: ~}", "`key`"),
        ("tls: {listen: [], certificate: c.pem, key: k.pem}", "`listen`"),
        ("tls: {key: k.pem}", "`listen` and `certificate`"),
    ],
)
def test_tls_is_all_or_nothing(text, missing):
    """One of the three keys of DNS over TLS without the others is an error that names them."""
    (problem,) = problems_of(text)
    assert problem.startswith(f"1:6: error: tls: {missing} must stand here too; write for example tls: {{listen: ")


@pytest.mark.parametrize("text", ["http: ~", "http:", "http: {listen: ~}", "http:\n  listen:\n"])
def test_http_can_be_turned_off(text):
    """`~` at `http` or at its `listen` means that there is no HTTP."""
    assert read_config("ptrd.yaml", text.encode()).http is None


def test_the_keys_of_http_arrive():
    """What is written of HTTP reaches its options, and regions those of the use cases."""
    text = """\
http:
  listen: 0.0.0.0:443
  public_url: https://ptr.example.net/
  certificate: tls/chain.pem
  key: /k.pem
  metrics_allow: [192.0.2.0/24, '2001:db8::1']
  trusted_proxies: 198.51.100.1
regions: [eu-1, EU_2.a]
"""
    config = read_config("/etc/ptrd/ptrd.yaml", text.encode())
    assert config.http == HttpOptions(
        "0.0.0.0",  # noqa: S104 - nothing is bound
        443,
        public_url="https://ptr.example.net",
        tls=CertificateFiles("/etc/ptrd/tls/chain.pem", "/k.pem"),
        metrics_allow=(parse_prefix("192.0.2.0/24"), parse_prefix("2001:db8::1/128")),
        trusted_proxies=(parse_prefix("198.51.100.1/32"),),
    )
    assert config.regions == ("eu-1", "EU_2.a")
    assert read_config("ptrd.yaml", b"").regions == ()


@pytest.mark.parametrize("listen", ["192.0.2.53:80", "0.0.0.0:9153", '"[::]:80"', '"[2001:db8::53]:80"'])
def test_plain_http_elsewhere_must_be_written(listen):
    """HTTP without TLS on an address that is not loopback is refused, unless `without_tls` says that it is meant."""
    (problem,) = problems_of(f"http: {{listen: {listen}}}")
    assert problem.startswith("1:7: error: http: ") and "`without_tls: yes`" in problem
    assert problems_of(f"http: {{listen: {listen}, without_tls: no}}") == [problem]
    for meant in ("without_tls: yes", "certificate: c.pem, key: k.pem"):
        assert read_config("ptrd.yaml", f"http: {{listen: {listen}, {meant}}}".encode()).http is not None


@pytest.mark.parametrize("listen", ["127.0.0.1:80", "127.0.0.9:80", '"[::1]:80"'])
def test_plain_http_on_loopback_needs_no_word(listen):
    """On loopback plain HTTP is the ordinary case."""
    assert read_config("ptrd.yaml", f"http: {{listen: {listen}}}".encode()).http.is_loopback


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "http: {certificate: c.pem}",
            "1:7: error: http: `key` must stand here too; write for example http: {listen: ",
        ),
        ("http: {key: k.pem}", "1:7: error: http: `certificate` must stand here too; "),
        (
            "http: {public_url: ptr.example.net}",
            "1:20: error: http.public_url: 'ptr.example.net' is no URL of a server",
        ),
        ("http: {public_url: 'https://a/?b'}", "1:20: error: http.public_url: 'https://a/?b' is no URL of a server"),
        ("http: {public_url: 'http://a:99999'}", "1:20: error: http.public_url: 'http://a:99999' is no URL"),
        ("http: {trusted_proxies: [a]}", "1:26: error: http.trusted_proxies: 'a' is no address"),
        ("http: {without_tls: true}", "1:21: error: http.without_tls: 'true' is neither yes nor no"),
        ("regions: [a b]", "1:11: error: regions: 'a b' is no name of a region"),
        ("regions: [a, a]", "1:14: error: regions: 'a' stands here twice"),
    ],
)
def test_mistakes_about_http_are_told(text, expected):
    """Each mistake in the keys of HTTP and in regions is one problem with its place."""
    (problem,) = problems_of(text)
    assert problem.startswith(expected)


@pytest.mark.parametrize("text", ["cookies: ~", "cookies: {secrets: ~}"])
def test_cookies_can_be_turned_off(text):
    """`~` at `cookies` or at its `secrets` means that there are none; an empty list is the default."""
    config = read_config("ptrd.yaml", text.encode())
    assert not config.own_cookie_secret and config.answers.cookie_secrets == ()
    assert read_config("ptrd.yaml", b"cookies: {secrets: []}") == read_config("ptrd.yaml", b"")


def test_a_secret_is_not_repeated_in_a_problem():
    """Neither a secret that is wrong nor one that stands twice is told to whoever reads the log."""
    secret = "0123456789abcdef" * 2
    for text in (f"cookies: {{secrets: [{secret}0]}}", f"cookies: {{secrets: [{secret}, {secret}]}}"):
        (problem,) = problems_of(text)
        assert "secret" in problem and secret[:4] not in problem
    assert secret not in repr(read_config("ptrd.yaml", f"cookies: {{secrets: [{secret}]}}".encode()))


def test_an_empty_group_means_its_defaults():
    """`~` at a group whose keys cannot be empty is the same as leaving it out."""
    assert read_config("ptrd.yaml", b"tcp: ~\nchaos:\n") == read_config("ptrd.yaml", b"")


def test_the_control_socket_follows_the_state():
    """Without `socket` the control socket lies in the state folder."""
    assert read_config("/a/ptrd.yaml", b"state: /b").local.path == Path("/b/control.sock")


def test_relative_paths_count_from_the_file_and_not_from_where_one_stands(tmp_path, monkeypatch):
    """A configuration means the same from whichever folder it is read."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "ptrd.yaml").write_text("zones: [../zones]\nstate: s\n")
    monkeypatch.chdir(tmp_path)
    here = load_config("etc/ptrd.yaml")
    monkeypatch.chdir("/")
    assert here == load_config(tmp_path / "etc" / "ptrd.yaml")
    assert here.publish.zones == (str(tmp_path / "zones"),)


def test_all_problems_are_told_at_once():
    """One reading finds every mistake, each with line, column, what was read, and what would be right."""
    text = """\
lissten: 3
workers: 0
workers: 2
zones: {}
http: 4
tcp: {idle: 4}
listen: ["::1:53", "127.0.0.1:99999", "127.0.0.1:5", "127.0.0.1:5", ~]
udp_size: [1]
state: ~
"""
    assert problems_of(text) == [
        "1:1: error: unknown key 'lissten'; did you mean 'listen'?",
        "2:10: error: workers: '0' is no number of workers; write auto, or a number from 1 to 256",
        "3:1: error: the key 'workers' stands twice, first in line 2; write it once",
        "4:8: error: zones is a list, not a mapping; write for example zones: [zones]",
        "5:7: error: http is a mapping, not one value; write for example http: {listen: 127.0.0.1:9153}",
        f"6:7: error: unknown key 'idle'; known here: {TCP_KEYS}",
        "7:10: error: listen: '::1:53' is no ADDRESS:PORT; write one such as 192.0.2.53:53 or [2001:db8::53]:53",
        "7:20: error: listen: '99999' is no number from 0 to 65535",
        "7:54: error: listen: '127.0.0.1:5' stands here twice; write it once",
        '7:69: error: listen is text, not nothing; write for example listen: ["192.0.2.53:53", "[2001:db8::53]:53"]',
        "8:11: error: udp_size is text, not a list; write for example udp_size: 1232",
        "9:8: error: state is text, not nothing; write for example state: /var/lib/ptrd",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a", "1:1: error: a configuration is a mapping, not a list"),
        ("hello", "1:1: error: a configuration is a mapping, not one value"),
        ("listen: []", "1:9: error: listen is a list, not an empty list"),
        ("listen: [localhost:53]", "1:10: error: listen: 'localhost' is no address"),
        ("listen: [192.0.2.053:53]", "1:10: error: listen: '192.0.2.053' is no address"),
        ("listen: [192.0.2.53]", "1:10: error: listen: '192.0.2.53' is no ADDRESS:PORT"),
        ('listen: ["[192.0.2.53]:53"]', "1:10: error: listen: '[192.0.2.53]:53': brackets are for IPv6"),
        ('listen: ["[fe80::1%lo]:53"]', "1:10: error: listen: 'fe80::1%lo' is no address"),
        ("listen: [192.0.2.53:+5]", "1:10: error: listen: '+5' is no number from 0 to 65535"),
        ("workers: 0x2", "1:10: error: workers: '0x2' is no number of workers"),
        ("workers: 257", "1:10: error: workers: '257' is no number of workers"),
        ("workers: \u0663", "1:10: error: workers: '\u0663' is no number of workers"),
        ("workers: 1.0", "1:10: error: workers: '1.0' is no number of workers"),
        ("zones: ['']", "1:9: error: zones: '' is no path"),
        ('state: "a\\nb"', "1:8: error: state: 'a\\nb' is no path"),
        ("admin_group: dns admins", "1:14: error: admin_group: 'dns admins' is no name of a group"),
        ("user: a b", "1:7: error: user: 'a b' is no name of a user"),
        ("log: {format: xml}", "1:15: error: log.format: 'xml' is neither text nor json"),
        ("watch: 0", "1:8: error: watch: '0' is no time at all"),
        ("watch: yes", "1:8: error: watch: 'yes' is no duration"),
        ("udp_size: 511", "1:11: error: udp_size: '511' is no number from 512 to 4096"),
        ("records_per_name: -1", "1:19: error: records_per_name: '-1' is no number"),
        ("tcp: {idle_timeout: 10ms}", "1:21: error: tcp.idle_timeout: '10ms' is no duration"),
        ("chaos: {version: [a]}", "1:18: error: chaos.version is text, not a list"),
        (f"chaos: {{id: {'é' * 128}}}", "1:13: error: chaos.id: the text has 256 bytes"),
        ("zones: &a [x]", "1:8: error: '&a' is an anchor"),
        ("a: b: c", "1:5: error: this is not YAML"),
        ("state: a\n---\nstate: b", "3:1: error: a second document begins here"),
        (
            "extended_errors: some",
            "1:18: error: extended_errors: 'some' is neither all nor none nor a prefix such as 192.0.2.0/24",
        ),
        ("chaos.id: x", "1:1: error: unknown key 'chaos.id'"),
    ],
)
def test_a_mistake_is_told_with_its_place(text, expected):
    """Each kind of mistake is an error with its line and column."""
    assert [problem[: len(expected)] for problem in problems_of(text)][:1] == [expected]


def test_a_missing_file_is_one_problem():
    """A configuration that is not there is one sentence, with the file's name."""
    with pytest.raises(ConfigError, match=r"^/nonexistent/ptrd.yaml:1:1: error: cannot read the file: No such file"):
        load_config("/nonexistent/ptrd.yaml")


@given(st.binary(max_size=200))
def test_no_content_raises_anything_else(data):
    """Whatever bytes the file holds, it is a configuration or a ConfigError."""
    try:
        read_config("ptrd.yaml", data)
    except ConfigError as error:
        assert error.problems


def test_the_shipped_configuration_holds_every_key():
    """config/ptrd.yaml shows every key once, and its defaults in brackets are the real ones."""
    text = (ROOT / "config" / "ptrd.yaml").read_text(encoding="utf-8")
    shown = []
    group = ""
    for indent, key, rest in re.findall(r"^( *)([a-z_]+):(.*)$", text, re.MULTILINE):
        group = group if indent else key
        if indent or rest.strip():
            shown.append(f"{group}.{key}" if indent else key)
    assert shown == list(dict.fromkeys(shown))
    assert set(shown) == set(KEYS)


def test_the_shipped_configuration_is_the_quick_start():
    """config/ptrd.yaml serves ../zones on port 5300 of both loopback addresses, HTTP on 9153, state beside it."""
    config = load_config(ROOT / "config" / "ptrd.yaml")
    assert config.serve.listen == (("127.0.0.1", 5300), ("::1", 5300))
    assert config.http == HttpOptions("127.0.0.1", 9153)
    assert config.publish.zones == (str(ROOT / "zones"),)
    assert config.state == ROOT / "state"
    assert config.local.path == ROOT / "state" / "control.sock"
