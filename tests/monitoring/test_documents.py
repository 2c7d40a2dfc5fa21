"""Alerts, dashboard, runbook and the table of metrics are about the metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.monitoring.known import OURS, Known, known
from tests.monitoring.promql import grouped_by, selectors_in
from tests.monitoring.table import FOLDER, HEAD, PAGE, table
from tests.support.machine import Stage

PROMETHEUS = {"job", "instance"}
"""Labels that Prometheus adds to all samples of a target."""
NOT_DRAWN = {
    "process_start_time_seconds",
    "tutorwamp_sessions_granted",
    "tutorwamp_data_size_bytes",
    "tutorwamp_recurring_interval_seconds",
}
"""What is there for alerts, and for who asks by hand."""
PROMTOOL = shutil.which("promtool")
SAYS = ("**Means**", "**People notice**", "**Look at**", "**Do**")


def rules() -> list[dict[str, Any]]:
    """The alerts."""
    (group,) = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> Iterator[tuple[str, str]]:
    """Each panel's title with an expression of it, as Grafana asks it."""
    board = json.loads((FOLDER / "dashboard.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")


@pytest.fixture
def metrics(stage: Stage) -> dict[str, Known]:
    return known(stage.machine)


@pytest.fixture
def series(metrics: dict[str, Known]) -> dict[str, set[str]]:
    """The labels of all samples, by name."""
    found = {name: labels for one in metrics.values() for name, labels in one.series().items()}
    return {**found, "up": set()}


def _strangers(expression: str, series: dict[str, set[str]]) -> list[str]:
    """What an expression asks for that is not there."""
    asked = selectors_in(expression)
    unknown = [name for name, _ in asked if name not in series]
    there = PROMETHEUS.union(*(series.get(name, set()) for name, _ in asked))
    for name, labels in asked:
        unknown += [f"{name}{{{label}}}" for label in labels - series.get(name, set()) - PROMETHEUS]
    return unknown + [f"by ({label})" for label in grouped_by(expression) - there]


def test_alerts_ask_for_what_there_is(series: dict[str, set[str]]) -> None:
    wrong = {rule["alert"]: found for rule in rules() if (found := _strangers(rule["expr"], series))}
    assert not wrong


def test_panels_ask_for_what_there_is(series: dict[str, set[str]]) -> None:
    wrong = {title: found for title, expression in panels() if (found := _strangers(expression, series))}
    assert not wrong


def test_what_is_not_there_would_be_noticed(series: dict[str, set[str]]) -> None:
    assert _strangers("sum by (nothing) (rate(tutorwamp_joins_total{person='x'}[5m])) > tutorwamp_jons", series) == [
        "tutorwamp_jons",
        "tutorwamp_joins_total{person}",
        "by (nothing)",
    ]


def test_alerts_speak_of_labels_that_their_answer_has(series: dict[str, set[str]]) -> None:
    for rule in rules():
        groups = grouped_by(rule["expr"])
        named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        kept = groups or set().union(*(series[name] for name, _ in selectors_in(rule["expr"])))
        assert named <= kept | PROMETHEUS, rule["alert"]
        assert "instance" in groups or not groups, f"{rule['alert']} must say which node it is"
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_each_metric_of_ours_is_on_the_dashboard(metrics: dict[str, Known]) -> None:
    shown = {name for _, expression in panels() for name, _ in selectors_in(expression)}
    missing = {one.shown for one in metrics.values() if not shown.intersection(one.series())}
    assert missing == NOT_DRAWN


def test_each_alert_has_its_heading_in_the_runbook_and_the_reverse() -> None:
    text = (FOLDER / "runbook.md").read_text()
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(sections) == [rule["alert"] for rule in rules()]
    for alert, section in sections.items():
        assert [word for word in SAYS if word in section] == list(SAYS), alert


def test_the_runbook_names_metrics_that_there_are(metrics: dict[str, Known]) -> None:
    names = {name for one in metrics.values() for name in (one.shown, *one.series())}
    for page in (FOLDER / "runbook.md", FOLDER.parent / "operations.md"):
        asked = set(re.findall(rf"`({OURS}\w+)(?:\{{[^`]*\}})?`", page.read_text()))
        assert asked <= names, page.name


def test_the_table_is_what_the_code_has(metrics: dict[str, Known]) -> None:
    made = table(metrics.values())
    assert HEAD + PAGE.read_text().partition(HEAD)[2] == made, "python -m tests.monitoring.table writes it"


def test_names_and_units_are_as_prometheus_has_them(metrics: dict[str, Known]) -> None:
    for one in metrics.values():
        assert not one.labels & {"user_id", "lesson_id", "session", "person"}, one.name
        if one.name.startswith(OURS):
            assert not re.search(r"_(ms|millis|kb|mb|milliseconds)(_|$)", one.name), one.name
            assert one.meaning.endswith("."), one.name


@pytest.mark.skipif(PROMTOOL is None, reason="promtool comes with Prometheus; neither PyPI nor npm has it")
def test_prometheus_own_tool_has_nothing_to_say_against_the_alerts() -> None:
    asked = [str(PROMTOOL), "check", "rules", str(FOLDER / "alerts.yaml")]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603  # our own arguments
    assert done.returncode == 0, done.stdout + done.stderr
