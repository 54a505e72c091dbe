"""What is asked of a person: yes or no, and secrets. Where nobody sits, nothing is taken for granted."""

from __future__ import annotations

import getpass
import sys
from typing import Final

from ptrd import PtrdError

MAX_PASSWORD: Final = 4096  # characters of a line


def confirm(question: str, *, yes: bool) -> bool:
    """Ask whether to go on. Raises PtrdError where there is no terminal and `--yes` was not said."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise PtrdError(f"{question}; nothing was changed: say --yes to go on")
    print(f"ptrd: {question}. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def read_password(name: str) -> str:
    """Read a new password: typed twice at a terminal, else the first line of standard input. Raises PtrdError."""
    if sys.stdin.isatty():
        password = getpass.getpass(f"New password of {name}: ")
        if password != getpass.getpass("The same again: "):
            raise PtrdError("the two passwords are not the same; nothing was changed")
    else:
        line = sys.stdin.readline(MAX_PASSWORD)
        password = line.removesuffix("\n").removesuffix("\r")
    if not password:
        raise PtrdError("there is no password; type one, or write it to standard input as one line")
    return password
