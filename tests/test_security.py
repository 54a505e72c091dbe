"""README's SECURITY section says what is so: its tests exist, and its factors are the measured ones."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_amplification import BOUND, KINDS
from tests.test_readme import section, table

ROOT = Path(__file__).parents[1]


def test_every_threat_has_its_test():
    """Each threat of the first table names tests that are there."""
    threats = [row for row in table("SECURITY") if len(row) == 3][1:]
    assert len(threats) > 10
    for threat, _, tests in threats:
        paths = re.findall(r"`([^`]+)`", tests)
        assert paths, threat
        for path in paths:
            assert (ROOT / path).is_file(), path


def test_every_factor_is_the_measured_one():
    """The second table has each kind of query with the factors that the tests hold, and the bound for any zone."""
    rows = [row for row in table("SECURITY") if len(row) == 5][1:]
    expected = [[kind, *(f"{factor:.2f}" for factor in (*usual, *worst))] for kind, (_, usual, worst) in KINDS.items()]
    assert rows == [*expected, ["whatever a zone may hold", "", "", *(f"{bound:.2f}" for bound in BOUND)]]


def test_every_attack_of_the_cases_is_in_the_section():
    """A CVE that a case is about stands in the first table."""
    named = set(re.findall(r"CVE-\d{4}-\d+", section("SECURITY")))
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "cases" / "malformed").glob("*.yaml")]
    in_cases = {name for text in texts for name in re.findall(r"CVE-\d{4}-\d+", text)}
    assert in_cases <= named
