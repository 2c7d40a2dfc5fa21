"""What others may know of lessons: values, procedures, topics, events and the port to ask who may do what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Generic, Literal, Protocol

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from tutorwamp.accounts.contracts import Person
from tutorwamp.gate.contracts import CursorAt, Typing
from tutorwamp.kernel.contracts import (
    LISTED,
    PAGE_LIMIT_DEFAULT,
    Caller,
    ClientId,
    Cost,
    Cursor,
    Id,
    Instant,
    Limit,
    Line,
    Nothing,
    Page,
    Procedure,
    StreamEvent,
    Value,
)
from tutorwamp.kernel.joining import WithWhatIsFound
from tutorwamp.kernel.streams import LETS_NOTHING_NEW_IN
from tutorwamp.kernel.topics import Topic, topics
from tutorwamp.lessons.errors import Muted, WrongState
from tutorwamp.lessons.values import (
    Attendance,
    Hand,
    Participant,
    RaiseHand,
    Replayed,
    ReplayLesson,
    Rules,
    SetRules,
    SetTimer,
    Students,
    Timer,
    Title,
    View,
    Who,
)


class LessonState(StrEnum):
    """``scheduled`` → ``live`` ⇄ ``interrupted`` → ``ended``, or ``cancelled``."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    ENDED = "ended"
    CANCELLED = "cancelled"


OPEN_STATES: Final = frozenset({LessonState.SCHEDULED, LessonState.LIVE, LessonState.INTERRUPTED})
"""In these a lesson can be joined and written to: people talk before it starts, too."""


class LessonFields(Value, Generic[Who]):
    """A lesson's fields, said once: its row, its events' data and every answer are made from these."""

    id: Id
    title: str
    subject: str | None
    state: LessonState
    tutor: Who
    students: list[Who]
    starts_at: Instant
    ends_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    pen: list[Id]
    """Students who may draw; the tutor always may."""
    rules: Rules = Rules()
    hands: list[Hand[Who]] = Field(default_factory=list)
    """In the order they went up."""
    timer: Timer | None = None
    version: int
    created_at: Instant
    attended: SkipJsonSchema[bool] = Field(default=False, exclude=True)
    """Whether the tutor counts as there (L25). Not told: who is there is told on ``presence``."""

    @property
    def is_shut(self) -> bool:
        """Whether students neither write nor draw, because nobody attends to them."""
        return self.rules.unattended == "closed" and not self.attended and self.state in OPEN_STATES

    @property
    def guard(self) -> int:
        """What the lesson's streams are guarded by: another number whenever writers are to be admitted anew.

        The version; and while the lesson is shut one below -1, so that a tutor's coming and going makes no versions.
        """
        return -1 - self.version if self.is_shut else self.version


class Lesson(LessonFields[Person]):
    """A lesson as its members see it."""

    def kept(self) -> KeptLesson:
        """With ids in place of people."""
        ids = {
            "tutor": self.tutor.id,
            "students": [student.id for student in self.students],
            "hands": [Hand[str].model_construct(person=hand.person.id, at=hand.at) for hand in self.hands],
        }
        return KeptLesson.model_construct(**{**self.__dict__, **ids})  # checked when it was made


class KeptLesson(LessonFields[Id]):
    """A lesson as it is kept: people by their ids."""

    def with_people(self, people: Mapping[str, Person]) -> Lesson:
        """With their names; ``people`` by id."""
        named = {
            "tutor": people[self.tutor],
            "students": [people[student] for student in self.students],
            "hands": [Hand[Person].model_construct(person=people[hand.person], at=hand.at) for hand in self.hands],
        }
        return Lesson.model_construct(**{**self.__dict__, **named})  # checked when it was made


Subject = Annotated[Line, Field(min_length=1, max_length=100)]


class CreateLesson(Value):
    """Plan a lesson; the caller is its tutor. Without students people come by invitation."""

    title: Title
    subject: Subject | None = None
    student_ids: Students
    starts_at: Instant
    ends_at: Instant
    client_id: ClientId | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> CreateLesson:
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be later than starts_at")
        return self


class OneLesson(Value):
    """Just which lesson."""

    lesson_id: Id


def _state_from_text(value: object) -> object:
    # Strict mode wants the enumeration's member, and its message would tell the name of our class; the wire has text.
    if isinstance(value, str) and value in set(LessonState):
        return LessonState(value)
    raise ValueError(f"must be one of {', '.join(LessonState)}")


