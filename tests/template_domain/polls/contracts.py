"""What others may know of polls: values, procedures, the stream, and the event others can listen to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from tutorwamp.kernel.contracts import Id, Instant, Line, Procedure, StreamEvent, Value
from tutorwamp.kernel.topics import Topic
from tutorwamp.lessons.contracts import OneLesson


class Poll(Value):
    """A question to the lesson."""

    id: Id
    lesson_id: Id
    question: str
    opened_at: Instant


class OpenPoll(Value):
    """Ask everybody in the lesson."""

    lesson_id: Id
    question: Annotated[Line, Field(min_length=1, max_length=200)]


class Polls(Value):
    """The polls of a lesson, oldest first."""

    items: list[Poll]


OPEN: Final = Procedure("tutorwamp.poll.open", OpenPoll, Poll, "Ask everybody in the lesson.", writes=True)
LIST: Final = Procedure("tutorwamp.poll.list", OneLesson, Polls, "What was asked in a lesson, oldest first.")

POLLS_TOPIC: Final = Topic(
    "tutorwamp.lesson.{lesson_id}.polls", "A stream: what the tutor asks.", events={"polls.opened": Poll}
)


@dataclass(frozen=True)
class PollsChanged:
    """A lesson's polls stream has grown."""

    event: StreamEvent
