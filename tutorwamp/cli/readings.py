"""What a node's ``/metrics`` says, and what has changed between two readings of it. Pure.

Whatever is not there is None, never an error: an older node, or one that is being started, tells less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

Key = tuple[str, ...]
"""The values of the labels that were asked for."""
Pairs = frozenset[tuple[str, str]]
"""Labels and their values."""
NONE: Final[Pairs] = frozenset()
PROCESS: Final = "process"
UP: Final = "tutorwamp_process_up"
"""Told for a process, also where it is silent itself."""


class Reading:
    """One page, as it was at a time (``at_s``, by a clock that never goes back). Raises ValueError where it is none."""

    def __init__(self, page: str, at_s: float) -> None:
        self.at_s = at_s
        self._families: set[str] = set()
        self._samples: dict[str, dict[Pairs, float]] = {}
        for family in text_string_to_metric_families(page):
            self._families.add(family.name)
            for sample in family.samples:
                self._samples.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
        told = [series for name, series in self._samples.items() if name != UP]
        self.processes = {dict(labels).get(PROCESS) for series in told for labels in series}
        """Those that told something."""

    def knows(self, family: str) -> bool:
        """Whether it is there, be it without a sample."""
        return family in self._families

    def series(self, sample: str) -> Mapping[Pairs, float]:
        """All values of one name, by their labels."""
        return self._samples.get(sample, {})

    def by(self, gauge: str, *labels: str) -> dict[Key, float]:
        """Its values, added up by these labels."""
        return _added(self.series(gauge).items(), labels)

    def total(self, gauge: str) -> float | None:
        """All of its values together."""
        return sum(self.series(gauge).values()) if self.series(gauge) else None

    def highest(self, sample: str) -> float | None:
        """Of what several processes say of the same thing."""
        return max(self.series(sample).values(), default=None)

    def labels_of(self, sample: str) -> list[dict[str, str]]:
        """The labels of all its values."""
        return [dict(labels) for labels in self.series(sample)]


class Change:
    """What was counted between two readings."""

    def __init__(self, before: Reading, after: Reading) -> None:
        self._before, self.after = before, after
        self.seconds = after.at_s - before.at_s

    def per_s(self, counter: str, *labels: str, but: Pairs = NONE) -> dict[Key, float] | None:
        """How much a second, by these labels; ``but``: without what has one of these labels."""
        if not (self.after.knows(counter) and self.seconds > 0):
            return None
        grown = self._grown(f"{counter}_total", but)
        return {key: count / self.seconds for key, count in _added(grown, labels).items()}

    def total_per_s(self, counter: str, *, but: Pairs = NONE) -> float | None:
        """How much a second, all together."""
        rates = self.per_s(counter, but=but)
        return None if rates is None else sum(rates.values())

    def quantiles(
        self, histogram: str, wanted: Sequence[float], *labels: str, but: Pairs = NONE
    ) -> dict[Key, list[float]]:
        """Estimated as Prometheus does, by these labels; nothing for what was not observed meanwhile."""
        buckets = _added(self._grown(f"{histogram}_bucket", but), (*labels, "le"))
        by_key: dict[Key, list[tuple[float, float]]] = {}
        for (*key, bound), count in buckets.items():
            by_key.setdefault(tuple(key), []).append((float(bound), count))
        return {
            key: [quantile(sorted(counts), one) for one in wanted]
            for key, counts in by_key.items()
            if max(count for _, count in counts) > 0
        }

    def _grown(self, sample: str, but: Pairs) -> Iterable[tuple[Pairs, float]]:
        before = self._before.series(sample)
        for labels, value in self.after.series(sample).items():
            if labels & but:
                continue
            # A process that was silent the last time has counted for who knows how long.
            if dict(labels).get(PROCESS) in self._before.processes:
                earlier = before.get(labels, 0.0)
                yield labels, value - earlier if value >= earlier else value  # it began anew


def quantile(buckets: Sequence[tuple[float, float]], wanted: float) -> float:
    """The value below which this share of all is; in its bucket all are taken to be spread evenly.

    ``buckets``: upper bounds, the last infinite, each with the count of all up to it. What is above the last finite
    bound is said to be at it: more is not known.
    """
    rank = wanted * buckets[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank and count > below:
            return lower if bound == float("inf") else lower + (bound - lower) * (rank - below) / (count - below)
        if bound != float("inf"):
            lower, below = bound, count
    return lower


def _added(series: Iterable[tuple[Pairs, float]], labels: Sequence[str]) -> dict[Key, float]:
    added: dict[Key, float] = {}
    for pairs, value in series:
        known = dict(pairs)
        key = tuple(known.get(label, "") for label in labels)
        added[key] = added.get(key, 0.0) + value
    return added
