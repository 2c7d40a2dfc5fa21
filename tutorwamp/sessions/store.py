"""What sessions ask of the streams; they keep nothing themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from tutorwamp.kernel.contracts import StreamEvent
from tutorwamp.kernel.database import Database
from tutorwamp.kernel.streams import extent_since, heads, read_since
from tutorwamp.sessions.contracts import EVENTS_AT_MOST
from tutorwamp.sessions.rules import Missed, resumable


class SessionsStore:
    """The door to SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def heads(self, names: Sequence[str]) -> Deferred[dict[str, int]]:
        """The newest position of each stream; 0 where there is none."""

        def thd(connection: Connection) -> dict[str, int]:
            return {**dict.fromkeys(names, 0), **heads(connection, names)}

        return self._database.read("sessions.heads", thd)

    def missed(self, positions: Mapping[str, int]) -> Deferred[dict[str, tuple[int, list[StreamEvent] | None]]]:
        """By stream its head, and all events after the position or None; everything in one consistent read."""

        def thd(connection: Connection) -> dict[str, tuple[int, list[StreamEvent] | None]]:
            newest = {**dict.fromkeys(positions, 0), **heads(connection, positions)}
            missed = {}
            for name, position in positions.items():
                near = 0 < newest[name] - position <= EVENTS_AT_MOST
                events, size = extent_since(connection, name, position) if near else (0, 0)
                missed[name] = (position, Missed(newest[name], events, size))
            given = resumable(missed)

            def events_of(name: str, position: int) -> list[StreamEvent] | None:
                if name not in given:
                    return None
                return read_since(connection, name, position, EVENTS_AT_MOST) if position < newest[name] else []

            return {name: (newest[name], events_of(name, position)) for name, position in positions.items()}

        return self._database.read("sessions.missed", thd)
