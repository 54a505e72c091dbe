"""What a process gives up, for good: more privileges, capabilities, core dumps, and for a worker every path.

Each step stands alone: what a kernel does not know or a sandbox forbids leaves the others, and the log tells it. What
was open before stays open, and so does a descriptor that somebody hands over.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import resource
from typing import Final

# linux/prctl.h
_SET_NO_NEW_PRIVS: Final = 38
_DROP_BOUNDING: Final = 24
_AMBIENT: Final = 47
_CLEAR_ALL: Final = 4

_CAPABILITY_VERSION: Final = 0x20080522  # linux/capability.h; two sets of 32 bits each
_CAPABILITIES: Final = 64

# linux/landlock.h. The numbers of the system calls are the same on every machine that Linux has had since.
_CREATE_RULESET: Final = 444
_RESTRICT_SELF: Final = 446
_ABI_VERSION: Final = 1
# ABI: rights to files, in all; the latest that is not newer than the kernel's counts.
_FILE_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP_RIGHTS: Final = 3  # to bind and to connect, since ABI 4
_SCOPES: Final = 3  # no abstract socket and no signal beyond the process's own kind, since ABI 6

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_log = logging.getLogger(__name__)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilitySets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def give_up_capabilities() -> None:
    """Hold no capability any more, and leave none to the programs that this process becomes."""
    drop_bounding_set()
    _prctl(_AMBIENT, _CLEAR_ALL)
    header = _CapabilityHeader(_CAPABILITY_VERSION, 0)
    held = (_CapabilitySets * 2)()
    if _libc.capget(ctypes.byref(header), held) == 0 and not any(bytes(held)):
        return
    if _libc.capset(ctypes.byref(header), (_CapabilitySets * 2)()) != 0:
        _log.info("this process keeps its capabilities, since a sandbox forbids to give them up")


def drop_bounding_set() -> None:
    """Leave no capability to whatever runs later, also as root; only who holds CAP_SETPCAP can."""
    for capability in range(_CAPABILITIES):
        _prctl(_DROP_BOUNDING, capability)


def forbid_new_privileges() -> None:
    """Gain nothing by running a program: not by set-user-ID, nor by capabilities of a file (no_new_privs)."""
    if not _prctl(_SET_NO_NEW_PRIVS, 1):
        _log.info("this kernel knows no no_new_privs")


def forbid_core_dumps() -> None:
    """Leave no copy of the memory, which has the secret of cookies and the keys of TLS, on a disk."""
    _limit(resource.RLIMIT_CORE, 1)  # 0 does not count where dumps go into a pipe, 1 does (fs/coredump.c)


def confine_worker(files: int) -> None:
    """Leave a process what a worker needs: what it has open, and `files` descriptors in all.

    No capability, no path, no new process or thread, no TCP connection of its own making, no signal to others, no
    core dump. The supervisor may look at its memory, to tell its size in the metrics (PR_SET_DUMPABLE stays 1); other
    workers may not, by Landlock.
    """
    _limit(resource.RLIMIT_NOFILE, files)
    forbid_core_dumps()
    _limit(resource.RLIMIT_NPROC, 0)
    give_up_capabilities()
    forbid_new_privileges()
    if not _shut_paths():
        _log.info("this kernel has no Landlock, or it is off: a worker could open files of its user")


def _limit(kind: int, most: int) -> None:
    with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _shut_paths() -> bool:
    """Let every open by path fail, but of memory files that are open already, as in /proc/self/fd (landlock(7)).

    A rule set that handles every right and has no rule allows nothing.
    """
    abi = _libc.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(_ABI_VERSION))
    if abi < 1:
        return False
    rights = _Ruleset(
        max(rights for since, rights in _FILE_RIGHTS.items() if since <= abi),
        _TCP_RIGHTS if abi >= 4 else 0,
        _SCOPES if abi >= 6 else 0,
    )
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _libc.syscall(
        ctypes.c_long(_CREATE_RULESET), ctypes.byref(rights), ctypes.c_size_t(size), ctypes.c_uint32(0)
    )
    if ruleset < 0:
        return False
    try:
        return bool(_libc.syscall(ctypes.c_long(_RESTRICT_SELF), ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0)
    finally:
        os.close(ruleset)


def _prctl(option: int, argument: int) -> bool:
    """Call prctl(2); False when the kernel refuses."""
    unused = ctypes.c_ulong(0)
    return bool(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), unused, unused, unused) == 0)
