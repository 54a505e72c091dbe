"""What systemd and we say to each other: readiness and the watchdog (sd_notify(3)), sockets (sd_listen_fds(3)).

Without systemd nothing happens. Its variables are taken out of the environment, so that no child speaks in our name.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping


class Notifier:
    """Speaks to systemd. `watchdog` is the time in seconds within which it wants to hear of us, or None."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        # A name that begins with @ is abstract: it has no file (unix(7)).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        microseconds = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", "") in {"", str(os.getpid())}
        self.watchdog = int(microseconds) / 1e6 if meant and microseconds.isdigit() and int(microseconds) else None

    def send(self, *lines: str) -> None:
        """Send assignments such as `READY=1` in one datagram; a systemd that does not listen is no error."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
            sock.settimeout(1.0)
            sock.sendto("\n".join(lines).encode(), self._address)


def handed_over(environment: MutableMapping[str, str]) -> list[int]:
    """Give the descriptors of the sockets that systemd hands over (sd_listen_fds(3)), none when they are not for us."""
    count = environment.pop("LISTEN_FDS", "")
    meant = environment.pop("LISTEN_PID", "") == str(os.getpid())
    environment.pop("LISTEN_FDNAMES", None)
    descriptors = list(range(3, 3 + int(count))) if meant and count.isdigit() else []
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - positional only
    return descriptors
