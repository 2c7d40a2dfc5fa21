"""Ask pages of metrics what Prometheus is asked: the parser is a real one, and so much is evaluated as we use.

Without what Prometheus adds by itself: ``rate`` and ``increase`` are what lies between the first and the last page of
the range, not extrapolated to its ends. What is not known raises.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

import promql_parser

from tests.support.metrics import samples_in

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
"""Values by their labels, in the order of the labels' names."""

_ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda one, other: one / other if other else math.nan if not one else math.copysign(math.inf, one),
}
_COMPARED: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_AGGREGATED: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "count": len,
    "avg": lambda values: sum(values) / len(values),
}


class UnknownError(Exception):
    """Nothing that is evaluated here."""


@dataclass
class History:
    """What was scraped, and when (seconds); the newest is now."""

    scrapes: list[tuple[float, dict[str, Vector]]] = field(default_factory=list)

    def add(self, at_s: float, page: str, **more: str) -> None:
        """A page, with the labels that Prometheus gives all of its samples."""
        by_name: dict[str, Vector] = {}
        for sample in samples_in(page):
            by_name.setdefault(sample.name, {})[_labels({**sample.labels, **more})] = sample.value
        self.scrapes.append((at_s, by_name))

    def ask(self, expression: str) -> Vector | float:
        """The answer now. Raises ValueError for what is no PromQL, UnknownError for what is not evaluated here."""
        answer: Vector | float = _evaluate(promql_parser.parse(expression), self)
        return answer

    def before(self, offset: timedelta | None) -> dict[str, Vector]:
        """What was scraped last, so long ago."""
        until_s = self.scrapes[-1][0] - (offset or timedelta()).total_seconds()
        return next((by_name for at_s, by_name in reversed(self.scrapes) if at_s <= until_s), {})

    def over(self, name: str, range_s: float) -> dict[Labels, list[tuple[float, float]]]:
        """The values of each series within the last seconds, each with its time."""
        now_s = self.scrapes[-1][0]
        found: dict[Labels, list[tuple[float, float]]] = {}
        for at_s, by_name in self.scrapes:
            if at_s > now_s - range_s:
                for labels, value in by_name.get(name, {}).items():
                    found.setdefault(labels, []).append((at_s, value))
        return found


def selectors_in(expression: str) -> list[tuple[str, set[str]]]:
    """The names that an expression asks for, each with the labels that it looks at there."""
    found: list[tuple[str, set[str]]] = []

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append((str(node.name), {one.name for one in node.matchers.matchers}))

    promql_parser.walk(promql_parser.parse(expression), _going_on(visit))
    return found


def grouped_by(expression: str) -> set[str]:
    """The labels by which an expression puts values together."""
    found: set[str] = set()

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            found.update(node.modifier.labels)

    promql_parser.walk(promql_parser.parse(expression), _going_on(visit))
    return found


def _going_on(visit: Callable[[Any], None]) -> Callable[[Any], bool]:
    def visited(node: Any) -> bool:
        visit(node)
        return True

    return visited


