r"""Log lines for standard error: `level: message`, and nothing that could move a terminal's cursor.

Control characters and bytes that are no text are written `\DDD` as in RFC 1035, 5.1, so whoever chooses a name chooses
no line of the log. Under systemd's journal the level goes before the line in its own notation (sd-daemon(3)).
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

_ESCAPES: Final = {code: f"\\{code:03d}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}
_PRIORITIES: Final = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))


def escape(text: str) -> str:
    """Write control characters, C1 and line separators included, as numbers."""
    return text.translate(_ESCAPES)


class Lines(logging.Formatter):
    """Formats a record as one line, and one for each line of a traceback."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        text = f"{record.levelname.lower()}: {escape(record.getMessage())}"
        if record.exc_info:
            text += "\n" + "\n".join(map(escape, self.formatException(record.exc_info).splitlines()))
        if not self._journal:
            return text
        priority = next(number for level, number in _PRIORITIES if record.levelno >= level)
        return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


def write_logs() -> None:
    """Send every log record from here on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(journal=_is_journal(sys.stderr.fileno())))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _is_journal(descriptor: int) -> bool:
    """Tell whether a descriptor leads to systemd's journal (systemd.exec(5), $JOURNAL_STREAM)."""
    status = os.fstat(descriptor)
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
