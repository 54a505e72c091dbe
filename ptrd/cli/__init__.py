"""The command line: `ptrd serve`, `check`, `lookup`, `reload` and `status`, one module for each.

It may import everything below it. It decides nothing about DNS: it reads arguments, asks, prints, and turns every
expected error into one sentence and a documented exit status. Read `arguments.main` first.
"""

from ptrd.cli.arguments import main

__all__ = ["main"]