def _labels(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _evaluate(node: Any, history: History) -> Any:
    match node:
        case promql_parser.NumberLiteral():
            return float(node.val)
        case promql_parser.ParenExpr():
            return _evaluate(node.expr, history)
        case promql_parser.VectorSelector():
            found = history.before(node.offset).get(str(node.name), {})
            return {labels: value for labels, value in found.items() if _is_meant(labels, node.matchers.matchers)}
        case promql_parser.AggregateExpr():
            return _aggregated(node, _evaluate(node.expr, history))
        case promql_parser.Call():
            return _called(node, history)
        case promql_parser.BinaryExpr():
            one, other = _evaluate(node.lhs, history), _evaluate(node.rhs, history)
            return _joined(str(node.op), one, other, node.modifier)
    raise UnknownError(type(node).__name__)


def _is_meant(labels: Labels, matchers: Iterable[Any]) -> bool:
    known = dict(labels)
    for one in matchers:
        value, kind = known.get(one.name, ""), str(one.op).rpartition(".")[2]
        is_so = value == one.value if kind in {"Equal", "NotEqual"} else bool(re.fullmatch(one.value, value))
        if is_so == kind.startswith("Not"):
            return False
    return True


def _kept(labels: Labels, names: Iterable[str], *, without: bool = False) -> Labels:
    return tuple(one for one in labels if (one[0] in names) != without)


def _aggregated(node: Any, vector: Vector) -> Vector:
    names = [] if node.modifier is None else node.modifier.labels
    without = node.modifier is not None and str(node.modifier.type).endswith("Without")
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        groups.setdefault(_kept(labels, names, without=without), []).append(value)
    kind = str(node.op)
    if kind == "topk":
        largest = sorted(vector.items(), key=lambda one: -one[1])
        return dict(largest[: int(node.param.val)])
    if kind not in _AGGREGATED:
        raise UnknownError(kind)
    return {labels: float(_AGGREGATED[kind](values)) for labels, values in groups.items()}


def _called(node: Any, history: History) -> Vector:
    name = node.func.name
    if name == "histogram_quantile":
        return _quantile(_evaluate(node.args[0], history), _evaluate(node.args[1], history))
    if name not in _OVER:
        raise UnknownError(name)
    (matrix,) = node.args
    selector = matrix.vector_selector
    found = history.over(selector.name, matrix.range.total_seconds())
    values = {
        labels: _OVER[name](points)
        for labels, points in found.items()
        if _is_meant(labels, selector.matchers.matchers) and (len(points) > 1 or name.endswith("_over_time"))
    }
    return {labels: value for labels, value in values.items() if not math.isnan(value)}


def _increase(points: Sequence[tuple[float, float]]) -> float:
    """A counter that became smaller has begun anew."""
    values = [value for _, value in points]
    return sum(after - before if after >= before else after for before, after in pairwise(values))


_OVER: Final[dict[str, Callable[[Sequence[tuple[float, float]]], float]]] = {
    "increase": _increase,
    "rate": lambda points: _increase(points) / (points[-1][0] - points[0][0]),
    "changes": lambda points: sum(one[1] != other[1] for one, other in pairwise(points)),
    "max_over_time": lambda points: max(value for _, value in points),
}


def _quantile(share: float, buckets: Vector) -> Vector:
    histograms: dict[Labels, list[tuple[float, float]]] = {}
    for labels, count in buckets.items():
        bound = float(dict(labels)["le"].replace("+Inf", "inf"))
        histograms.setdefault(_kept(labels, ["le"], without=True), []).append((bound, count))
    return {labels: _quantile_of(share, sorted(counts)) for labels, counts in histograms.items()}


def _quantile_of(share: float, counts: Sequence[tuple[float, float]]) -> float:
    total = counts[-1][1]
    if not total:
        return math.nan
    below, below_count = 0.0, 0.0
    for bound, count in counts:
        if count >= share * total:
            if math.isinf(bound):
                return below
            return below + (bound - below) * (share * total - below_count) / (count - below_count)
        below, below_count = bound, count
    raise AssertionError("unreachable: the last bucket has all")


def _joined(kind: str, one: Any, other: Any, how: Any) -> Any:
    if isinstance(one, float) and isinstance(other, float):
        return _ARITHMETIC[kind](one, other)
    if isinstance(one, float):
        raise UnknownError("a number before a vector")
    if isinstance(other, float):
        return _with_number(kind, one, other)
    names = None if how is None or how.matching is None else how.matching.labels

    def key(labels: Labels) -> Labels:
        return labels if names is None else _kept(labels, names)

    others = {key(labels): value for labels, value in other.items()}
    mine = {key(labels) for labels in one}
    pairs = {labels: (value, others[key(labels)]) for labels, value in one.items() if key(labels) in others}
    sets: dict[str, Vector] = {
        "and": {labels: value for labels, (value, _) in pairs.items()},
        "unless": {labels: value for labels, value in one.items() if labels not in pairs},
        "or": {**one, **{labels: value for labels, value in other.items() if key(labels) not in mine}},
    }
    if kind in sets:
        return sets[kind]
    if kind in _COMPARED:
        return {labels: value for labels, (value, its) in pairs.items() if _COMPARED[kind](value, its)}
    return {labels: _ARITHMETIC[kind](value, its) for labels, (value, its) in pairs.items()}


def _with_number(kind: str, vector: Vector, number: float) -> Vector:
    if kind in _COMPARED:
        return {labels: value for labels, value in vector.items() if _COMPARED[kind](value, number)}
    return {labels: _ARITHMETIC[kind](value, number) for labels, value in vector.items()}
