"""What a node has counted, read as Prometheus reads it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable
from typing import Protocol

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


class Counted(Protocol):
    """A Node or a Supervised."""

    rest_port: int


def page_of(node: Counted) -> str:
    """Its whole page. Blocks until it is there."""
    with urllib.request.urlopen(f"http://127.0.0.1:{node.rest_port}/metrics", timeout=10) as answer:  # loopback
        return str(answer.read().decode())


def samples_in(page: str) -> Iterable[Sample]:
    """All there are."""
    return (sample for family in text_string_to_metric_families(page) for sample in family.samples)


def value_in(page: str, name: str, **labels: str) -> float:
    """The sum of what has this name and these labels; 0 where nothing has."""
    wanted = set(labels.items())
    return sum(one.value for one in samples_in(page) if one.name == name and wanted <= set(one.labels.items()))


def by_process(page: str, name: str) -> dict[str, float]:
    """What each process says."""
    return {one.labels["process"]: one.value for one in samples_in(page) if one.name == name}
