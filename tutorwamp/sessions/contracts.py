"""What others may know of sessions: heartbeat, resume, who one is, and the event of a timeout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from tutorwamp.accounts.contracts import Person
from tutorwamp.gate.contracts import CONNECTION_DRAINING, CONNECTION_TIMEOUT, Draining
from tutorwamp.kernel.contracts import Cost, Instant, Nothing, Procedure, Seq, Value
from tutorwamp.kernel.topics import Topic

STREAMS_AT_MOST: Final = 100
"""In one call; a person in a lesson follows four."""
EVENTS_AT_MOST: Final = 300
"""Missed ones given back for a stream; whoever missed more reads the state afresh, which is less to send."""
EVENT_BYTES_AT_MOST: Final = 4 * 1024 * 1024
"""Of all streams in one answer; one message between the node's processes carries 16 MiB."""

StreamName = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[a-z0-9._-]+$")]
Positions = Annotated[dict[StreamName, Seq], Field(max_length=STREAMS_AT_MOST)]
"""By stream, the ``seq`` of the last event the client has applied."""

Epoch = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
"""Which past of the database positions belong to; opaque, and another one after a restore."""


class Heartbeat(Value):
    """I am here, and this is how far I am."""

    positions: Positions = Field(default_factory=dict)
    epoch: Epoch | None = None
    """Of the positions, as the server said it with them."""


class Beat(Value):
    """``behind``: the head of each stream the client has not heard all of; all of them, for another epoch's."""

    now: Instant
    interval_s: float
    timeout_s: float
    behind: dict[str, int]
    epoch: str


class Resume(Value):
    """Ask what came after these positions."""

    positions: Positions
    epoch: Epoch | None = None
    """Of the positions, as the server said it with them."""


class ResumedStream(Value):
    """Everything after the position (``complete``), or nothing: then the client reads the state afresh.

    ``error``: the URI of why the stream cannot be had at all, such as ``tutorwamp.error.not_found``.
    """

    complete: bool
    events: list[dict[str, Any]] | None = None
    head: int
    error: str | None = None

    def plain(self) -> dict[str, Any]:
        """Without what is not there."""
        given = {"complete": self.complete, "events": self.events, "head": self.head, "error": self.error}
        return {name: value for name, value in given.items() if value is not None}


class Resumed(Value):
    """By stream; of positions of another epoch nothing is complete."""

    streams: dict[str, ResumedStream]
    epoch: str

    def plain(self) -> dict[str, Any]:
        """Events are not copied."""
        return {"streams": {name: stream.plain() for name, stream in self.streams.items()}, "epoch": self.epoch}


class Me(Value):
    """Whose session this is. ``session`` is WAMP's id."""

    session: int
    user: Person
    now: Instant


HEARTBEAT: Final = Procedure(
    "tutorwamp.session.heartbeat", Heartbeat, Beat, "I am here.", cost=Cost(lambda asked: len(asked.positions) // 20)
)
RESUME: Final = Procedure(
    "tutorwamp.session.resume",
    Resume,
    Resumed,
    "What was missed.",
    cost=Cost(lambda asked: 2 + len(asked.positions) // 10, line="missed"),
)
WHOAMI: Final = Procedure("tutorwamp.session.whoami", Nothing, Me, "Whose session this is.")


class TimeoutMessage(Value):
    """The session that hears it has shown no life for too long, and is ended."""

    session: int
    last_seen: Instant
    timeout_s: float
    action: Literal["retry"]
    retry_after_s: float


TIMEOUT_TOPIC: Final = Topic(CONNECTION_TIMEOUT, "To one session only, before it is ended.", message=TimeoutMessage)
DRAINING_TOPIC: Final = Topic(
    CONNECTION_DRAINING, "To one session only, before a node that is stopped ends it.", message=Draining
)


@dataclass(frozen=True)
class SessionTimedOut:
    """A session has shown no life for too long and is about to be ended."""

    session: int
    last_seen: datetime
    timeout: timedelta
    retry_after_s: float
