"""How a worker's interpreter is started: the same as ours, and in it this very package, installed or not.

So what is compiled for us is compiled for the workers.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Final

import ptrd
from ptrd.datapath.reader import MISSING
from ptrd.serve.options import COMPILED, PYTHON, ServeError

WORKER: Final = (sys.executable, "-P", "-m", "ptrd.serve.worker")


def worker_environment() -> dict[str, str]:
    """Give an environment in which a fresh interpreter finds this package, also when it is not installed."""
    folder = str(Path(ptrd.__file__).parent.parent)
    if folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        return dict(os.environ)
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))}


def explain_data_path(choice: str) -> str:
    """Say why ordinary queries are not answered by the compiled data path; empty when they are.

    `choice` is ServeOptions.data_path. Raises ServeError when it must be there and is not.
    """
    if choice == PYTHON:
        return "`data_path: python` says so"
    if MISSING and choice == COMPILED:
        raise ServeError(
            f"`data_path: compiled` cannot be had: {MISSING}; install ptrd anew where there are a C compiler and "
            "Python's header files (Debian: gcc libc6-dev python3-dev), or write `data_path: auto`"
        )
    return MISSING