class ListLessons(Value):
    """Which of the caller's lessons; ``starts_after`` and ``starts_before`` are exclusive."""

    state: Annotated[LessonState, BeforeValidator(_state_from_text)] | None = None
    starts_after: Instant | None = None
    starts_before: Instant | None = None
    limit: Limit = PAGE_LIMIT_DEFAULT
    cursor: Cursor | None = None


class UpdateLesson(Value):
    """Change what is given; ``version`` is the one the caller has seen."""

    lesson_id: Id
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    title: Title | None = None
    subject: Subject | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    student_ids: Students | None = None


class CancelLesson(Value):
    """Call a lesson off before it has started."""

    lesson_id: Id
    reason: Annotated[Line, Field(max_length=500)] | None = None


class SetPen(Value):
    """Which students may draw from now on, instead of those who could; the tutor always may."""

    lesson_id: Id
    student_ids: Students


def _name_topics(schema: dict[str, Any]) -> None:
    kinds = [topic.kind for topic in topics("lesson")]
    named = {kind: {"title": kind.title(), "type": "string"} for kind in kinds}
    schema.update({"additionalProperties": False, "properties": named, "required": kinds})


class Topics(Value):
    """The topics of one lesson."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_name_topics)
    __pydantic_extra__: dict[str, str]
    """By kind; which there are, the domains say."""


class Joined(WithWhatIsFound):
    """The room as it was on entering. ``heads``: each stream's newest position, and ``epoch``: of which past.

    ``view``: the part of the board that the tutor leads everybody to; null where nobody is led.
    """

    lesson: Lesson
    participants: list[Participant]
    topics: Topics
    heads: dict[str, int]
    epoch: str
    view: View | None


ALL_WHO_CAME: Final = Cost(lambda _: 4, line="lists")
REPLAYED: Final = Cost(lambda asked: asked.limit // 25, line="missed")

CREATE: Final = Procedure("tutorwamp.lesson.create", CreateLesson, Lesson, "Plan a lesson.", writes=True)
GET: Final = Procedure("tutorwamp.lesson.get", OneLesson, Lesson, "One lesson.")
LIST: Final = Procedure("tutorwamp.lesson.list", ListLessons, Page[Lesson], "The caller's lessons.", cost=LISTED)
UPDATE: Final = Procedure("tutorwamp.lesson.update", UpdateLesson, Lesson, "Change a lesson.", writes=True)
CANCEL: Final = Procedure("tutorwamp.lesson.cancel", CancelLesson, Lesson, "Call a lesson off.", writes=True)
START: Final = Procedure("tutorwamp.lesson.start", OneLesson, Lesson, "Begin a lesson.", writes=True)
END: Final = Procedure("tutorwamp.lesson.end", OneLesson, Lesson, "End a lesson.", writes=True)
JOIN: Final = Procedure("tutorwamp.lesson.join", OneLesson, Joined, "Enter the room.", cost=Cost(lambda _: 2))
LEAVE: Final = Procedure("tutorwamp.lesson.leave", OneLesson, Nothing, "Go out.")
ATTENDANCE: Final = Procedure(
    "tutorwamp.lesson.attendance", OneLesson, Attendance, "Who was there, and for how long.", cost=ALL_WHO_CAME
)
REPLAY: Final = Procedure("tutorwamp.lesson.replay", ReplayLesson, Replayed, "What happened, in order.", cost=REPLAYED)
SET_PEN: Final = Procedure("tutorwamp.lesson.set_pen", SetPen, Lesson, "Say who may draw.", writes=True)
SET_RULES: Final = Procedure("tutorwamp.lesson.set_rules", SetRules, Lesson, "Say who may write.", writes=True)
RAISE_HAND: Final = Procedure(
    "tutorwamp.lesson.raise_hand", RaiseHand, Lesson, "Raise one's hand, or lower it.", writes=True
)
SET_TIMER: Final = Procedure("tutorwamp.lesson.set_timer", SetTimer, Lesson, "Say when the time is over.", writes=True)


class CancelledLesson(Lesson):
    """The data of ``lesson.cancelled``."""

    reason: str | None


class PresenceMessage(Value):
    """``deadline`` is there with ``participant.reconnecting`` only."""

    type: Literal["participant.joined", "participant.reconnecting", "participant.left"]
    at: Instant
    participant: Participant
    deadline: Instant | None = None


STATE_TOPIC: Final = Topic(
    "tutorwamp.lesson.{lesson_id}.state",
    "A stream: what becomes of the lesson.",
    events={
        **dict.fromkeys(("lesson.updated", "lesson.started", "lesson.interrupted", "lesson.continued"), Lesson),
        "lesson.ended": Lesson,
        "lesson.cancelled": CancelledLesson,
        **dict.fromkeys(("pen.changed", "rules.changed", "hand.changed", "timer.changed"), Lesson),
    },
)
PRESENCE_TOPIC: Final = Topic(
    "tutorwamp.lesson.{lesson_id}.presence", "Who comes, is lost and goes.", message=PresenceMessage
)
TYPING_TOPIC: Final = Topic(
    "tutorwamp.lesson.{lesson_id}.typing", "Who is writing.", message=Typing, publisher="members"
)
CURSOR_TOPIC: Final = Topic(
    "tutorwamp.lesson.{lesson_id}.cursor", "Where members point.", message=CursorAt, publisher="members"
)


def topics_of(lesson_id: str) -> dict[str, str]:
    """What is published of one lesson, by whichever domain: its topics by kind, the streams first."""
    return {topic.kind: topic.of(lesson_id) for topic in topics("lesson")}


def streams_of(lesson_id: str) -> list[str]:
    """Those of a lesson's topics that carry a stream."""
    return [topic.of(lesson_id) for topic in topics("lesson") if topic.is_stream]


