"""ptrd.yaml, read into the options types that each layer defines for itself.

Every problem of the file is found at once, each with its line and column. What is not written has a default; relative
paths count from the folder of the file. Nothing here looks at what the paths lead to.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from ptrd import PtrdError
from ptrd.control.options import HttpOptions, LocalOptions, PublishOptions
from ptrd.engine.responder import Options
from ptrd.records.model import Place, Problem
from ptrd.records.values import ValueText, format_address, parse_address, parse_duration, quote
from ptrd.serve.options import ServeOptions
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
    from collections.abc import Callable


_ADDRESS: Final = re.compile(r"(?:\[([^][]+)\]|([^][:]+)):([^][:]+)")


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
    answers: Options
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
            tcp_idle_seconds=float(values["tcp.idle_timeout"]),
        ),
        publish=PublishOptions(
            zones=tuple(str(absolute(zone)) for zone in values["zones"]),
            watch=None if values["watch"] is None else float(values["watch"]),
            max_records=values["records_per_name"],
        ),
        local=LocalOptions(
            path=state / "control.sock" if socket is None else absolute(socket), admin_group=values["admin_group"]
        ),
        http=None if values["http.listen"] is None else HttpOptions(*values["http.listen"]),
        answers=Options(
            udp_size=values["udp_size"],
            chaos=chaos,
            cookie_secrets=tuple(values["cookies.secrets"] or ()),
            nsid=(values["nsid"] or "").encode(),
            extended_errors=values["extended_errors"],
        ),
        own_cookie_secret=values["cookies.secrets"] == [],
    )


def _read_address(text: str) -> tuple[str, int]:
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise ValueText(f"{quote(text)} is no ADDRESS:PORT; write one such as 192.0.2.53:53 or [2001:db8::53]:53")
    version, number = parse_address(found[1] or found[2])
    if version != (6 if found[1] else 4):
        raise ValueText(f"{quote(text)}: brackets are for IPv6; write one such as 192.0.2.53:53 or [2001:db8::53]:53")
    return format_address(version, number), _number(0, 65535)(found[3])


def _read_workers(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return _number(1, 256)(text)
    except ValueText:
        raise ValueText(f"{quote(text)} is no number of workers; write auto, or a number from 1 to 256") from None


def _read_path(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueText(f"{quote(text)} is no path")
    return text


def _read_group_name(text: str) -> str:
    if not text or not text.isprintable() or " " in text:
        raise ValueText(f"{quote(text)} is no name of a group")
    return text


def _read_period(text: str) -> int:
    seconds = parse_duration(text)
    if not seconds:
        raise ValueText(f"{quote(text)} is no time at all; write at least 1s")
    return seconds


def _read_character_string(text: str) -> str:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > 255:  # RFC 1035, 3.3: a <character-string>
        raise ValueText(f"the text has {size} bytes, at most 255 are possible")
    return text


def _read_secret(text: str) -> bytes:
    if re.fullmatch(r"[0-9A-Fa-f]{32}", text) is None:  # what was read is not told: it may be most of a secret
        raise ValueText("this is no secret of 32 hex digits; make one with `openssl rand -hex 16`")
    return bytes.fromhex(text)


def _read_extended_errors(text: str) -> bool:
    if text not in {"all", "none"}:
        raise ValueText(f"{quote(text)} is neither all nor none")
    return text == "all"


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
            raise ValueText(f"{quote(text)} is no number from {least} to {most}")
        return int(text)

    return read


# Every key. README.md and config/ptrd.yaml tell about each, and tests hold the three together.
KEYS: Final = {
    "listen": Key(_read_address, [("0.0.0.0", 53), ("::", 53)], '["192.0.2.53:53", "[2001:db8::53]:53"]', many=True),  # noqa: S104 - whoever asks is answered
    "workers": Key(_read_workers, None, "auto"),
    "zones": Key(_read_path, ["zones"], "[zones]", many=True),
    "state": Key(_read_path, "state", "/var/lib/ptrd"),
    "socket": Key(_read_path, None, "/run/ptrd/control.sock"),
    "admin_group": Key(_read_group_name, None, "dns-admins", optional=True),
    "http.listen": Key(_read_address, ("127.0.0.1", 9153), "127.0.0.1:9153", optional=True),
    "watch": Key(_read_period, None, "5s", optional=True),
    "udp_size": Key(_number(512, 4096), Options().udp_size, "1232"),
    "tcp.idle_timeout": Key(_read_period, ServeOptions().tcp_idle_seconds, "10s"),
    "tcp.connections": Key(_number(1, 1_000_000), ServeOptions().tcp_connections, "1000"),
    "records_per_name": Key(_number(1, 65535), PublishOptions(()).max_records, "100"),
    "chaos.version": Key(_read_character_string, None, "ptrd", optional=True),
    "chaos.id": Key(_read_character_string, None, "ns1", optional=True),
    "nsid": Key(_read_character_string, None, "ns1", optional=True),
    "extended_errors": Key(_read_extended_errors, Options().extended_errors, "all"),
    "cookies.secrets": Key(_read_secret, [], "[0123456789abcdef0123456789abcdef]", many=True, optional=True),
}
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
        for key, value in read_fields(node, known, self._report).values():
            if key.value in own:
                self._read_key(own[key.value], value)
            else:
                self.read_group(key.value, value)

    def _read_key(self, name: str, node: Node) -> None:
        key = KEYS[name]
        if isinstance(node, Text) and node.is_null and key.optional:
            self.values[name] = None
        elif key.many:
            if isinstance(node, Items) and (node.items or key.default == []):
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
            found.append(value)
        return found


def _quote(name: str, node: Text) -> str:
    return "a secret" if name == "cookies.secrets" else quote(node.value)


def _shape(node: Node) -> str:
    if isinstance(node, Text):
        return "nothing" if node.is_null else "one value"
    return "a list" if isinstance(node, Items) else "a mapping"


def _example(name: str) -> str:
    return f"{name.rpartition('.')[2]}: {KEYS[name].example}"


def _spell(group: str, own: dict[str, str]) -> str:
    first = _example(next(iter(own.values())))
    return f"{group}: {{{first}}}" if group else first
