"""Runs a command under the system call filter of a systemd unit: `python sandbox.py UNIT COMMAND...`.

libseccomp builds it as systemd does (src/shared/seccomp-util.c): an allow-list, EPERM for the rest, no memory that is
both writable and executable, no address family but those of the unit. Exit status 77: this cannot be done here.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

UNAVAILABLE = 77
ALLOW = 0x7FFF0000
DENY = 0x00050000 | errno.EPERM
EQUAL, MASKED_EQUAL = 4, 7
PROT_WRITE, PROT_EXEC, SHM_EXEC = 2, 4, 0o100000


class Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp`: argument number, operator, and the operator's two data."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def settings_of(unit: str, name: str) -> list[str]:
    """List the words of a setting of a unit, in order; an empty assignment forgets those before it."""
    words: list[str] = []
    for value in re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE):
        words = [*words, value] if value else []
    return words


def expand(group: str) -> set[str]:
    """Give the system calls of a group such as `@system-service`, groups within it included."""
    if not group.startswith("@"):
        return {group}
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", group], capture_output=True, text=True, check=True
    ).stdout
    names = [line.strip() for line in listed.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*map(expand, names))


def allowed_calls(unit: str) -> set[str]:
    """Give the system calls that a unit allows."""
    allowed: set[str] = set()
    for value in settings_of(unit, "SystemCallFilter"):
        calls = set().union(*map(expand, value.removeprefix("~").split()))
        allowed = allowed - calls if value.startswith("~") else allowed | calls
    # systemd allows these whatever the list says: what it takes to start a program and to end (`@default`).
    return allowed | expand("@default") | {"execve"}


def conditions(unit: str) -> dict[str, list[Comparison]]:
    """Give the calls that are allowed under a condition on one argument only: any of these must hold."""
    families = " ".join(settings_of(unit, "RestrictAddressFamilies")).split()
    write_or_execute = [
        Comparison(2, MASKED_EQUAL, PROT_WRITE | PROT_EXEC, bits) for bits in (0, PROT_WRITE, PROT_EXEC)
    ]
    return {
        "mmap": write_or_execute,
        "mprotect": [Comparison(2, MASKED_EQUAL, PROT_EXEC, 0)],
        "pkey_mprotect": [Comparison(2, MASKED_EQUAL, PROT_EXEC, 0)],
        "shmat": [Comparison(2, MASKED_EQUAL, SHM_EXEC, 0)],
        "socket": [Comparison(0, EQUAL, getattr(socket, family), 0) for family in families],
    }


def confine(unit: str) -> None:
    """Load the filter into this process and whatever it becomes. Raises OSError where that is not possible."""
    found = ctypes.util.find_library("seccomp")
    if found is None:
        raise OSError("libseccomp is not installed")
    library = ctypes.CDLL(found)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(DENY)))
    conditional = conditions(unit)
    for name in sorted(allowed_calls(unit)):
        number = library.seccomp_syscall_resolve_name(name.encode())
        for comparison in conditional.get(name, [None]):
            some = (Comparison * 1)(comparison) if comparison is not None else None
            library.seccomp_rule_add_array(context, ctypes.c_uint32(ALLOW), number, len(some or ()), some)
    failure = library.seccomp_load(context)
    if failure:
        raise OSError(-failure, os.strerror(-failure))


def main() -> None:
    """Confine this process and become the command."""
    unit = Path(sys.argv[1]).read_text(encoding="utf-8")
    try:
        confine(unit)
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program
        sys.exit(UNAVAILABLE)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
