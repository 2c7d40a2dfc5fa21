"""What may be asked and answered, and who sees what of it: pure. The numbers are those of docs/rules/polls.md."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Conflict, Forbidden, Invalid
from tutorwamp.kernel.streams import Draft
from tutorwamp.lessons.contracts import Admission, Lesson
from tutorwamp.polls.ballots import Ballot, votes
from tutorwamp.polls.contracts import POLLS_TOPIC, AnswerPoll, Choice, Kind, OpenPoll, Poll


@dataclass(frozen=True)
class Count:
    """How a poll stands."""

    votes: tuple[int, ...]
    """Of each choice."""
    answered: int


@dataclass(frozen=True)
class KeptPoll:
    """A poll as it is kept."""

    id: str
    lesson_id: str
    question: str
    kind: Kind
    choices: tuple[tuple[str, str], ...]
    """Their ids and texts."""
    anonymous: bool
    shown: bool
    created_at: datetime
    closed_at: datetime | None


def new_poll(asked: OpenPoll, now: datetime) -> KeptPoll:
    """P5: a poll that is open, and that nobody has answered."""
    choices = tuple((new_id(), text) for text in asked.choices)
    return KeptPoll(
        id=new_id(),
        lesson_id=asked.lesson_id,
        question=asked.question,
        kind=asked.kind,
        choices=choices,
        anonymous=asked.anonymous,
        shown=False,
        created_at=now,
        closed_at=None,
    )


def require_moderator(admission: Admission) -> None:
    """P2: the lesson's tutor and admins ask. Raises Forbidden."""
    if not admission.moderates:
        raise Forbidden("Only the lesson's tutor may do this.")


def require_student(caller: Caller, lesson: Lesson) -> None:
    """P3: the lesson's students answer. Raises Forbidden."""
    if all(student.id != caller.user_id for student in lesson.students):
        raise Forbidden("Only the lesson's students answer.")


def require_open(poll: KeptPoll) -> None:
    """P8: nothing is answered that is closed. Raises Conflict."""
    if poll.closed_at is not None:
        raise Conflict("The poll is closed.")


def ballot(poll: KeptPoll, asked: AnswerPoll) -> Ballot:
    """P9: an answer of the poll's kind. Raises Invalid, naming the place."""
    if poll.kind == "text":
        if asked.choice_ids or asked.text is None:
            raise _misfit("choice_ids" if asked.choice_ids else "text", "this poll is answered with a text")
        return Ballot((), asked.text)
    if asked.text is not None:
        raise _misfit("text", "this poll is answered with its choices")
    if not asked.choice_ids or (poll.kind == "single" and len(asked.choice_ids) > 1):
        raise _misfit("choice_ids", "name one choice" if poll.kind == "single" else "name at least one choice")
    places = {choice_id: place for place, (choice_id, _) in enumerate(poll.choices)}
    faults = [
        {"loc": ["choice_ids", index], "msg": "no choice of this poll"}
        for index, choice_id in enumerate(asked.choice_ids)
        if choice_id not in places
    ]
    if faults:
        raise Invalid("The poll has no such choice.", details=faults)
    return Ballot(tuple(sorted(places[choice_id] for choice_id in asked.choice_ids)), None)


def _misfit(field: str, sentence: str) -> Invalid:
    return Invalid("The answer does not fit the poll.", details=[{"loc": [field], "msg": sentence}])


def count(poll: KeptPoll, ballots: Collection[Ballot]) -> Count:
    """How many have answered, and what."""
    return Count(tuple(votes(ballots, len(poll.choices))), len(ballots))


def close(poll: KeptPoll, now: datetime, *, show: bool) -> KeptPoll:
    """P14: closed once, at its first closing; what was shown stays so."""
    return replace(poll, closed_at=poll.closed_at or now, shown=poll.shown or show)


def seen(poll: KeptPoll, count: Count, *, moderates: bool = False) -> Poll:
    """P11: a poll as its reader sees it: the votes are the moderators' until they are shown."""
    sees = moderates or poll.shown
    return Poll(
        id=poll.id,
        lesson_id=poll.lesson_id,
        question=poll.question,
        kind=poll.kind,
        choices=[
            Choice(id=choice_id, text=text, votes=count.votes[place] if sees else None)
            for place, (choice_id, text) in enumerate(poll.choices)
        ],
        anonymous=poll.anonymous,
        state="open" if poll.closed_at is None else "closed",
        shown=poll.shown,
        answered=count.answered,
        created_at=poll.created_at,
        closed_at=poll.closed_at,
    )


@dataclass(frozen=True)
class Telling:
    """Who does what when, and the key of the event that tells it: one for all tries of its transaction."""

    type: str
    at: datetime
    actor: Mapping[str, Any] | None
    key: str
    guard: int | None = None
    digest: str = ""

    def draft(self, poll: KeptPoll, count: Count) -> Draft:
        """P12: the event, whose data everybody hears: the poll as students see it."""
        data = seen(poll, count).plain()
        return Draft(
            stream=POLLS_TOPIC.of(poll.lesson_id),
            guard=self.guard,
            type=self.type,
            at=self.at,
            actor=self.actor,
            key=self.key,
            digest=self.digest,
            subject=poll.id,
            data=lambda _seq: data,
        )
