"""The children of a labelled metric, each found once: to find one costs more than to count with it."""

from __future__ import annotations

from typing import Any


class Children(dict[tuple[str, ...], Any]):
    """By the values of the labels. Those of labels from a closed set only, for none is ever forgotten."""

    def __init__(self, metric: Any) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, values: tuple[str, ...]) -> Any:
        """The first time."""
        child = self[values] = self._metric.labels(*map(str, values))
        return child
