"""Whether a node counts for Prometheus."""

from __future__ import annotations

from dataclasses import dataclass

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class MetricsSettings:
    """What is counted by the way (sessions, transactions) is on ``/metrics`` in any case."""

    metrics: bool = setting(
        "METRICS", default=True, reason="Off: calls and the reactor's turns are not counted, to see what that costs."
    )
