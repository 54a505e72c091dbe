"""From the values of the keys to the options of each layer.

Relative paths count from the folder of the file. Of what paths lead to, only files of secrets are read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ptrd.config.reader import ConfigError, read_values
from ptrd.config.secrets import SecretPlace, load_keys, secret_places
from ptrd.control.options import ConfirmOptions, HttpOptions, LocalOptions, PublishOptions
from ptrd.engine.options import Options
from ptrd.records.access import ALLOW, REFUSE, VERDICTS, Rule, rule_of
from ptrd.records.model import Place, Prefix, Problem
from ptrd.serve.options import ServeOptions, TlsOptions
from ptrd.store.certificate import CertificateFiles
from ptrd.store.state import RECEIVED
from ptrd.store.yamlevents import (
    Report,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.client.endpoints import Endpoint
    from ptrd.records.transfer import Key

EVERYBODY: Final = (Prefix(4, 0, 0), Prefix(6, 0, 0))


# Names of the class CH, and the key that has their text (RFC 4892).
_CHAOS_NAMES: Final = {
    "version.bind": "chaos.version",
    "version.server": "chaos.version",
    "id.server": "chaos.id",
    "hostname.bind": "chaos.id",
}


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
    resolvers: tuple[Endpoint, ...] = ()  # that are asked where names lead; empty for those of the machine
    confirm: ConfirmOptions = field(default_factory=ConfirmOptions)
    own_cookie_secret: bool = True  # cookies are wanted, and the secret is what the state folder keeps
    keys: tuple[Key, ...] = ()  # of TSIG
    notify_sources: tuple[str, ...] = ()  # addresses that NOTIFY leaves from, one of a family
    secrets: tuple[SecretPlace, ...] = ()


def load_config(path: str | Path) -> Config:
    """Read a configuration file. Raises ConfigError with all that is wrong."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError([Problem(Place(str(path), 1, 1), f"cannot read the file: {error.strerror}")]) from None
    return read_config(str(path), data)


def read_config(path: str, data: bytes) -> Config:
    """Read the content of a configuration file. Raises ConfigError with all that is wrong."""
    values = read_values(Report(path, data))
    place = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link, and what it leads to is elsewhere

    def absolute(text: str) -> Path:
        return Path(os.path.normpath(place.parent / text))

    keys, problems = load_keys(values["keys"] or (), absolute)
    if problems:
        raise ConfigError(problems)
    return _make_config(place, values, absolute, keys)


def _make_config(path: Path, values: dict[str, Any], absolute: Callable[[str], Path], keys: tuple[Key, ...]) -> Config:
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
            transfers=values["transfer.at_once"],
            log_format=values["log.format"],
            data_path=values["data_path"],
        ),
        publish=PublishOptions(
            zones=tuple(str(absolute(zone)) for zone in values["zones"]),
            watch=None if values["watch"] is None else float(values["watch"]),
            max_records=values["records_per_name"],
            received=str(state / RECEIVED),
            catalog=values["catalog"],
            keys=tuple(sorted([key.name for key in keys])),
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
            keys=tuple((key.name, key.algorithm, key.secret) for key in keys),
            transfer_expand=values["transfer.expand"],
            transfer_history=values["transfer.history"],
        ),
        user=values["user"],
        regions=tuple(values["regions"] or ()),
        resolvers=tuple(values["resolvers"] or ()),
        confirm=ConfirmOptions(
            policy=values["confirm.policy"],
            interval=float(values["confirm.interval"]),
            rate=values["confirm.rate"],
            timeout=float(values["confirm.timeout"]),
        ),
        own_cookie_secret=values["cookies.secrets"] == [],
        keys=keys,
        notify_sources=tuple(values["notify.source"] or ()),
        secrets=secret_places(values["keys"] or (), path, absolute),
    )


def _extended_errors(told: list[str | Prefix]) -> tuple[Rule, ...]:
    """Make the rules of who is told the reasons of refusals."""
    if "all" in told:
        return ()
    nobody = [rule_of(prefix, REFUSE) for prefix in EVERYBODY]
    return (*nobody, *(rule_of(item, ALLOW) for item in told if isinstance(item, Prefix)))
