"""The house rules that a machine can check: which way imports go, what the pure half must not touch, sizes, names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ptrd"

# From the top of the page to its bottom. A room imports only from rooms below it; those of one line never meet.
UPPER = [{"__main__"}, {"cli"}, {"daemon"}, {"config"}, {"serve", "control"}]
PAGE = [*UPPER, {"datapath"}, {"metrics", "logs"}, {"store", "client"}]
BELOW_THE_LINE = [{"engine"}, {"snapshot"}, {"records"}, {"wire"}]
LEVELS = {room: level for level, rooms in enumerate([*PAGE, *BELOW_THE_LINE]) for room in rooms}
PURE = set().union(*BELOW_THE_LINE)

# Sockets, files, the clock, randomness, logging, metrics, async.
IMPURE_MODULES = frozenset(
    """asyncio concurrent datetime fcntl io logging mmap multiprocessing os pathlib prometheus_client random secrets
    select selectors shutil signal socket socketserver ssl subprocess sys tempfile threading time urllib uuid yaml
    """.split()  # noqa: SIM905 - a list of thirty quoted words says the same, less legibly
)
# What only looks like it: parsing a text, no file.
ALLOWED = {("records", "io")}
SOURCES = sorted(PACKAGE.rglob("*.py"))
PYTHON_FILES = sorted(path for folder in ("ptrd", "tests", "bench") for path in (ROOT / folder).rglob("*.py"))


def room_of(path):
    """Give the first part below the package: a folder's or a module's name, `` for the package itself."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imported_modules(path):
    """Give (line, absolute module name) of every import, also of those within functions and under TYPE_CHECKING."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            if node.module == "ptrd":
                yield from ((node.lineno, f"ptrd.{alias.name}") for alias in node.names if alias.name in LEVELS)
            yield node.lineno, node.module


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path):
    """A module imports from its own room and from rooms below it, never from above or from beside."""
    room = room_of(path)
    for line, module in imported_modules(path):
        parts = module.split(".")
        if parts[0] == "ptrd" and parts[1:] and parts[1] != room:
            assert parts[1] in LEVELS, f"{path}:{line}: ptrd.{parts[1]} is no room of the page"
            assert room, f"{path}:{line}: the package imports {module}"
            assert LEVELS[room] < LEVELS[parts[1]], f"{path}:{line}: {room} imports upwards from {module}"


def test_every_room_is_on_the_page():
    """Each folder and module of the package has its place on the page."""
    assert {room_of(path) for path in SOURCES} - {""} <= set(LEVELS)


@pytest.mark.parametrize("path", [path for path in SOURCES if room_of(path) in PURE], ids=lambda path: str(path.name))
def test_the_pure_half_touches_nothing(path):
    """No clock, socket, file, randomness, logging, metric or coroutine in engine, snapshot, records and wire."""
    for line, module in imported_modules(path):
        name = module.split(".")[0]
        assert name not in IMPURE_MODULES or (room_of(path), name) in ALLOWED, f"{path}:{line}: imports {module}"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith), (
            f"{path}:{node.lineno}: async"
        )
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input"}, f"{path}:{node.lineno}: {node.func.id}()"


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_at_most_400_lines(path):
    """No Python file is longer than 400 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_opens_with_its_invariant(path):
    """Each module begins with a docstring, an `__init__.py` included."""
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_states_a_fact(path):
    """Each test function has a docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            assert ast.get_docstring(node), f"{path}:{node.lineno}: {node.name}"


def test_no_folder_is_a_bag():
    """No folder or module is called utils, helpers, common or base: such a name says nothing of what lives there."""
    for path in PYTHON_FILES:
        for name in (*path.relative_to(ROOT).parts[:-1], path.stem):
            assert not re.fullmatch(r"(utils?|helpers?|common|base)", name), path


def test_every_room_is_a_package():
    """Each folder below ptrd has an `__init__.py`, so that the installed package is whole."""
    for folder in {path.parent for path in SOURCES}:
        assert (folder / "__init__.py").is_file(), folder


def test_the_top_level_is_the_map():
    """At the top stand the folders of the map and the files that a stranger looks for, nothing else."""
    folders = {"ptrd", "config", "zones", "systemd", "tests", "bench"}
    files = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"}
    made = {"state", "build", "dist"}  # by running, building: git ignores them
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".") and path.suffix != ".egg-info"}
    assert found - made - {"__pycache__"} == folders | files


def test_nothing_is_left_to_do():
    """A comment that puts work off is a defect."""
    for path in PYTHON_FILES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not re.search(r"# *(TODO|FIXME|XXX)\b", line), f"{path}:{number}"
