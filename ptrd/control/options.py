"""What an operator may set about the management plane. Paths are absolute; times are seconds."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from ptrd.records.management import Policy

if TYPE_CHECKING:
    from pathlib import Path

    from ptrd.records.catalog import Catalog
    from ptrd.records.model import Prefix
    from ptrd.store.certificate import CertificateFiles


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """Where zones come from. `watch` is the time between two looks at the files for changes, None for none."""

    zones: tuple[str, ...]  # files and folders, in the operator's order
    watch: float | None = None
    max_records: int = 100  # of one name and type, CVE-2024-1737
    catalog: Catalog | None = None
    received: str = ""  # the folder of what primaries sent, where there is one
    keys: tuple[bytes, ...] | None = None  # names of those that zones may name, None for any


@dataclass(frozen=True, slots=True)
class ConfirmOptions:
    """Whether the names of managed records have to lead back to their addresses, and how often that is looked at."""

    policy: Policy = Policy.OFF  # of projects that have none of their own
    interval: float = 86400.0  # how old a finding may get
    rate: int = 10  # looks a second, when findings are renewed
    timeout: float = 5.0  # how long a change waits for a finding


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """The control socket. Members of `admin_group` are admitted beside root and the server's own user."""

    path: Path
    admin_group: str | None = None


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Where and how HTTP is answered, and who may do what because of where they ask from.

    `public_url` is what clients reach the server by, empty when their Host header is to say it; without `tls` it is
    plain HTTP. Clients in `metrics_allow` may read `/metrics` without a credential. What `trusted_proxies` say of whom
    they forward for counts; nobody else's word does.
    """

    host: str
    port: int
    public_url: str = ""
    tls: CertificateFiles | None = None
    metrics_allow: tuple[Prefix, ...] = ()
    trusted_proxies: tuple[Prefix, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can reach it."""
        return ip_address(self.host).is_loopback
