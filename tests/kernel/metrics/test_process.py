"""What a process says of itself."""

from __future__ import annotations

import gc
from typing import Any

from prometheus_client import CollectorRegistry

from tutorwamp import __version__
from tutorwamp.kernel.metrics.process import Build, Pauses


def test_the_build_is_named() -> None:
    (found,) = next(iter(Build().collect())).samples
    assert (found.name, found.value) == ("tutorwamp_build_info", 1)
    assert found.labels["version"] == __version__
    assert set(found.labels) == {"version", "python", "crossbar", "autobahn", "twisted", "sqlalchemy"}


def test_collections_of_garbage_are_counted_by_generation() -> None:
    pauses, registry = Pauses(), CollectorRegistry()
    registry.register(pauses)

    def count(generation: int) -> Any:
        return registry.get_sample_value("tutorwamp_gc_pause_seconds_count", {"generation": str(generation)})

    gc.callbacks.append(pauses.noticed)
    try:
        gc.collect(2)
    finally:
        gc.callbacks.remove(pauses.noticed)
    assert count(2) == 1
    assert registry.get_sample_value("tutorwamp_gc_pause_seconds_sum", {"generation": "2"})
