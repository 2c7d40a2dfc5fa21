"""When a session was silent for too long, and what is resumed: pure. The numbers are docs/rules/sessions.md's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tutorwamp.sessions.contracts import EVENT_BYTES_AT_MOST, EVENTS_AT_MOST


class Watch:
    """S1 to S3: when each session last showed life. Seconds come from any clock that never goes back."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._seen: OrderedDict[int, float] = OrderedDict()  # the longest silent first

    def __len__(self) -> int:
        return len(self._seen)

    def __contains__(self, session: int) -> bool:
        return session in self._seen

    def see(self, session: int, now_s: float) -> None:
        """S1: joining and every heartbeat show life."""
        self._seen[session] = now_s
        self._seen.move_to_end(session)

    def forget(self, session: int) -> None:
        """It has ended."""
        self._seen.pop(session, None)

    def longest_s(self, now_s: float) -> float:
        """How long the session that is silent for longest has been so; 0 where there is none."""
        return now_s - next(iter(self._seen.values()), now_s)

    def take_overdue(self, now_s: float) -> Iterator[tuple[int, float]]:
        """S2: the sessions that are over, each once, with the seconds they were silent."""
        while self._seen:
            session, seen_s = next(iter(self._seen.items()))
            if now_s - seen_s <= self._timeout_s:
                return
            del self._seen[session]
            yield session, now_s - seen_s


@dataclass(frozen=True)
class Missed:
    """How much lies after a position."""

    head: int
    events: int
    bytes: int


def resumable(missed: Mapping[str, tuple[int, Missed]]) -> list[str]:
    """S6: the streams, with the client's positions, whose missed events are given back; of others only the head.

    A position beyond the head belongs to a past that is gone (a restored backup). The smallest are taken first, so that
    one long stream does not cost the others theirs.
    """
    taken: list[str] = []
    size = 0
    for name, (position, one) in sorted(missed.items(), key=lambda item: item[1][1].bytes):
        size += one.bytes
        if position <= one.head and one.events == one.head - position <= EVENTS_AT_MOST and size <= EVENT_BYTES_AT_MOST:
            taken.append(name)
    return taken
