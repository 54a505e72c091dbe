"""Fixtures of the management plane."""

from __future__ import annotations

import pytest

from tests.control.casework import Casework


@pytest.fixture
def work(tmp_path):
    """Give the use cases over an empty database with two tenants."""
    made = Casework(tmp_path)
    yield made
    made.close()
