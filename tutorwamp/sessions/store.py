"""What sessions ask of the streams; they keep nothing themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from tutorwamp.kernel.contracts import StreamEvent
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.lanes import LARGE
from tutorwamp.kernel.sql.streams import extent_since, heads_now, read_since
from tutorwamp.kernel.streams import Heads
from tutorwamp.sessions.contracts import EVENTS_AT_MOST
from tutorwamp.sessions.rules import Missed, resumable


class SessionsStore:
    """The door to SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def heads(self, names: Sequence[str]) -> Deferred[Heads]:
        """The newest position of each stream, 0 where there is none, and the epoch."""

        def thd(connection: Connection) -> Heads:
            found = heads_now(connection, names)
            return Heads(found.epoch, {**dict.fromkeys(names, 0), **found.by_name})

        return self._database.read("sessions.heads", thd)

    def missed(
        self, positions: Mapping[str, int], epoch: str | None
    ) -> Deferred[tuple[str, dict[str, tuple[int, list[StreamEvent] | None]]]]:
        """The epoch, and by stream its head and all events after the position or None; in one consistent read.

        Of positions of another ``epoch`` no events are given (null: the caller does not know of epochs).
        """

        def thd(connection: Connection) -> tuple[str, dict[str, tuple[int, list[StreamEvent] | None]]]:
            found = heads_now(connection, positions)
            newest = {**dict.fromkeys(positions, 0), **found.by_name}
            if epoch not in (None, found.epoch):
                return found.epoch, {name: (newest[name], None) for name in positions}
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

            told = {name: (newest[name], events_of(name, position)) for name, position in positions.items()}
            return found.epoch, told

        return self._database.read("sessions.missed", thd, lane=LARGE)
