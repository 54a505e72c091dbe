"""Log lines: one line each, and nothing that a terminal obeys."""

import logging

from ptrd.control.logs import Lines, escape


def record(level, message, *arguments, exc_info=None):
    """Make a log record."""
    return logging.LogRecord("ptrd", level, __file__, 1, message, arguments, exc_info)


def test_a_line_is_level_and_message():
    """A person sees what happened and how bad it is."""
    assert Lines(journal=False).format(record(logging.INFO, "%s is %d", "x", 1)) == "info: x is 1"


def test_control_characters_are_written_as_numbers():
    """A newline, an escape sequence or a C1 control in a name neither ends the line nor reaches the terminal."""
    text = Lines(journal=False).format(record(logging.ERROR, "name %s", "a\nerror: forged\x1b[2J\x9b1m\x7f\u2028é"))
    assert text == r"error: name a\010error: forged\027[2J\1551m\127\8232é"
    assert escape("plain äöü \\") == "plain äöü \\"


def test_the_journal_gets_priorities():
    """Under systemd each line begins with its priority, those of a traceback too."""
    try:
        int("two\nlines")
    except ValueError as error:
        text = Lines(journal=True).format(
            record(logging.ERROR, "failed", exc_info=(type(error), error, error.__traceback__))
        )
    lines = text.splitlines()
    assert lines[0] == "<3>error: failed"
    assert lines[1] == "<3>Traceback (most recent call last):"
    assert all(line.startswith("<3>") for line in lines)
    assert Lines(journal=True).format(record(logging.WARNING, "x")) == "<4>warning: x"
