"""A bound on work: lines of Python executed, which is the same on every machine, as time is not."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PATTERNS = str(Path(re.__file__).parent)  # compiling a pattern is not counted: each is compiled once

# One call in so many is measured: 1 for a replay; more while fuzzing, where measuring makes all else ten times slower.
sampling = {"every": 1, "calls": 0}


class TooMuchWorkError(BaseException):
    """A call went on past its bound. No Exception, so that what it stops cannot swallow it."""


def bounded(most, function, *arguments):
    """Call a function, which may execute that many lines."""
    sampling["calls"] += 1
    if sampling["calls"] % sampling["every"]:
        return function(*arguments)
    left = most

    def trace(frame, event, _argument):
        nonlocal left
        if event == "call" and frame.f_code.co_filename.startswith(PATTERNS):
            return None
        if event == "line":
            left -= 1
            if left < 0:
                raise TooMuchWorkError(f"{function.__name__} executes more than {most} lines")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return function(*arguments)
    finally:
        sys.settrace(before)
