"""ptrd.yaml, read into the options types that each layer defines for itself.

Every problem of the file is found at once, each with its line and column. What is not written has a default; relative
paths count from the folder of the file. Nothing here looks at what the paths lead to.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from ptrd import PtrdError
from ptrd.control.options import HttpOptions, LocalOptions, PublishOptions
from ptrd.engine.options import Options
from ptrd.records.access import ALLOW, REFUSE, VERDICTS, Rule, rule_of
from ptrd.records.model import Place, Prefix, Problem
from ptrd.records.values import (
    ValueText,
    quote,
)
from ptrd.serve.options import ServeOptions, TlsOptions
from ptrd.store.certificate import CertificateFiles
from ptrd.store.settings import (
    number_between,
    read_address,
    read_character_string,
    read_group_name,
    read_log_format,
    read_path,
    read_period,
    read_prefix,
    read_region,
    read_secret,
    read_told,
    read_url,
    read_user_name,
    read_workers,
    read_yes,
)
from ptrd.store.yamlevents import (
    Items,
    Node,
    Report,
    Table,
    Text,
    read_events,
    read_fields,
    read_node,
    syntax_problem,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

EVERYBODY: Final = (Prefix(4, 0, 0), Prefix(6, 0, 0))


class ConfigError(PtrdError):
    """ptrd.yaml cannot be used; the text is every problem, one a line."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Config:
    """A ptrd.yaml. Every path is absolute; `http` is None where no HTTP is wanted."""

    path: Path
    state: Path
    serve: ServeOptions
    publish: PublishOptions
    local: LocalOptions
    http: HttpOptions | None
    tls: TlsOptions | None
    answers: Options
    user: str | None = None  # to become, when root starts the server
    regions: tuple[str, ...] = ()  # that there are; empty for any
    own_cookie_secret: bool = True  # cookies are wanted, and the secret is what the state folder keeps


class Key(NamedTuple):
    """What may stand at a key: `read` makes a value of its text, or of each text of a list when `many`."""

    read: Callable[[str], Any]
    default: Any
    example: str
    many: bool = False
    optional: bool = False  # `~` may stand there, and means None


