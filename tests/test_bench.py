"""The benchmarks run; nothing is said here about how fast anything is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.run import main
from tests.peers.process import require_program

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_tiny_benchmark_measures_every_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One round on 256 records and on default names gives each server a cost, a rate, a size and its start times."""
    require_program("dnsperf", "dnsperf")
    require_program("nsd", "nsd")
    output = tmp_path / "numbers.json"
    options = "--records 256 --servers ptrd,nsd,knot --rounds 1 --seconds 1 --restarts 1"
    assert main([*options.split(), "--json", str(output)]) == 0
    printed = capsys.readouterr().out
    assert "256 records" in printed and "IPv6 defaults" in printed
    for result in json.loads(output.read_text()):
        assert result["rate"][0] > 0 and result["pss"] > 0 and result["cold"] > 0 and result["restart"][0] > 0, result
