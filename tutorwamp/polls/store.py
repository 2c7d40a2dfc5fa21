"""Polls and their answers. People are kept by id, and those of an anonymous poll not at all; see ballots.py."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Update, func, insert, select, update
from twisted.internet.defer import Deferred

from tutorwamp.kernel.contracts import StreamEvent
from tutorwamp.kernel.errors import NotFound, TooLarge
from tutorwamp.kernel.sql.columns import put
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.streams import append, append_one, locked, restate
from tutorwamp.kernel.streams import (
    LETS_NOTHING_NEW_IN,
    Draft,
    Repeated,
    StaleGuardError,
    UnknownStreamError,
    key_for,
)
from tutorwamp.lessons.contracts import OPEN_STATES, Lesson
from tutorwamp.polls import rules
from tutorwamp.polls.ballots import Ballot, BallotSeal, new_salt, read_without_people, without_people
from tutorwamp.polls.contracts import POLLS_TOPIC
from tutorwamp.polls.rules import Count, KeptPoll, Telling
from tutorwamp.polls.settings import PollsSettings
from tutorwamp.polls.tables import ballot_boxes, poll_answers, polls


@dataclass(frozen=True)
class Written:
    """A poll after a change, how it stands, and the event; none where nothing changed."""

    poll: KeptPoll
    count: Count
    event: StreamEvent | None
    rewritten_bytes: int = 0
    """Of earlier events, which say what a reader would read now."""


@dataclass(frozen=True)
class KeptAnswer:
    """An answer; of an anonymous poll without the person and the time."""

    user_id: str | None
    ballot: Ballot
    at: datetime | None


@dataclass(frozen=True)
class KeptAnswers:
    """All answers of a poll; ``missing``: of an anonymous one, how many of the students have given none."""

    items: list[KeptAnswer]
    missing: int


class PollsStore:
    """What is remembered of polls."""

    def __init__(self, database: Database, seal: BallotSeal, settings: PollsSettings) -> None:
        self._database = database
        self._seal = seal
        self._settings = settings

    def add(self, poll: KeptPoll, telling: Telling) -> Deferred[Written]:
        """Keep a new poll, or find the one that was asked for under the same key before.

        Raises StaleGuardError, UnknownStreamError, Conflict (key) or TooLarge.
        """

        def thd(connection: Connection) -> Written:
            empty = rules.count(poll, ())
            (outcome,) = append(connection, [telling.draft(poll, empty)])
            if isinstance(outcome, Exception):
                raise outcome
            if isinstance(outcome, Repeated):
                first = _found(connection, outcome.subject)
                return Written(first, self._count(connection, [first])[first.id], None)
            self._require_room(connection, poll.lesson_id)
            salt = new_salt() if poll.anonymous else None
            connection.execute(insert(polls), {**_row(poll), "salt": salt})
            if salt is not None:
                box = self._seal.seal(poll.id, salt, {})
                connection.execute(insert(ballot_boxes), {"poll_id": poll.id, "box": box})
            return Written(poll, empty, outcome)

        return self._database.write("polls.add", thd)

    def by_id(self, poll_id: str) -> Deferred[KeptPoll | None]:
        """One poll."""
        return self._database.read("polls.by_id", _by_id, poll_id)

    def of_lesson(self, lesson_id: str, *, only_open: bool = False) -> Deferred[list[tuple[KeptPoll, Count]]]:
        """A lesson's polls and how they stand, newest first, in three queries whatever their number."""
        query = select(polls).where(polls.c.lesson_id == lesson_id)
        query = query.where(polls.c.closed_at.is_(None)) if only_open else query
        query = query.order_by(polls.c.created_at.desc(), polls.c.id.desc())

        def thd(connection: Connection) -> list[tuple[KeptPoll, Count]]:
            rows = connection.execute(query).all()
            found = [_kept(row) for row in rows]
            counted = {row.id: Count(tuple(json.loads(row.votes)), row.answered) for row in rows if row.closed_at}
            counted |= self._count(connection, [poll for poll in found if poll.closed_at is None])
            return [(poll, counted[poll.id]) for poll in found]

        return self._database.read("polls.of_lesson", thd)

    def answer(self, poll: KeptPoll, user_id: str, ballot: Ballot, telling: Telling) -> Deferred[Written]:
        """Keep somebody's answer in place of their last one; nothing happens where it is the same.

        Raises StaleGuardError, UnknownStreamError, or Conflict where the poll is closed.
        """

        def thd(connection: Connection) -> Written:
            guard = _locked(connection, poll.lesson_id)
            now = _found(connection, poll.id)
            before = self._ballots(connection, now) if now.closed_at is None or not now.anonymous else {}
            # Where nothing new is let in, the lesson was read for this call: the person belongs to it.
            if before.get(user_id) == ballot and telling.guard in (guard, LETS_NOTHING_NEW_IN):
                return Written(now, self._count(connection, [now])[now.id], None)
            if guard != telling.guard:
                raise StaleGuardError(poll.lesson_id)  # before anything else is said: the lesson may be over
            rules.require_open(now)
            after = {**before, user_id: ballot}
            if now.anonymous:
                box = self._seal.seal(now.id, _salt(connection, now.id), after)
                connection.execute(update(ballot_boxes).where(ballot_boxes.c.poll_id == now.id).values(box=box))
            else:
                row = {"choices": json.dumps(ballot.choices), "text": ballot.text, "at": telling.at}
                put(connection, poll_answers, [{"poll_id": now.id, "user_id": user_id, **row}])
            return _told(connection, now, rules.count(now, after.values()), telling)

        return self._database.write("polls.answer", thd)

    def close(self, poll_id: str, telling: Telling, students: Collection[str], *, show: bool) -> Deferred[Written]:
        """Take no more answers, and show them; nothing happens where both is so already."""

        def thd(connection: Connection) -> Written:
            _locked(connection, _found(connection, poll_id).lesson_id)
            return self._close(connection, _found(connection, poll_id), telling, students, show=show)

        return self._database.write("polls.close", thd)

    def answers(self, poll: KeptPoll, students: Collection[str]) -> Deferred[KeptAnswers]:
        """All answers in the order they were given; of an anonymous poll in the order of what they say."""

        def thd(connection: Connection) -> KeptAnswers:
            now = _found(connection, poll.id)
            if not now.anonymous:
                query = select(poll_answers).where(poll_answers.c.poll_id == now.id)
                rows = connection.execute(query.order_by(poll_answers.c.at, poll_answers.c.user_id))
                return KeptAnswers([KeptAnswer(row.user_id, _ballot(row), row.at) for row in rows], 0)
            if now.closed_at is not None:
                missing = connection.execute(select(polls.c.missing).where(polls.c.id == now.id)).scalar_one()
                return KeptAnswers(_nobodys(read_without_people(_box(connection, now.id))), missing)
            given = self._ballots(connection, now)
            ordered = read_without_people(without_people(given.values()))
            return KeptAnswers(_nobodys(ordered), len(set(students) - given.keys()))

        return self._database.read("polls.answers", thd)

    def end_with(self, connection: Connection, after: Lesson, draft: Draft) -> list[StreamEvent]:
        """P15: a lesson that is over has no open polls: they are closed in the transaction that ends it."""
        if after.state in OPEN_STATES:
            return []
        query = select(polls).where(polls.c.lesson_id == after.id, polls.c.closed_at.is_(None)).order_by(polls.c.id)
        told = []
        for row in connection.execute(query).all():
            telling = Telling("poll.closed", draft.at, draft.actor, key_for(None))
            students = [student.id for student in after.students]
            told.append(self._close(connection, _kept(row), telling, students, show=False).event)
        return [event for event in told if event is not None]

    def _close(
        self, connection: Connection, before: KeptPoll, telling: Telling, students: Collection[str], *, show: bool
    ) -> Written:
        after = rules.close(before, telling.at, show=show)
        if after == before:
            return Written(before, self._count(connection, [before])[before.id], None)
        if before.closed_at is not None:
            count = self._count(connection, [before])[before.id]
            connection.execute(update(polls).where(polls.c.id == before.id).values(shown=after.shown))
            return _told(connection, after, count, replace(telling, type="poll.changed"))
        given = self._ballots(connection, before)
        count = rules.count(before, given.values())
        stands = {"votes": json.dumps(count.votes), "answered": count.answered}
        if before.anonymous:
            box = without_people(given.values())
            connection.execute(update(ballot_boxes).where(ballot_boxes.c.poll_id == before.id).values(box=box))
            stands |= {"missing": len(set(students) - given.keys()), "salt": None}
        changed = {"closed_at": after.closed_at, "shown": after.shown, **stands}
        _overwriting(connection, update(polls).where(polls.c.id == before.id).values(changed))
        return _told(connection, after, count, telling)

    def _ballots(self, connection: Connection, poll: KeptPoll) -> dict[str, Ballot]:
        """The answers by people's ids, of any poll but an anonymous one that is closed."""
        if poll.anonymous:
            return self._seal.open(poll.id, _salt(connection, poll.id), _box(connection, poll.id))
        rows = connection.execute(select(poll_answers).where(poll_answers.c.poll_id == poll.id))
        return {row.user_id: _ballot(row) for row in rows}

    def _count(self, connection: Connection, found: Sequence[KeptPoll]) -> dict[str, Count]:
        """How these stand now, by their ids."""
        given: dict[str, list[Ballot]] = {poll.id: [] for poll in found}
        named = [poll.id for poll in found if not poll.anonymous]
        columns = (poll_answers.c.poll_id, poll_answers.c.choices)
        for row in connection.execute(select(*columns).where(poll_answers.c.poll_id.in_(named))) if named else ():
            given[row.poll_id].append(Ballot(tuple(json.loads(row.choices)), None))
        boxed = [poll.id for poll in found if poll.anonymous]
        for poll_id, salt, box in _boxes(connection, boxed) if boxed else ():
            opened = read_without_people(box) if salt is None else self._seal.open(poll_id, salt, box).values()
            given[poll_id].extend(opened)
        return {poll.id: rules.count(poll, given[poll.id]) for poll in found}

    def _require_room(self, connection: Connection, lesson_id: str) -> None:
        """P6. Raises TooLarge."""
        query = select(func.count(), func.count(polls.c.closed_at)).where(polls.c.lesson_id == lesson_id)
        there, closed = connection.execute(query).one()
        if there >= self._settings.at_most:
            raise TooLarge("The lesson has too many polls.", details={"polls_at_most": self._settings.at_most})
        if there - closed >= self._settings.open_at_most:
            limit = {"open_polls_at_most": self._settings.open_at_most}
            raise TooLarge("Too many polls are open. Close one of them.", details=limit)


