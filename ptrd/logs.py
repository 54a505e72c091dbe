r"""Log lines for standard error, as text for people or JSON for a collector; never more than a log can take.

One record is one line, whatever is in it: as text, control characters and line separators are written `\DDD` as in
RFC 1035, 5.1, and the lines of a traceback are indented; as JSON, a traceback is a field. Whoever chooses a name
chooses no line of the log. Of records made from one template BURST are written in PERIOD seconds, and then their
number. Workers and supervisor write alike, hence this page lies below both.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from traceback import format_exception
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import TextIO

BURST: Final = 10
PERIOD: Final = 10.0  # seconds
# The `extra` of records that are parts of one list: whoever writes it sees to its length, so none is held back.
# A record about a place in a file has `place`, (file, line, column), beside.
LISTED: Final = {"listed": True}

SUPERVISOR: Final = "supervisor"
_TEMPLATES: Final = 200  # that are counted each; beyond, all are taken for one
_ESCAPES: Final = {code: f"\\{code:03d}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}
_PRIORITIES: Final = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))


def escape(text: str) -> str:
    """Write control characters, C1 and line separators included, as numbers."""
    return text.translate(_ESCAPES)


class Lines(logging.Formatter):
    """Formats a record as `level: message`, and an indented line for each of a traceback.

    `process` goes before the message. For the journal the level goes before each line as well, in the journal's own
    notation (sd-daemon(3)).
    """

    def __init__(self, *, journal: bool = False, process: str = "") -> None:
        super().__init__()
        self._journal = journal
        self._process = f"{process}: " if process else ""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        text = f"{record.levelname.lower()}: {self._process}{escape(record.getMessage())}"
        for line in (_traceback(record) or "").splitlines():
            text += f"\n  {escape(line)}"
        return _for_journal(record, text) if self._journal else text


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time (RFC 3339, UTC), level, process, logger, message, and what there is of
    file, line, column, held_back and traceback.
    """  # noqa: D205 - the fields are the sentence

    def __init__(self, *, journal: bool = False, process: str = "") -> None:
        super().__init__()
        self._journal = journal
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        at = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        place = getattr(record, "place", None)
        if place is not None:
            fields |= zip(("file", "line", "column"), place, strict=True)
        if hasattr(record, "held_back"):
            fields["held_back"] = record.held_back
        traceback = _traceback(record)
        if traceback is not None:
            fields["traceback"] = traceback
        text = json.dumps(fields)  # ASCII, so no character of it ends a line
        return _for_journal(record, text) if self._journal else text


class BoundedHandler(logging.StreamHandler["TextIO"]):
    """Writes records to a stream, of one template no more than BURST in PERIOD seconds; of more, the number."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._seen: dict[object, _Window] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or count it."""
        self.tell_held_back()
        if getattr(record, "listed", False):
            super().emit(record)
            return
        key: object = (record.name, record.levelno, record.msg)
        if key not in self._seen and len(self._seen) >= _TEMPLATES:
            key = None
        window = self._seen.get(key)
        if window is None:
            window = self._seen[key] = _Window()
        window.count += 1
        if window.count <= BURST:
            super().emit(record)
        elif window.example is None:
            window.hold_back(record)
            self._tell_later(window.ends - time.monotonic())

    def tell_held_back(self, *, ended: bool = False) -> None:
        """Write how many were held back where the time is over; everywhere when the log has `ended`."""
        now = time.monotonic()
        for key, window in list(self._seen.items()):
            if ended or window.ends <= now:
                del self._seen[key]
                summary = window.summary()
                if summary is not None:
                    super().emit(summary)

    def close(self) -> None:
        """Write what is still to be told."""
        with self.lock or nullcontext():
            self.tell_held_back(ended=True)
        super().close()

    def _tell_later(self, seconds: float) -> None:
        """Have it told when the time is over, by the loop that runs; without one, the next record brings it."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        loop.call_later(seconds + 0.001, self._tell)

    def _tell(self) -> None:
        with self.lock or nullcontext():
            self.tell_held_back()


class _Window:
    """How many records of one template there were, until when."""

    def __init__(self) -> None:
        self.ends = time.monotonic() + PERIOD
        self.count = 0
        self.example: logging.LogRecord | None = None  # the first that was held back

    def hold_back(self, record: logging.LogRecord) -> None:
        """Remember one to tell of, without what it refers to."""
        name, level, path, line = record.name, record.levelno, record.pathname, record.lineno
        self.example = logging.LogRecord(name, level, path, line, record.getMessage(), None, None)

    def summary(self) -> logging.LogRecord | None:
        """Make the record that says how many were held back."""
        if self.example is None:
            return None
        record = self.example
        held_back = self.count - BURST
        record.msg, record.args = f"%d like this one were held back within {PERIOD:.0f} s: %s", (held_back, record.msg)
        record.created = time.time()
        record.held_back = held_back
        return record


def write_logs(form: str, process: str) -> None:
    """Send every log record of this process from here on to standard error, as `text` or `json`."""
    journal = _is_journal(sys.stderr.fileno())
    formatter: logging.Formatter = JsonLines(journal=journal, process=process)
    if form == "text":
        formatter = Lines(journal=journal, process=process if process != SUPERVISOR else "")
    handler = BoundedHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    try:  # whatever Python loads for a traceback is here from now on, also for a process that opens no files later
        int("")
    except ValueError:
        formatter.format(logging.LogRecord("", logging.ERROR, "", 0, "", None, sys.exc_info()))


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:  # noqa: ANN401 - TracebackType
    logging.getLogger("ptrd").critical("the process ends", exc_info=(kind, error, trace))


def _traceback(record: logging.LogRecord) -> str | None:
    if not record.exc_info or record.exc_info[0] is None:
        return None
    return "".join(format_exception(*record.exc_info)).rstrip("\n")


def _for_journal(record: logging.LogRecord, text: str) -> str:
    priority = next(number for level, number in _PRIORITIES if record.levelno >= level)
    return "\n".join(f"<{priority}>{line}" for line in text.split("\n"))


def _is_journal(descriptor: int) -> bool:
    """Tell whether a descriptor leads to systemd's journal (systemd.exec(5), $JOURNAL_STREAM)."""
    status = os.fstat(descriptor)
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
