"""The user that ptrd becomes when root has started it: for good, or it does not start.

Root opens the sockets and gives that user the folders that ptrd writes to; everything else is done as that user.
A folder is given away only when it is new, or empty and root's alone, so that nobody's files change hands.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple

import ptrd
from ptrd.serve.confine import drop_bounding_set
from ptrd.serve.options import ServeError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Account(NamedTuple):
    """A user of the machine, with all its groups."""

    name: str
    user: int
    group: int
    groups: tuple[int, ...]


def find_account(name: str) -> Account | None:
    """Look up the user to become, None when this process is that user already. Raises ServeError."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ServeError(
            f"user: there is no user called {name}; make it with "
            f"`useradd --system --no-create-home --shell /usr/sbin/nologin {name}`, or name another"
        ) from None
    if entry.pw_uid == 0:
        raise ServeError(f"user: {name} is root, and the point is not to be; name an ordinary user")
    mine = os.geteuid()
    if mine == entry.pw_uid:
        return None
    if mine != 0:
        raise ServeError(
            f"user: ptrd was started by {_name_of(mine)}, who cannot become {name}; start it as root or as {name}, or "
            "take `user` out of ptrd.yaml"
        )
    return Account(name, entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(name, entry.pw_gid)))


def leave_root(account: Account, state: Path, socket: Path, admin_group: str | None) -> None:
    """Be that user for good, in the group of the control socket too, and able to use state folder and socket.

    Raises ServeError.
    """
    _give_folder(state, account, 0o700)
    _give_folder(socket.parent, account, 0o755)
    more = []
    if admin_group is not None:
        with contextlib.suppress(KeyError):  # told by who makes the socket
            more.append(grp.getgrnam(admin_group).gr_gid)
    _become(account, more)
    _check_access(account.name, state, socket)


def _give_folder(folder: Path, account: Account, mode: int) -> None:
    """Make a folder the user's own when it is missing, or empty and root's alone; else leave it as it is.

    What cannot be done is left to the check of access.
    """
    with contextlib.suppress(OSError):
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            is_roots_alone = status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if is_roots_alone and not os.listdir(descriptor):  # noqa: PTH208 - not what the path means by now
                os.fchown(descriptor, account.user, account.group)
        finally:
            os.close(descriptor)


def _become(account: Account, more_groups: Iterable[int]) -> None:
    """Be that user from here on, with its groups and some more, and never root again. Raises ServeError."""
    drop_bounding_set()  # root alone can
    try:
        os.setgroups(sorted({*account.groups, *more_groups}))
        os.setresgid(account.group, account.group, account.group)
        os.setresuid(account.user, account.user, account.user)
    except OSError as error:
        raise ServeError(f"user: cannot become {account.name}: {error.strerror}") from None
    regained = True
    try:
        os.setuid(0)
    except OSError:
        regained = False
    if regained or os.getresuid() != (account.user,) * 3 or os.getresgid() != (account.group,) * 3:
        raise ServeError(f"user: ptrd has not become {account.name} for good, so it does not start")


def _check_access(name: str, state: Path, socket: Path) -> None:
    """Make sure that this user can use what ptrd needs. Raises ServeError, which says what to do."""
    for path in (sys.executable, ptrd.__file__):
        if not os.access(path, os.R_OK):
            raise ServeError(f"user: {name} may not read {path}; install ptrd where every user may, as in /opt/ptrd")
    if not os.access(state, os.R_OK | os.W_OK | os.X_OK) or not all(
        os.access(entry, os.R_OK | os.W_OK) for entry in state.iterdir()
    ):
        raise ServeError(
            f"user: {name} cannot write to the state folder {state} or what is in it; `chown -R {name}: {state}` gives "
            "it to that user, who must be let through the folders above it as well"
        )
    if not os.access(socket.parent, os.W_OK | os.X_OK):
        raise ServeError(
            f"user: {name} cannot make the control socket in {socket.parent}; set `socket` to a path in a folder of "
            "that user's, such as /run/ptrd/control.sock"
        )


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
