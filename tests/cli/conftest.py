"""Fixtures of the command line."""

from __future__ import annotations

import pytest

from tests.cli.world import World


@pytest.fixture
def world(tmp_path, capsys, monkeypatch):
    """Serve an empty management plane."""
    for name in ("PTRD_URL", "PTRD_TOKEN", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    with World(tmp_path, capsys) as served:
        yield served


@pytest.fixture
def shop(world):
    """Serve one with a project that has addresses."""
    return world.furnish()