def _locked(connection: Connection, lesson_id: str) -> int:
    """Let nobody else write polls of this lesson until the transaction ends; the guard. Raises UnknownStreamError."""
    stream = POLLS_TOPIC.of(lesson_id)
    position = locked(connection, [stream]).get(stream)
    if position is None:
        raise UnknownStreamError(stream)
    return position.guard


def _told(connection: Connection, poll: KeptPoll, count: Count, telling: Telling) -> Written:
    """P12: the event, and all earlier ones say what a reader would read now."""
    event = append_one(connection, telling.draft(poll, count))
    return Written(poll, count, event, restate(connection, event.stream, poll.id, event.data))


def _overwriting(connection: Connection, statement: Update) -> None:
    """What a salt was is not to be found in the file either. PostgreSQL's VACUUM does that in its time."""
    if connection.dialect.name != "sqlite":
        connection.execute(statement)
        return
    before = connection.exec_driver_sql("PRAGMA secure_delete").scalar_one()  # builds of SQLite differ
    connection.exec_driver_sql("PRAGMA secure_delete=1")
    connection.execute(statement)
    connection.exec_driver_sql(f"PRAGMA secure_delete={before}")


def _by_id(connection: Connection, poll_id: str) -> KeptPoll | None:
    row = connection.execute(select(polls).where(polls.c.id == poll_id)).one_or_none()
    return None if row is None else _kept(row)


