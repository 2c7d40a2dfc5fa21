"""How long somebody was in a lesson, as far as their own client can know; the attendance record must agree with it."""

from __future__ import annotations

from collections.abc import Sequence

NOTICED_WITHIN_S = 10.0
"""The node notices a loss by its ping (4 s) or by heartbeats that do not come (7 s), on a busy machine."""
END_COSTS_S = 1.0
"""Of each stay: both ends do not notice at the same moment that it is over."""
CRASH_COSTS_S = 12.0
"""L22: a killed node's stays end when they were last noted, up to 10 s before; as much when the database was away."""


class Whereabouts:
    """Times are seconds of one monotonic clock, handed in."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._ended: float | None = None
        self._sure_since: float | None = None
        self._away_since: float | None = None
        self._surely_s = 0.0
        self._surely_away_s = 0.0
        self._drops = 0
        self._crashes = 0

    def there(self, at: float) -> None:
        """Connected, and in the lesson."""
        self._began = at if self._began is None else self._began
        if self._away_since is not None:
            self._surely_away_s += max(0.0, at - self._away_since - NOTICED_WITHIN_S)
            self._away_since = None
        if self._sure_since is None:
            self._sure_since = at

    def unsure(self, at: float) -> None:
        """Nothing passes: the node may have given us up, and we cannot hear of it. Until we are ``there`` again."""
        if self._sure_since is not None:
            self._surely_s += at - self._sure_since
            self._sure_since = None

    def lost(self, at: float) -> None:
        """Without a connection."""
        self.unsure(at)
        self._drops += 1
        if self._away_since is None:
            self._away_since = at

    def crashed(self) -> None:
        """The node, or its database, was killed."""
        self._crashes += 1

    def gone(self, at: float) -> None:
        """For good."""
        self.unsure(at)
        self._ended = at

    def check(self, connected_s: float) -> None:
        """Raises AssertionError where a record of so many seconds cannot be true."""
        assert self._began is not None, "was never there"
        assert self._ended is not None, "is still there"
        least_s = self._surely_s - (self._drops + 1) * END_COSTS_S - self._crashes * CRASH_COSTS_S
        most_s = self._ended - self._began - self._surely_away_s + NOTICED_WITHIN_S
        said = f"{connected_s:.1f} s on the record, surely there for {self._surely_s:.1f} s"
        assert connected_s >= least_s, (
            f"{said}, with {self._drops} drops and {self._crashes} crashes at least {least_s:.1f}"
        )
        assert connected_s <= most_s, f"{said}, at most {most_s:.1f}"


def covered_s(stays: Sequence[tuple[float, float]]) -> float:
    """The length of the union of some intervals; reckoned otherwise than the service does, by their edges."""
    edges = sorted([(begins, -1) for begins, _ in stays] + [(ends, 1) for _, ends in stays])
    total, depth, since = 0.0, 0, 0.0
    for at, leaves in edges:
        if depth == 0:
            since = at
        depth -= leaves
        if depth == 0:
            total += at - since
    return total
