"""The small evaluator says what Prometheus would say."""

from __future__ import annotations

import math

import pytest

from tests.monitoring.promql import History, UnknownError, selectors_in

PAGES = (
    'a_total{x="1"} 0\na_total{x="2"} 10\ng{x="1"} 1\ng{x="2"} 3\n',
    'a_total{x="1"} 30\na_total{x="2"} 4\ng{x="1"} 2\ng{x="2"} 3\n',
    'a_total{x="1"} 60\na_total{x="2"} 6\ng{x="1"} 2\ng{x="2"} 3\nh{y="1"} 5\n',
)
HISTOGRAM = 'b_bucket{le="1"} 0\nb_bucket{le="2"} 50\nb_bucket{le="4"} 100\nb_bucket{le="+Inf"} 100\n'


@pytest.fixture
def history() -> History:
    made = History()
    for number, page in enumerate(PAGES):
        made.add(number * 15.0, page)
    return made


ONE, TWO = (("x", "1"),), (("x", "2"),)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("g", {ONE: 2, TWO: 3}),
        ('g{x="1"}', {ONE: 2}),
        ('g{x!="1"}', {TWO: 3}),
        ('g{x=~"1|3"}', {ONE: 2}),
        ('g{x!~"1|3"}', {TWO: 3}),
        ("g > 2", {TWO: 3}),
        ("g / g", {ONE: 1, TWO: 1}),
        ("g * 2 + 1", {ONE: 5, TWO: 7}),
        ("2 * 3", 6.0),
        ("sum(g)", {(): 5}),
        ("max by (x) (g)", {ONE: 2, TWO: 3}),
        ("count without (x) (g)", {(): 2}),
        ("avg(g)", {(): 2.5}),
        ("topk(1, g)", {TWO: 3}),
        ("increase(a_total[1m])", {ONE: 60, TWO: 6}),
        ("rate(a_total[1m])", {ONE: 2, TWO: 0.2}),
        ("rate(a_total[30s])", {ONE: 2, TWO: 2 / 15}),
        ("rate(a_total[10s])", {}),
        ("changes(g[1m])", {ONE: 1, TWO: 0}),
        ("max_over_time(g[1m])", {ONE: 2, TWO: 3}),
        ("g and sum(g)", {}),
        ("sum(g) and sum(a_total)", {(): 5}),
        ("g and on () sum(g)", {ONE: 2, TWO: 3}),
        ("g unless g > 2", {ONE: 2}),
        ("g > 2 or h", {TWO: 3, (("y", "1"),): 5}),
        ("g offset 15s", {ONE: 2, TWO: 3}),
        ("g offset 20s", {ONE: 1, TWO: 3}),
        ("g offset 1h", {}),
        ("nothing", {}),
    ],
)
def test_what_is_asked_is_answered(history: History, asked: str, answer: object) -> None:
    assert history.ask(asked) == (answer if isinstance(answer, float) else pytest.approx(answer))


@pytest.mark.parametrize(("share", "answer"), [(0.25, 1.5), (0.5, 2), (0.75, 3), (1, 4)])
def test_a_quantile_lies_in_its_bucket(share: float, answer: float) -> None:
    history = History()
    history.add(0.0, HISTOGRAM)
    assert history.ask(f"histogram_quantile({share}, b_bucket)") == {(): answer}


def test_a_quantile_of_nothing_is_none_and_of_what_is_beyond_is_the_last_bound() -> None:
    history = History()
    history.add(0.0, 'b_bucket{le="1"} 0\nb_bucket{le="+Inf"} 0\nc_bucket{le="1"} 0\nc_bucket{le="+Inf"} 9\n')
    nothing = history.ask("histogram_quantile(0.5, b_bucket)")
    assert isinstance(nothing, dict)
    assert math.isnan(nothing[()])
    assert history.ask("histogram_quantile(0.5, b_bucket) > 0") == {}
    assert history.ask("histogram_quantile(0.5, c_bucket)") == {(): 1}


@pytest.mark.parametrize("asked", ["delta(g[1m])", "quantile(0.5, g)", "-g", "1 - g"])
def test_what_is_not_evaluated_raises(history: History, asked: str) -> None:
    with pytest.raises(UnknownError):
        history.ask(asked)


def test_what_is_no_promql_raises(history: History) -> None:
    with pytest.raises(ValueError, match="unclosed"):
        history.ask("sum by (x g")


def test_what_is_asked_for_is_found_with_its_labels() -> None:
    assert selectors_in('sum(rate(a_total{x="1"}[5m])) / b > 1') == [("a_total", {"x"}), ("b", set())]
