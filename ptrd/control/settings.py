"""What every dialect of the API is told by the configuration, and the address that its links begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptrd.control.exchange import Request


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """`public_url` is `http.public_url`: what clients reach the server by; empty when the Host header is to say it."""

    public_url: str = ""
    regions: tuple[str, ...] = ()  # `regions` of the configuration; empty when any name will do


def base_url(request: Request, settings: ApiSettings) -> str:
    """Give scheme and host, without a final slash, that links to ourselves begin with."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    scheme = "https" if request.secure else "http"
    return f"{scheme}://{request.header('Host') or 'localhost'}"