@dataclass(frozen=True)
class LessonCreated:
    """A lesson was planned."""

    lesson: Lesson


@dataclass(frozen=True)
class LessonChanged:
    """A lesson's state stream has grown; ``followed``: other domains' streams in the same transaction."""

    event: StreamEvent
    before: Lesson
    after: Lesson
    followed: tuple[StreamEvent, ...] = ()


@dataclass(frozen=True)
class PresenceChanged:
    """Somebody came, was lost or went. ``type``: ``participant.joined``, ``.reconnecting`` or ``.left``."""

    lesson_id: str
    type: str
    at: str
    participant: Participant


Deed = Literal["say", "draw"]
"""What somebody is admitted to do, beside being there: write in the chat, or on the board."""


@dataclass(frozen=True)
class Admission:
    """A person belongs to a lesson."""

    lesson: Lesson
    moderates: bool
    """Its tutor, or an admin."""
    muted: Muted | None = None
    """What is raised where they write in the chat (L24)."""
    shut_out: Muted | None = None
    """What is raised where they draw (L25), whoever has the pen."""
    closed: WrongState | Muted | None = None
    """What is raised where the write is no repetition after all."""

    @property
    def guard(self) -> int:
        """What a write to the lesson's streams shows, to prove that it was admitted under the current rules."""
        return self.lesson.guard if self.closed is None else LETS_NOTHING_NEW_IN


class LessonDirectory(Protocol):
    """The port by which other domains find lessons for their own work, on nobody's behalf."""

    async def lessons(self, lesson_ids: Iterable[str], *, fresh: bool) -> Mapping[str, Lesson]:
        """Those of these there are, by id. Without ``fresh`` memory may be as old as the last write admitted here."""
        ...

    async def starting(self, after: datetime, before: datetime) -> Sequence[Lesson]:
        """The scheduled lessons that start within this time (``after`` exclusive), the soonest first."""
        ...


class LessonAccessChecker(Protocol):
    """The one port through which others ask whether a person may do something in a lesson."""

    async def admit(self, caller: Caller, lesson_id: str, *, fresh: bool) -> Admission:
        """Raise NotFound unless the caller belongs to the lesson. ``fresh``: ask the database.

        Without ``fresh`` the answer may be old; a writer then shows its guard, and calls ``forget`` where it is stale.
        """
        ...

    async def admit_writer(
        self, caller: Caller, lesson_id: str, *, to: Deed | None = None, repeating: bool = False
    ) -> Admission:
        """The same from memory, and raise WrongState unless the lesson is open, or Muted where its rules forbid ``to``.

        ``repeating``: it may have been written before, and is then answered like the first time, even when the lesson
        has ended meanwhile. The guard lets nothing new in, and the error comes with it as ``closed``.
        """
        ...

    async def of_these(self, caller: Caller, lesson_ids: Iterable[str], *, fresh: bool) -> Set[str]:
        """Those of these lessons the caller belongs to, with one question to the database at most.

        Without ``fresh`` memory may say yes.
        """
        ...

    async def lesson_ids(self, caller: Caller) -> Sequence[str] | None:
        """All lessons the caller belongs to; None for an admin, who belongs to all."""
        ...

    def forget(self, lesson_id: str) -> None:
        """What memory says about this lesson is old."""
        ...
