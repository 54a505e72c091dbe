"""A worker process with the stand-in engine: `python fake_worker.py FD`."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from ptrd.serve.options import read_options
from ptrd.serve.worker import run_worker
from tests.serve.fakes import FakeOptions, open_image, respond

if __name__ == "__main__":
    channel = socket.socket(fileno=int(sys.argv[1]))
    sys.exit(run_worker(channel, respond, open_image, lambda text, *_: read_options(FakeOptions, text)))
