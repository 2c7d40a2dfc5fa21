"""How much room the data folder has, as Prometheus reads it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class DiskCollector(Collector):
    """What is left on the disk of the data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def collect(self) -> Iterator[Metric]:
        """Two gauges; none where there is no folder."""
        try:
            found = shutil.disk_usage(self._data_dir)
        except OSError:
            return
        yield GaugeMetricFamily("tutorwamp_data_free_bytes", "Free on the data folder's disk.", value=found.free)
        yield GaugeMetricFamily("tutorwamp_data_size_bytes", "Size of the data folder's disk.", value=found.total)
