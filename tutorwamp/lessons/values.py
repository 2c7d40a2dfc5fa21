"""What a lesson has beside its plan: rules, hands, a timer, who is there, what happened; and how it is asked for."""

from __future__ import annotations

from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from pydantic import AfterValidator, Field, model_validator

from tutorwamp.accounts.contracts import Person
from tutorwamp.gate.contracts import POINTED_AT_MOST, Pointed
from tutorwamp.kernel.contracts import PAGE_LIMIT_DEFAULT, Cursor, Id, Instant, Limit, Line, StreamEvent, Value

STUDENTS_AT_MOST: Final = 30

Who = TypeVar("Who")


def _all_different(ids: list[str]) -> list[str]:
    if len(set(ids)) != len(ids):
        raise ValueError("must not name anybody twice")
    return ids


Title = Annotated[Line, Field(min_length=1, max_length=200)]
Students = Annotated[
    list[Id],
    Field(max_length=STUDENTS_AT_MOST, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_all_different),
]

Extent = Annotated[float, Field(gt=0, le=2 * POINTED_AT_MOST, allow_inf_nan=False)]
"""Pixels: from one end of a board to the other at most."""

ChatRule = Literal["everyone", "tutors"]
UnattendedRule = Literal["open", "closed"]


class Rules(Value):
    """What students may do in a lesson; its tutor and admins may always.

    ``chat``: who writes. ``unattended``: whether students write and draw while the tutor is not in the room.
    ``muted``: students who only read.
    """

    chat: ChatRule = "everyone"
    unattended: UnattendedRule = "open"
    muted: list[Id] = Field(default_factory=list)


class Hand(Value, Generic[Who]):
    """A raised hand, and since when."""

    person: Who
    at: Instant


class Timer(Value):
    """What everybody sees run out. It stays when it has, until another one is set or the lesson is over."""

    title: str | None
    ends_at: Instant


class SetRules(Value):
    """What is given changes, the rest stays; ``muted`` is the whole list."""

    lesson_id: Id
    chat: ChatRule | None = None
    unattended: UnattendedRule | None = None
    muted: Students | None = None


class RaiseHand(Value):
    """Raise one's own hand, or lower one: one's own, ``user_id``'s (the tutor), or ``all`` (the tutor)."""

    lesson_id: Id
    up: bool
    user_id: Id | None = None
    all: bool = False

    @model_validator(mode="after")
    def _of_one_or_of_all(self) -> RaiseHand:
        if self.all and (self.up or self.user_id is not None):
            raise ValueError("all hands are lowered, and then nobody is named")
        return self


class SetTimer(Value):
    """When the time is over, within a day from now; null takes the timer away, whatever the title."""

    lesson_id: Id
    ends_at: Instant | None
    title: Title | None = None


class View(Value):
    """A part of a board's page, in its pixels: where it begins, and how much of it is seen."""

    page: Id
    x: Pointed
    y: Pointed
    width: Extent
    height: Extent


class Participant(Value):
    """A person in the room, with however many sessions.

    ``reconnecting``: the connection is lost, and the place is kept until ``deadline``. ``left`` in the last event only.
    """

    person: Person
    state: Literal["present", "reconnecting", "left"]
    joined_at: Instant
    deadline: Instant | None


class Attended(Value):
    """How long somebody was in the lesson. ``last_left_at`` null: is there."""

    person: Person
    connected_s: float
    first_joined_at: Instant
    last_left_at: Instant | None


class Attendance(Value):
    """Everybody who was ever there, in the order they came."""

    items: list[Attended]


class ReplayLesson(Value):
    """A page of everything that happened; ``after`` is the ``next_cursor`` of the page before."""

    lesson_id: Id
    after: Cursor | None = None
    limit: Limit = PAGE_LIMIT_DEFAULT


class Replayed(Value):
    """Events as they were published, oldest first.

    ``compacted`` names the streams whose oldest events are not kept any more, with the number of the last of those:
    the replay of such a stream begins after it.
    """

    items: list[StreamEvent]
    next_cursor: str | None
    compacted: dict[str, int]

    def plain(self) -> dict[str, Any]:
        """Events are not copied."""
        items = [event.plain() for event in self.items]
        return {"items": items, "next_cursor": self.next_cursor, "compacted": self.compacted}
