"""BIND's named.conf: the zones that it serves and their files; views, includes, and the folder of `options`.

Only what says where a zone's records are is read. Everything else is passed over as long as braces and quotes close.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.foreign.including import read_included
from ptrd.records.foreign.record import Fetch, ZoneFile
from ptrd.records.model import Place, Problem
from ptrd.records.values import quote

if TYPE_CHECKING:
    from collections.abc import Iterator


# What is never closed reaches to the end, so that no text is looked through more than once.
_TOKEN: Final = re.compile(
    r'/\*.*?(?:\*/|\Z)|//[^\n]*|#[^\n]*|"((?:\\.|[^"\\])*)(?:"|\\?\Z)|[{};]|(?:[^\s{};"/#]|/(?![/*]))+', re.DOTALL
)
_PRIMARY: Final = ("master", "primary")
_COPIES: Final = ("slave", "secondary", "mirror")


class NamedConf(NamedTuple):
    """What a named.conf says: its zones with their views (empty where there are none), and where their files are."""

    zones: list[tuple[ZoneFile, str]]
    folder: str
    problems: list[Problem]


class _Token(NamedTuple):
    text: str
    quoted: bool
    place: Place


_Statement = list["_Token | list[_Statement]"]  # words and blocks of statements


class _SyntaxError(Exception):
    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


def read_named(text: str, file: str, fetch: Fetch | None = None) -> NamedConf:
    """Read a configuration; `fetch` gives the files that `include` names."""
    conf = _Conf(fetch)
    conf.read_file(text, file, (file,))
    return NamedConf(conf.zones, conf.folder, conf.problems)


class _Conf:
    def __init__(self, fetch: Fetch | None) -> None:
        self.fetch = fetch
        self.zones: list[tuple[ZoneFile, str]] = []
        self.folder = ""
        self.problems: list[Problem] = []

    def read_file(self, text: str, file: str, files: tuple[str, ...], view: str = "") -> None:
        try:
            statements = _parse(text, file)
        except _SyntaxError as error:
            self.problems.append(Problem(error.place, str(error)))
            return
        self.read(statements, files, view)

    def read(self, statements: list[_Statement], files: tuple[str, ...], view: str) -> None:
        """Read statements, of the file or of a view."""
        for statement in statements:
            words, blocks, place = _parts(statement)
            kind = words[0].lower() if words else ""
            if kind == "options" and blocks:
                for option in blocks[0]:
                    name, *values = _parts(option)[0] or [""]
                    if name == "directory" and values:
                        self.folder = values[0]
            elif kind == "include" and len(words) > 1:
                self.include(words[1], place, files, view)
            elif kind == "view" and blocks:
                self.read(blocks[0], files, words[1] if len(words) > 1 else "")
            elif kind == "zone" and blocks and len(words) > 1:
                self.read_zone(words, blocks[0], place, view)
            elif kind == "zone":
                self.problems.append(Problem(place, 'a zone is written zone "NAME" { type primary; file "FILE"; };'))

    def include(self, name: str, place: Place, files: tuple[str, ...], view: str) -> None:
        def read(text: str, inner: tuple[str, ...]) -> None:
            self.read_file(text, inner[-1], inner, view)

        read_included(name, place, files, self.fetch, self.problems, read)

    def read_zone(self, words: list[str], block: list[_Statement], place: Place, view: str) -> None:
        name = words[1]
        options = {}
        for statement in block:
            values, _, _ = _parts(statement)
            if values:
                options[values[0].lower()] = values[1] if len(values) > 1 else ""
        kind = options.get("type", "").lower()
        what = f"zone {quote(name)}"
        if len(words) > 2 and words[2].upper() != "IN":
            self.problems.append(Problem(place, f"{what} is of the class {words[2]}, which ptrd does not serve"))
        elif "in-view" in options:
            message = f"{what} is the one of the view {quote(options['in-view'])}"
            self.problems.append(Problem(place, message, warning=True))
        elif kind in _PRIMARY or (kind in _COPIES and "file" in options):
            if "file" in options:
                self.zones.append((ZoneFile(name, options["file"], place), view))
            else:
                self.problems.append(Problem(place, f"{what} has no file; import it with `ptrd import axfr`"))
        elif kind in _COPIES:
            message = f"{what} is a copy without a file; import it with `ptrd import axfr`, or from its primary"
            self.problems.append(Problem(place, message))
        else:
            message = f"{what} is of type {kind or 'unknown'}, which has no records of its own; it is left out"
            self.problems.append(Problem(place, message, warning=True))


def _parts(statement: _Statement) -> tuple[list[str], list[list[_Statement]], Place]:
    words = [part.text for part in statement if isinstance(part, _Token)]
    blocks = [part for part in statement if isinstance(part, list)]
    place = next((part.place for part in statement if isinstance(part, _Token)), Place("", 1, 1))
    return words, blocks, place


def _tokens(text: str, file: str) -> Iterator[_Token]:
    line, begin, at = 1, 0, 0
    for found in _TOKEN.finditer(text):
        if "\n" in text[at : found.start()]:
            line += text.count("\n", at, found.start())
            begin = text.rfind("\n", at, found.start()) + 1
        part = found[0]
        place = Place(file, line, found.start() - begin + 1)
        quoted = part[0] == '"'
        if (quoted and len(part) != len(found[1]) + 2) or (
            part[:2] == "/*" and not (len(part) > 3 and part[-2:] == "*/")
        ):
            raise _SyntaxError(place, "a quote or comment is opened here and never closed")
        if not part.startswith(("/*", "//", "#")):
            yield _Token(re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL) if quoted else part, quoted, place)
        at = found.start()  # the lines within are counted with what follows


def _parse(text: str, file: str) -> list[_Statement]:
    """Make statements of a file. Nesting costs no Python stack."""
    top: list[_Statement] = []
    stack: list[tuple[list[_Statement], Place]] = [(top, Place(file, 1, 1))]
    statement: _Statement = []
    waiting: list[_Statement] = []  # statements in which a block is open
    for token in _tokens(text, file):
        if token.quoted or token.text not in {"{", "}", ";"}:
            statement.append(token)
        elif token.text == "{":
            block: list[_Statement] = []
            statement.append(block)
            waiting.append(statement)
            stack.append((block, token.place))
            statement = []
        elif token.text == "}":
            if len(stack) == 1:
                raise _SyntaxError(token.place, "'}' closes nothing; remove it")
            if statement:
                raise _SyntaxError(token.place, "a ';' is missing before '}'")
            stack.pop()
            statement = waiting.pop()
        elif statement:
            stack[-1][0].append(statement)
            statement = []
    if len(stack) > 1:
        raise _SyntaxError(stack[-1][1], "'{' is never closed; write '};' behind the last statement within")
    if statement:
        raise _SyntaxError(_parts(statement)[2], "a ';' is missing behind the last statement")
    return top
