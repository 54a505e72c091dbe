"""Every key of ptrd.yaml. README.md and config/ptrd.yaml tell about each, and tests hold the three together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptrd.client.endpoints import read_endpoint
from ptrd.config.catalog import EXAMPLE, read_catalog
from ptrd.config.secrets import read_keys
from ptrd.control.options import ConfirmOptions, PublishOptions
from ptrd.engine.options import Options
from ptrd.records.model import Prefix
from ptrd.serve.options import ServeOptions
from ptrd.store.settings import (
    number_between,
    read_address,
    read_character_string,
    read_data_path,
    read_group_name,
    read_log_format,
    read_path,
    read_period,
    read_policy,
    read_prefix,
    read_region,
    read_secret,
    read_source,
    read_told,
    read_url,
    read_user_name,
    read_workers,
    read_yes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.store.yamlevents import Node, Report


class Key(NamedTuple):
    """What may stand at a key: `read` makes a value of its text, or of each text of a list when `many`.

    With `read_node` a value is made of whatever stands there instead, and `read` is for `~` alone.
    """

    read: Callable[[str], Any]
    default: Any
    example: str
    many: bool = False
    optional: bool = False  # `~` may stand there, and means None
    read_node: Callable[[Node, Report], Any] | None = None


KEYS: Final = {
    "listen": Key(read_address, [("0.0.0.0", 53), ("::", 53)], '["192.0.2.53:53", "[2001:db8::53]:53"]', many=True),  # noqa: S104 - whoever asks is answered
    "workers": Key(read_workers, None, "auto"),
    "data_path": Key(read_data_path, ServeOptions().data_path, "python"),
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
    "resolvers": Key(read_endpoint, [], '[192.0.2.53, "[2001:db8::53]:5300"]', many=True, optional=True),
    "confirm.policy": Key(read_policy, ConfirmOptions().policy, "warn"),
    "confirm.interval": Key(read_period, ConfirmOptions().interval, "1d"),
    "confirm.rate": Key(number_between(1, 1000), ConfirmOptions().rate, "10"),
    "confirm.timeout": Key(read_period, ConfirmOptions().timeout, "5s"),
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
    "keys": Key(
        read_path,
        None,
        "{transfer-key: {algorithm: hmac-sha256, secret_file: transfer-key.secret}}",
        optional=True,
        read_node=read_keys,
    ),
    "catalog": Key(read_path, None, EXAMPLE, optional=True, read_node=read_catalog),
    "notify.source": Key(read_source, [], '[192.0.2.53, "2001:db8::53"]', many=True, optional=True),
    "transfer.at_once": Key(number_between(1, 10_000), ServeOptions().transfers, "10"),
    "transfer.expand": Key(number_between(0, 100_000_000), Options().transfer_expand, "1000000"),
    "transfer.history": Key(number_between(0, 100_000), Options().transfer_history, "1000"),
    "cookies.secrets": Key(read_secret, [], "[0123456789abcdef0123456789abcdef]", many=True, optional=True),
}
