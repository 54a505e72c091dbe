"""Fixtures for every test; a server that a fixture started is gone when its test ends."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.peers.api import ApiServer
from tests.peers.ptrd import PtrdServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

# What an example takes says more about what else this machine does, other tests among it, than about the code.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


@pytest.fixture
def ptrd_server(tmp_path: Path) -> Iterator[Callable[..., PtrdServer]]:
    """Start the real server: `ptrd_server({"a.yaml": text}, workers=2, settings="…")`, waiting until it answers."""
    with ExitStack() as stack:

        def start(zones: Mapping[str, str] | Sequence[Path], **options: Any) -> PtrdServer:
            folder = tmp_path / f"ptrd{len(list(tmp_path.glob('ptrd*')))}"
            return stack.enter_context(PtrdServer(folder, zones, **options))

        yield start


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[ApiServer]:
    """Start the real server with an account, a project, two EIPs and credentials; see `tests.peers.api`."""
    with ApiServer(tmp_path / "api") as server:
        yield server
