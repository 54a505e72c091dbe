"""Postfix as the receiving server: it refuses a client whose address has no name that leads back to the address.

It needs root, since Postfix's processes change their user, and port 25 and a resolv.conf that the test has to itself.
Configuration, queue, mailbox and log lie in one folder, which goes with the server.
"""

from __future__ import annotations

import email
import os
import pwd
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tests.peers.process import Child, Peer, PeerError, require_program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message

DAEMONS = Path("/usr/lib/postfix/sbin")
DOMAIN = "receiver.example"
# name, type, private, unprivileged, chroot, wake-up, most processes, command: master(5). None runs in a chroot.
SERVICES = """\
25 inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class PostfixServer(Peer):
    """Postfix on port 25 of `addresses`; what it accepts for `DOMAIN` lies in one mailbox, and goes nowhere else."""

    program: ClassVar[str] = "postfix"
    package: ClassVar[str] = "postfix"

    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__({}, address=addresses[0], port=25)
        self.addresses = list(addresses)

    def configure(self) -> list[str]:
        """Write main.cf and master.cf, and make the folders with the owners that Postfix wants."""
        user = pwd.getpwnam("postfix")
        self.folder.chmod(0o755)  # each of Postfix's processes enters it as its own user
        for name in ("etc", "queue", "data", "mail"):
            (self.folder / name).mkdir(exist_ok=True)
        for name in ("data", "mail"):
            os.chown(self.folder / name, user.pw_uid, user.pw_gid)
        etc = self.folder / "etc"
        (etc / "master.cf").write_text(SERVICES, encoding="ascii")
        (etc / "main.cf").write_text(
            f"""\
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
maillog_file = {self.folder}/maillog
maillog_file_prefixes = {self.folder}
myhostname = mx.{DOMAIN}
inet_interfaces = {" ".join(self.addresses)}
inet_protocols = all
mynetworks = 127.0.0.1/32
smtpd_client_restrictions = reject_unknown_client_hostname
unknown_client_reject_code = 550
smtpd_relay_restrictions = reject_unauth_destination
mydestination =
local_recipient_maps =
local_transport = discard
default_transport = discard
alias_maps =
alias_database =
fast_flush_domains =
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = {self.folder}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{user.pw_uid}
virtual_gid_maps = static:{user.pw_gid}
""",
            encoding="ascii",
        )
        return ["-c", str(etc), "check"]  # makes the queue's folders

    def start(self) -> None:
        """Start the master process and wait until it greets."""
        check = [require_program(self.program, self.package), *self.configure()]
        done = subprocess.run(check, capture_output=True, check=False, text=True, timeout=60)
        if done.returncode:
            raise PeerError(f"postfix check: {done.stdout}{done.stderr}")
        began = time.monotonic()
        self.child = Child([str(DAEMONS / "master"), "-d", "-c", str(self.folder / "etc")], self.folder / "log")
        if not self._wait(began):
            raise PeerError(f"postfix does not greet:\n{self.said()}")
        self.ready_seconds = time.monotonic() - began

    def ready(self) -> bool:
        """Tell whether it greets a client."""
        try:
            with socket.create_connection((self.address, self.port), timeout=5) as client:
                return client.recv(100).startswith(b"220 ")
        except OSError:
            return False

    def said(self) -> str:
        """Give the end of its log."""
        log = self.folder / "maillog"
        return super().said() + (log.read_text(errors="replace")[-4000:] if log.exists() else "")

    def stop(self) -> int:
        """End the master, which ends the rest, and wait until none of them lives."""
        status = super().stop()
        deadline = time.monotonic() + self.seconds
        while self.living() and time.monotonic() < deadline:
            time.sleep(0.01)
        return status

    def living(self) -> list[int]:
        """List its processes, without those that have ended and only wait for whoever started them."""
        return [pid for pid in self.pids() if not has_ended(pid)]

    def delivered(self, message_id: str, *, seconds: float = 30.0) -> Message:
        """Wait for a message to lie in the mailbox; take it out and give it. Raises PeerError."""
        new = self.folder / "mail" / "inbox" / "new"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for path in new.glob("*"):
                message = email.message_from_bytes(path.read_bytes())
                if message["Message-ID"] == message_id:
                    path.unlink()
                    return message
            time.sleep(0.01)
        raise PeerError(f"{message_id} was accepted and is not delivered:\n{self.said()}")


def has_ended(pid: int) -> bool:
    """Tell whether a process is gone, or is kept only until its parent asks how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
