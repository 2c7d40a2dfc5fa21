"""The node's health as far as the gate knows it: who shows life, who is there. It answers where REST does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tutorwamp.gate.contracts import Health, State, Status

REST: Final = "rest"
"""The component that answers for all of them, as long as it can."""
LIVE: Final = "/api/health/live"
READY: Final = ("/api/health", "/api/health/ready")


class Standing:
    """The gate of this process, once it stands; its doors are made by Crossbar, each for itself."""

    status: Callable[[], Status] | None = None


standing: Final = Standing()


def alive(status: Status) -> dict[str, State]:
    """Whose process shows life. A component that has not come yet is not missed: the node is starting.

    The router's does, since somebody was told this.
    """
    here = sorted(set(status.expected) - set(status.missing))
    return {"router": "ok", **{name: "down" if name in status.still else "ok" for name in here}}


def able(status: Status) -> dict[str, State]:
    """Who does its work: components that are there, live, and are late with nothing; a router that lets people in."""
    down = {*status.missing, *status.still, *(work.partition(".")[0] for work in status.late)}
    return {
        "router": "down" if status.closing else "ok",
        **{name: "down" if name in down else "ok" for name in status.expected},
    }


def health_of(dependencies: dict[str, State]) -> Health:
    """With a status for all of them."""
    fine = all(state == "ok" for state in dependencies.values())
    return Health(status="ok" if fine else "down", dependencies=dependencies)


def without_rest(path: str, before: Status, now: Status) -> Health | None:
    """What is true where REST has not answered since ``before``; None where this is no question about health.

    Who is being started lives; who was there and does not answer may not be noticed by its beats yet.
    """
    path = path.rstrip("/")
    if path == LIVE:
        found = alive(now)
        return health_of({**found, REST: "down"} if REST in alive(before) else found)
    return health_of({**able(now), REST: "down"}) if path in READY else None