def load_config(path: str | Path) -> Config:
    """Read a configuration file. Raises ConfigError with all that is wrong."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError([Problem(Place(str(path), 1, 1), f"cannot read the file: {error.strerror}")]) from None
    return read_config(str(path), data)


def read_config(path: str, data: bytes) -> Config:
    """Read the content of a configuration file. Raises ConfigError with all that is wrong."""
    report = Report(path, data)
    reader = _Reader(report)
    root = _read_document(report)
    if root is not None:
        reader.read_group("", root)
    if report.problems:
        raise ConfigError(sorted(report.problems))
    place = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link, and what it leads to is elsewhere
    return _make_config(place, reader.values)


def _make_config(path: Path, values: dict[str, Any]) -> Config:
    def absolute(text: str) -> Path:
        return Path(os.path.normpath(path.parent / text))

    state = absolute(values["state"])
    socket = values["socket"]
    chaos = {name: values[key] for name, key in _CHAOS_NAMES.items() if values[key] is not None}
    return Config(
        path=path,
        state=state,
        serve=ServeOptions(
            listen=tuple(values["listen"]),
            workers=values["workers"],
            tcp_connections=values["tcp.connections"],
            tcp_connections_per_client=values["tcp.connections_per_client"],
            tcp_first_query_seconds=float(values["tcp.first_query_timeout"]),
            tcp_idle_seconds=float(values["tcp.idle_timeout"]),
            tcp_queries_in_flight=values["tcp.queries_in_flight"],
            log_format=values["log.format"],
        ),
        publish=PublishOptions(
            zones=tuple(str(absolute(zone)) for zone in values["zones"]),
            watch=None if values["watch"] is None else float(values["watch"]),
            max_records=values["records_per_name"],
        ),
        local=LocalOptions(
            path=state / "control.sock" if socket is None else absolute(socket), admin_group=values["admin_group"]
        ),
        http=None
        if values["http.listen"] is None
        else HttpOptions(
            host=values["http.listen"][0],
            port=values["http.listen"][1],
            public_url=values["http.public_url"] or "",
            tls=CertificateFiles(str(absolute(values["http.certificate"])), str(absolute(values["http.key"])))
            if values["http.certificate"]
            else None,
            metrics_allow=tuple(values["http.metrics_allow"] or ()),
            trusted_proxies=tuple(values["http.trusted_proxies"] or ()),
        ),
        tls=TlsOptions(
            tuple(values["tls.listen"]), str(absolute(values["tls.certificate"])), str(absolute(values["tls.key"]))
        )
        if values["tls.listen"]
        else None,
        answers=Options(
            udp_size=values["udp_size"],
            chaos=chaos,
            cookie_secrets=tuple(values["cookies.secrets"] or ()),
            nsid=(values["nsid"] or "").encode(),
            extended_errors=_extended_errors(values["extended_errors"]),
            keepalive=min(int(values["tcp.idle_timeout"] * 10), 65535),
            access=tuple(
                rule_of(prefix, verdict)
                for verdict, name in enumerate(VERDICTS)
                for prefix in values[f"access.{name}"] or ()
            ),
            limit_records=values["rrl.records"] or 0,
            limit_made=values["rrl.made"] or 0,
            limit_denied=values["rrl.denied"] or 0,
            limit_slip=values["rrl.slip"] or 0,
            limit_badcookie=values["rrl.badcookie"] == "yes",
            limit_exempt=tuple(rule_of(prefix, ALLOW) for prefix in values["rrl.exempt"] or ()),
        ),
        user=values["user"],
        regions=tuple(values["regions"] or ()),
        own_cookie_secret=values["cookies.secrets"] == [],
    )


def _extended_errors(told: list[str | Prefix]) -> tuple[Rule, ...]:
    """Make the rules of who is told the reasons of refusals."""
    if "all" in told:
        return ()
    nobody = [rule_of(prefix, REFUSE) for prefix in EVERYBODY]
    return (*nobody, *(rule_of(item, ALLOW) for item in told if isinstance(item, Prefix)))


# Every key. README.md and config/ptrd.yaml tell about each, and tests hold the three together.
KEYS: Final = {
    "listen": Key(read_address, [("0.0.0.0", 53), ("::", 53)], '["192.0.2.53:53", "[2001:db8::53]:53"]', many=True),  # noqa: S104 - whoever asks is answered
    "workers": Key(read_workers, None, "auto"),
    "zones": Key(read_path, ["zones"], "[zones]", many=True),
    "state": Key(read_path, "state", "/var/lib/ptrd"),
    "socket": Key(read_path, None, "/run/ptrd/control.sock"),
    "admin_group": Key(read_group_name, None, "dns-admins", optional=True),
    "user": Key(read_user_name, None, "ptrd", optional=True),
    "log.format": Key(read_log_format, ServeOptions().log_format, "json"),
    "http.listen": Key(read_address, ("127.0.0.1", 9153), "127.0.0.1:9153", optional=True),
    "http.public_url": Key(read_url, None, "https://ptr.example.net", optional=True),
    "http.certificate": Key(read_path, None, "/etc/ptrd/tls/http.pem", optional=True),
    "http.key": Key(read_path, None, "/etc/ptrd/tls/http.key", optional=True),
    "http.without_tls": Key(read_yes, "no", "yes"),
    "http.metrics_allow": Key(read_prefix, [], "[192.0.2.0/24]", many=True, optional=True),
    "http.trusted_proxies": Key(read_prefix, [], "[192.0.2.80]", many=True, optional=True),
    "regions": Key(read_region, [], "[eu-1, eu-2]", many=True, optional=True),
    "watch": Key(read_period, None, "5s", optional=True),
    "udp_size": Key(number_between(512, 4096), Options().udp_size, "1232"),
    "tcp.idle_timeout": Key(read_period, ServeOptions().tcp_idle_seconds, "10s"),
    "tcp.first_query_timeout": Key(read_period, ServeOptions().tcp_first_query_seconds, "5s"),
    "tcp.connections": Key(number_between(1, 1_000_000), ServeOptions().tcp_connections, "1000"),
    "tcp.connections_per_client": Key(number_between(1, 1_000_000), ServeOptions().tcp_connections_per_client, "100"),
    "tcp.queries_in_flight": Key(number_between(1, 65535), ServeOptions().tcp_queries_in_flight, "100"),
    "tls.listen": Key(read_address, [], '["192.0.2.53:853", "[2001:db8::53]:853"]', many=True, optional=True),
    "tls.certificate": Key(read_path, None, "/etc/ptrd/tls/chain.pem", optional=True),
    "tls.key": Key(read_path, None, "/etc/ptrd/tls/key.pem", optional=True),
    "records_per_name": Key(number_between(1, 65535), PublishOptions(()).max_records, "100"),
    "chaos.version": Key(read_character_string, None, "ptrd", optional=True),
    "chaos.id": Key(read_character_string, None, "ns1", optional=True),
    "nsid": Key(read_character_string, None, "ns1", optional=True),
    "extended_errors": Key(read_told, ["all"], "[192.0.2.0/24, 2001:db8::/32]", many=True),
    "access.allow": Key(read_prefix, [], "[192.0.2.0/24, 2001:db8::/32]", many=True, optional=True),
    "access.refuse": Key(read_prefix, [], "[198.51.100.0/24]", many=True, optional=True),
    "access.drop": Key(read_prefix, [], "[203.0.113.0/24]", many=True, optional=True),
    "rrl.records": Key(number_between(1, 65536), 200, "200", optional=True),
    "rrl.made": Key(number_between(1, 65536), 1000, "1000", optional=True),
    "rrl.denied": Key(number_between(1, 65536), 200, "200", optional=True),
    "rrl.slip": Key(number_between(1, 100), 2, "2", optional=True),
    "rrl.badcookie": Key(read_yes, "no", "yes"),
    "rrl.exempt": Key(
        read_prefix, [Prefix(4, 127 << 24, 8), Prefix(6, 1, 128)], "[127.0.0.0/8, '::1']", many=True, optional=True
    ),
    "cookies.secrets": Key(read_secret, [], "[0123456789abcdef0123456789abcdef]", many=True, optional=True),
}
_TLS_EXAMPLE: Final = 'write for example tls: {listen: ["192.0.2.53:853"], certificate: chain.pem, key: key.pem}'
_HTTP_EXAMPLE: Final = "write for example http: {listen: 192.0.2.53:443, certificate: chain.pem, key: key.pem}"
_GROUPS: Final = tuple(dict.fromkeys(name.partition(".")[0] for name in KEYS if "." in name))

# Names of the class CH, and the key that has their text (RFC 4892).
_CHAOS_NAMES: Final = {
    "version.bind": "chaos.version",
    "version.server": "chaos.version",
    "id.server": "chaos.id",
    "hostname.bind": "chaos.id",
}


def _read_document(report: Report) -> Node | None:
    """Read the one document of the file; None where there is none, or only an alias."""
    node: Node | None = None
    documents = 0
    events = read_events(report.data)
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                found = read_node(next(events), events, report)
                documents += 1
                if documents == 1:
                    node = found
                elif documents == 2 and found is not None:
                    report.error(found, "a second document begins here; a configuration is one document")
    except yaml.YAMLError as error:
        report.add(syntax_problem(error, report))
        return None
    return node


class _Reader:
    """Collects values while it walks over the file; `values` begins with the defaults."""

    def __init__(self, report: Report) -> None:
        self.values: dict[str, Any] = {name: key.default for name, key in KEYS.items()}
        self._report = report

    def read_group(self, group: str, node: Node) -> None:
        """Read the keys of a mapping; `group` is empty at the top, else the part of its keys' names before the dot."""
        own = {name.rpartition(".")[2]: name for name in KEYS if name.rpartition(".")[0] == group}
        if isinstance(node, Text) and node.is_null:  # as if `~` stood at each of its keys
            self.values |= {name: None for name in own.values() if group and KEYS[name].optional}
            return
        if not isinstance(node, Table):
            where = f"{group} is" if group else "a configuration is"
            self._report.error(node, f"{where} a mapping, not {_shape(node)}; write for example {_spell(group, own)}")
            return
        known = (*own, *_GROUPS) if not group else tuple(own)
        fields = read_fields(node, known, self._report).values()
        for key, value in fields:
            if key.value in own:
                self._read_key(own[key.value], value)
            else:
                self.read_group(key.value, value)
        written = [key.value for key, value in fields if not _is_empty(value)]
        if group == "tls":
            self._check_together(node, group, own, written, _TLS_EXAMPLE)
        elif group == "http":
            self._check_together(node, group, ("certificate", "key"), written, _HTTP_EXAMPLE)
            self._check_http(node)

    def _check_together(self, node: Node, group: str, names: Iterable[str], written: list[str], example: str) -> None:
        """Report keys that are missing although others of them are written."""
        missing = [f"`{name}`" for name in names if name not in written]
        if missing and any(name in written for name in names):
            self._report.error(node, f"{group}: {' and '.join(missing)} must stand here too; {example}")

    def _check_http(self, node: Node) -> None:
        """Report HTTP without TLS on an address that others can reach, unless it is said that this is meant."""
        values = self.values
        listen = values["http.listen"]
        if listen is None or values["http.certificate"] or values["http.without_tls"] == "yes":
            return
        if not HttpOptions(*listen).is_loopback:
            self._report.error(
                node,
                f"http: {listen[0]} can be reached from elsewhere, and without TLS everybody on the way reads tokens; "
                "write `certificate` and `key`, or `without_tls: yes` when something else encrypts, or listen on "
                "127.0.0.1",
            )

    def _read_key(self, name: str, node: Node) -> None:
        key = KEYS[name]
        if isinstance(node, Text) and node.is_null and key.optional:
            self.values[name] = None
        elif key.many:
            if isinstance(node, Text) and not node.is_null:
                self.values[name] = self._read_items(name, [node])
            elif isinstance(node, Items) and (node.items or key.optional):
                self.values[name] = self._read_items(name, node.items)
            else:
                wrong = "an empty list" if isinstance(node, Items) else _shape(node)
                self._report.error(node, f"{name} is a list, not {wrong}; write for example {_example(name)}")
        else:
            found = self._read_items(name, [node])
            if found:
                self.values[name] = found[0]

    def _read_items(self, name: str, nodes: list[Node]) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if not isinstance(node, Text) or node.is_null:
                self._report.error(node, f"{name} is text, not {_shape(node)}; write for example {_example(name)}")
                continue
            try:
                value = KEYS[name].read(node.value)
            except ValueText as error:
                self._report.error(node, f"{name}: {error}")
                continue
            if value in found:
                self._report.error(node, f"{name}: {_quote(name, node)} stands here twice; write it once")
            elif name == "extended_errors" and found and {"all", "none"} & {value, *found}:
                self._report.error(node, "extended_errors: all and none stand alone; write one of them, or prefixes")
            elif isinstance(value, Prefix) and name.startswith("access."):
                self._check_prefix(name, value, node)
            found.append(value)
        return found

    def _check_prefix(self, name: str, prefix: Prefix, node: Text) -> None:
        """Report a prefix of access lists that stands in two of them."""
        for other in (f"access.{verdict}" for verdict in VERDICTS):
            if other != name and prefix in (self.values[other] or ()):
                self._report.error(node, f"{name}: {quote(node.value)} stands in {other} too; write it once")


def _quote(name: str, node: Text) -> str:
    return "a secret" if name == "cookies.secrets" else quote(node.value)


def _is_empty(node: Node) -> bool:
    return (isinstance(node, Text) and node.is_null) or (isinstance(node, Items) and not node.items)


def _shape(node: Node) -> str:
    if isinstance(node, Text):
        return "nothing" if node.is_null else "one value"
    return "a list" if isinstance(node, Items) else "a mapping"


def _example(name: str) -> str:
    return f"{name.rpartition('.')[2]}: {KEYS[name].example}"


def _spell(group: str, own: dict[str, str]) -> str:
    first = _example(next(iter(own.values())))
    return f"{group}: {{{first}}}" if group else first
