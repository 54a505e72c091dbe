"""Servers on a command line: an address, perhaps with its port."""

from __future__ import annotations

import argparse

from ptrd.client.endpoints import Endpoint, read_endpoint
from ptrd.records.values import ValueText


def read_server(text: str) -> Endpoint:
    """Read a server for argparse, which raises its own error with our sentence."""
    try:
        return read_endpoint(text)
    except ValueText as error:
        raise argparse.ArgumentTypeError(str(error)) from None