def _found(connection: Connection, poll_id: str) -> KeptPoll:
    poll = _by_id(connection, poll_id)
    if poll is None:
        raise NotFound("There is no such poll.")
    return poll


def _salt(connection: Connection, poll_id: str) -> bytes:
    """Of an anonymous poll that is open."""
    return bytes(connection.execute(select(polls.c.salt).where(polls.c.id == poll_id)).scalar_one())


def _box(connection: Connection, poll_id: str) -> bytes:
    return bytes(connection.execute(select(ballot_boxes.c.box).where(ballot_boxes.c.poll_id == poll_id)).scalar_one())


def _boxes(connection: Connection, poll_ids: Collection[str]) -> Iterable[tuple[str, bytes | None, bytes]]:
    """Ids, salts and boxes; a poll that is closed has no salt."""
    joined = ballot_boxes.join(polls, polls.c.id == ballot_boxes.c.poll_id)
    query = select(polls.c.id, polls.c.salt, ballot_boxes.c.box).select_from(joined)
    for poll_id, salt, box in connection.execute(query.where(polls.c.id.in_(poll_ids))):
        yield poll_id, salt and bytes(salt), bytes(box)


def _row(poll: KeptPoll) -> dict[str, Any]:
    same = {name: getattr(poll, name) for name in KeptPoll.__dataclass_fields__}
    return {**same, "choices": json.dumps(poll.choices, ensure_ascii=False)}


def _kept(row: Row[Any]) -> KeptPoll:
    same = {name: getattr(row, name) for name in KeptPoll.__dataclass_fields__}
    choices = tuple((choice_id, text) for choice_id, text in json.loads(row.choices))
    return KeptPoll(**{**same, "choices": choices})


def _ballot(row: Row[Any]) -> Ballot:
    return Ballot(tuple(json.loads(row.choices)), row.text)


def _nobodys(ballots: Iterable[Ballot]) -> list[KeptAnswer]:
    return [KeptAnswer(None, ballot, None) for ballot in ballots]
