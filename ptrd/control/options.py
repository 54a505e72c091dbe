"""What an operator may set about the management plane. Paths are absolute; times are seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """Where zones come from. `watch` is the time between two looks at the files for changes, None for none."""

    zones: tuple[str, ...]  # files and folders, in the operator's order
    watch: float | None = None
    max_records: int = 100  # of one name and type, CVE-2024-1737


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """The control socket. Members of `admin_group` are admitted beside root and the server's own user."""

    path: Path
    admin_group: str | None = None


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """The address of `/metrics`, `/healthz` and `/readyz`."""

    host: str
    port: int
