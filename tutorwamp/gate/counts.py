"""What the gate counts, for the node's metrics: who comes, who is refused, who goes and why; what is said."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tutorwamp.gate.contracts import (
    CLIENT_ROLES,
    CLOSE_DRAINING,
    CLOSE_PING_TIMEOUT,
    CLOSE_REVOKED,
    CLOSE_SLOW,
    Status,
)
from tutorwamp.kernel.metrics.children import Children

Refusal = Literal["stopping", "starting", "full", "rate_limited", "origin", "token", "revoked", "sockets"]
"""Why somebody was not let in; ``sockets``: too many connections of an address, or of all."""
ENDS: Final = {
    CLOSE_REVOKED: "revoked",
    CLOSE_PING_TIMEOUT: "ping_timeout",
    CLOSE_DRAINING: "draining",
    CLOSE_SLOW: "slow",
}
LEFT: Final = "left"
OTHER: Final = "other"

gate_registry: Final = CollectorRegistry()
"""Of a router's process: containers, which speak to the gate, import this as well, and have nothing to say of it."""
_joins = Counter("tutorwamp_joins", "Sessions of people that were let in, by role.", ["role"], registry=gate_registry)
_refusals = Counter(
    "tutorwamp_join_refusals", "People who were not let in, by reason.", ["reason"], registry=gate_registry
)
_ends = Counter(
    "tutorwamp_session_ends", "Sessions of people that ended, by reason.", ["reason"], registry=gate_registry
)
_granted = Counter(
    "tutorwamp_grants",
    "Lessons' topics that were opened to, or closed for, a session.",
    ["change"],
    registry=gate_registry,
)

_at_door = Counter(
    "tutorwamp_door_refusals",
    "Calls and publications that the router refused by itself, by the error's URI.",
    ["outcome"],
    registry=gate_registry,
)

REFUSED_AT_DOOR: Final = Children(_at_door)
JOINED: Final = {role: _joins.labels(role) for role in CLIENT_ROLES}
REFUSED: Final = {reason: _refusals.labels(reason) for reason in Refusal.__args__}  # type: ignore[attr-defined]  # a Literal has them
ENDED: Final = {reason: _ends.labels(reason) for reason in (*ENDS.values(), LEFT, OTHER)}
OPENED, CLOSED = _granted.labels("opened"), _granted.labels("closed")


def ended(reason: str) -> None:
    """A session of somebody's is over: by its close reason, or ``LEFT``."""
    ENDED[ENDS.get(reason, LEFT if reason == LEFT else OTHER)].inc()


class refusing:  # noqa: N801  # reads as the function it could be, and costs a third of it
    """Count for this reason what is raised in here."""

    def __init__(self, reason: Refusal) -> None:
        self._reason = reason

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Raised or not."""
        if kind is not None:
            REFUSED[self._reason].inc()


class Traffic(Collector):
    """What the public door says and hears. Only the reactor counts here, for each message, so it takes no locks."""

    def __init__(self) -> None:
        self.heard = self.heard_bytes = 0
        self.sent = self.sent_bytes = 0
        self.events = self.event_bytes = 0
        """Of those sent: events, once for each who was told."""
        self.skipped = 0
        """Events that somebody was not told, being behind."""

    def collect(self) -> Iterator[Metric]:
        """Seven counters."""
        for name, meaning, value in (
            ("tutorwamp_messages_received", "Messages of people that the router has read.", self.heard),
            ("tutorwamp_received_bytes", "Bytes of messages of people.", self.heard_bytes),
            ("tutorwamp_messages_sent", "Messages to people.", self.sent),
            ("tutorwamp_sent_bytes", "Bytes of messages to people.", self.sent_bytes),
            ("tutorwamp_events_delivered", "Events to people, once for each who was told.", self.events),
            ("tutorwamp_event_delivered_bytes", "Bytes of events to people.", self.event_bytes),
            ("tutorwamp_events_skipped", "Cursors and typing that somebody was not told, being behind.", self.skipped),
        ):
            yield CounterMetricFamily(name, meaning, value=value)


traffic: Final = Traffic()
"""Of this router's process."""


class GateCollector(Collector):
    """What is in the gate's memory now."""

    def __init__(self, status: Status, sessions_at_most: int) -> None:
        self._status = status
        self._sessions_at_most = sessions_at_most

    def collect(self) -> Iterator[Metric]:
        """Four gauges."""
        found = self._status
        yield GaugeMetricFamily("tutorwamp_sessions", "Sessions of people that are in.", value=found.sessions)
        meaning = "How many there may be: the setting, or fewer where files are few."
        yield GaugeMetricFamily("tutorwamp_sessions_limit", meaning, value=self._sessions_at_most)
        yield GaugeMetricFamily(
            "tutorwamp_sessions_granted", "Sessions to which a lesson's topics are open.", value=found.granted
        )
        yield GaugeMetricFamily(
            "tutorwamp_components_missing", "Components that nobody is let in without.", value=len(found.missing)
        )
