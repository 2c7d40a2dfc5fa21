"""What others may know of polls: values, procedures, the stream, and the event others can listen to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from tutorwamp.accounts.contracts import Person
from tutorwamp.kernel.contracts import (
    WHOLE,
    ClientId,
    Cost,
    Id,
    Instant,
    Line,
    Procedure,
    StreamEvent,
    Text,
    Value,
)
from tutorwamp.kernel.joining import found_on_joining
from tutorwamp.kernel.topics import Topic
from tutorwamp.lessons.contracts import OneLesson

CHOICES_AT_LEAST: Final = 2
CHOICES_AT_MOST: Final = 10

Kind = Literal["single", "multiple", "text"]
"""How many choices an answer names; ``text``: none, it is written."""


class Choice(Value):
    """One of the answers that a poll offers. ``votes``: how many have chosen it, null where that is not shown."""

    id: Id
    text: str
    votes: int | None


class Poll(Value):
    """A question to the lesson. ``answered``: how many people have answered it."""

    id: Id
    lesson_id: Id
    question: str
    kind: Kind
    choices: list[Choice]
    anonymous: bool
    state: Literal["open", "closed"]
    shown: bool
    """Whether everybody may see the votes."""
    answered: int
    created_at: Instant
    closed_at: Instant | None


def _all_different(texts: list[str]) -> list[str]:
    if len(set(texts)) != len(texts):
        raise ValueError("must not have the same twice")
    return texts


Question = Annotated[Text, Field(min_length=1, max_length=500)]
ChoiceText = Annotated[Line, Field(min_length=1, max_length=200)]
AnswerText = Annotated[Text, Field(min_length=1, max_length=1_000)]
_DIFFERENT: Final[dict[str, JsonValue]] = {"uniqueItems": True}


class OpenPoll(Value):
    """Ask everybody in the lesson; of ``single`` and ``multiple`` with two to ten choices, of ``text`` with none."""

    lesson_id: Id
    question: Question
    kind: Kind = "single"
    choices: Annotated[list[ChoiceText], AfterValidator(_all_different)] = Field(
        default_factory=list, max_length=CHOICES_AT_MOST, json_schema_extra=_DIFFERENT
    )
    anonymous: bool = False
    client_id: ClientId | None = None

    @model_validator(mode="after")
    def _choices_of_its_kind(self) -> OpenPoll:
        if self.kind == "text" and self.choices:
            raise ValueError("a poll of the kind text has no choices")
        if self.kind != "text" and len(self.choices) < CHOICES_AT_LEAST:
            raise ValueError(f"a poll of the kind {self.kind} has {CHOICES_AT_LEAST} to {CHOICES_AT_MOST} choices")
        return self


class AnswerPoll(Value):
    """Answer, in place of what one has answered before: with choices, or with a text."""

    poll_id: Id
    choice_ids: Annotated[list[Id], AfterValidator(_all_different)] = Field(
        default_factory=list, max_length=CHOICES_AT_MOST, json_schema_extra=_DIFFERENT
    )
    text: AnswerText | None = None


class ClosePoll(Value):
    """Take no more answers; ``show``: and let everybody see the votes, also of one that is closed already."""

    poll_id: Id
    show: bool = False


class OnePoll(Value):
    """Just which poll."""

    poll_id: Id


class Polls(Value):
    """The polls of a lesson, newest first."""

    items: list[Poll]


class Answered(Value):
    """One answer. Of an anonymous poll nobody's: ``person`` and ``at`` are null."""

    person: Person | None
    choice_ids: list[Id]
    """In the order of the poll's choices."""
    text: str | None
    at: Instant | None


class Answers(Value):
    """All answers in the order they were given, and the lesson's students who have given none.

    Of an anonymous poll in an order that says nothing, and only how many are missing.
    """

    items: list[Answered]
    missing: list[Person] | int


_CHANGED: Final = Cost(line="changes")
"""Each writes all events about its poll anew, as a changed message's (C15)."""

OPEN: Final = Procedure("tutorwamp.poll.open", OpenPoll, Poll, "Ask everybody in the lesson.", writes=True)
ANSWER: Final = Procedure(
    "tutorwamp.poll.answer", AnswerPoll, Poll, "Answer; the last answer counts.", writes=True, cost=_CHANGED
)
CLOSE: Final = Procedure("tutorwamp.poll.close", ClosePoll, Poll, "Take no more answers.", writes=True, cost=_CHANGED)
LIST: Final = Procedure("tutorwamp.poll.list", OneLesson, Polls, "What was asked, newest first.", cost=WHOLE)
ANSWERS: Final = Procedure("tutorwamp.poll.answers", OnePoll, Answers, "What was answered, and by whom.", cost=WHOLE)

POLLS_TOPIC: Final = Topic(
    "tutorwamp.lesson.{lesson_id}.polls",
    "A stream: what the tutor asks, as students see it.",
    events={"poll.opened": Poll, "poll.changed": Poll, "poll.closed": Poll},
)

found_on_joining("polls", Poll)


@dataclass(frozen=True)
class PollsChanged:
    """A lesson's polls stream has grown."""

    event: StreamEvent
