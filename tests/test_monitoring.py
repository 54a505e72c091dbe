"""The alert rules and the dashboard name metrics and labels that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from ptrd.metrics.names import METRICS

CONFIG = Path(__file__).parent.parent / "config"
PLACES = {"instance", "job", "le"}  # labels that Prometheus adds


def expressions():
    """List every PromQL expression that is shipped, with where it stands."""
    rules = yaml.safe_load((CONFIG / "alerts.yaml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads((CONFIG / "grafana.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_an_expression_names_what_exists(place, expression):
    """Each metric is one of ours (or `up`), and each label it is summed by or selected with is one of its labels."""
    names = {name.removesuffix("_bucket") for name in re.findall(r"\bptrd_\w+", expression)}
    assert names <= METRICS.keys(), place
    assert names or expression.startswith("up{")
    allowed = PLACES.union(*(METRICS[name].labels for name in names))
    used = re.findall(r"by \(([^)]*)\)", expression)
    used = {label.strip() for group in used for label in group.split(",")} | set(
        re.findall(r"[{,]\s*(\w+)=", expression)
    )
    assert used <= allowed, place


def test_every_alert_says_what_to_do():
    """An alert has a severity, a summary and a description that ends a sentence."""
    for group in yaml.safe_load((CONFIG / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("warning", "critical")
            assert rule["annotations"]["summary"] and rule["annotations"]["description"].endswith((".", "`"))
