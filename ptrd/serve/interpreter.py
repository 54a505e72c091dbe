"""How a worker's interpreter is started: the same as ours, and in it this very package, installed or not."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Final

import ptrd

WORKER: Final = (sys.executable, "-P", "-m", "ptrd.serve.worker")


def worker_environment() -> dict[str, str]:
    """Give an environment in which a fresh interpreter finds this package, also when it is not installed."""
    folder = str(Path(ptrd.__file__).parent.parent)
    if folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        return dict(os.environ)
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))}
