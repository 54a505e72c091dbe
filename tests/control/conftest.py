"""Fixtures of the management plane."""

from __future__ import annotations

import pytest

from ptrd.control import passwords
from tests.control.authworld import CHEAP, AuthWorld
from tests.control.casework import Casework


@pytest.fixture
def work(tmp_path):
    """Give the use cases over an empty database with two tenants."""
    made = Casework(tmp_path)
    yield made
    made.close()


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Give the credentials of two tenants, in a world in which passwords cost little."""
    monkeypatch.setattr(passwords, "_COST", CHEAP)
    made = AuthWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture
def token(world):
    """Give the text of a writer's token."""
    return world.make("create_token", "t", project="shop").secret
