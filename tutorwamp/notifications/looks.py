"""What is to be told of what streams say: who is away, what they were told, and what they have read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tutorwamp.chat.contracts import CHAT_TOPIC
from tutorwamp.kernel.contracts import Clock, new_id
from tutorwamp.kernel.topics import stream_named
from tutorwamp.lessons.contracts import STATE_TOPIC, Lesson, LessonDirectory
from tutorwamp.notifications import rules
from tutorwamp.notifications.contracts import Connected, Rooms
from tutorwamp.notifications.heard import Heard
from tutorwamp.notifications.progress import Backlog, Known
from tutorwamp.notifications.rules import NotificationDraft
from tutorwamp.notifications.store import Look, NotificationsStore
from tutorwamp.notifications.writing import New, Seen, Told, reading


@dataclass(frozen=True)
class Reader:
    """Who has read a chat, and up to which message."""

    actor: Mapping[str, Any]
    seq: int


class Looks:
    """Looks at many streams together, with few questions whatever their number."""

    def __init__(
        self,
        store: NotificationsStore,
        lessons: LessonDirectory,
        rooms: Rooms,
        connected: Connected,
        *,
        clock: Clock,
    ) -> None:
        self._store = store
        self._lessons = lessons
        self._rooms = rooms
        self._connected = connected
        self._clock = clock

    async def settled(self, heard: Mapping[str, Heard], known: Mapping[str, Known]) -> set[str]:
        """Those of these streams of which nothing has to be told; of the others perhaps."""
        whole = {one: said for one, said in heard.items() if not said.tells and said.goes_on_from(known.get(one))}
        chats = {one: said for one, said in whole.items() if said.authors or said.readers}
        lessons = await self._lessons.lessons([_lesson_id(one) for one in chats], fresh=False)
        absent = await self._absent(lessons.values())
        to_be_told = {one: said.to_be_told(absent.get(_lesson_id(one), ())) for one, said in chats.items()}
        asked = {one: said for one, said in chats.items() if to_be_told[one] or said.readers}
        people = {one for stream, said in asked.items() for one in (*to_be_told[stream], *said.readers)}
        told, now = await self._told(people, asked), self._clock()
        return {
            stream
            for stream in whole
            if stream not in asked
            or (
                all(told.enough(one, _lesson_id(stream), now) for one in to_be_told[stream])
                and not told.read(_lesson_id(stream), asked[stream].readers)
            )
        }

    async def at(self, streams: Mapping[str, Known | None], *, announced: bool) -> list[Look]:
        """What is to be told of these streams; those whose lessons there are not are left out.

        ``announced``: in this process, so that its memory knows the lessons as they are.
        """
        backlogs = await self._store.backlogs(streams)
        lessons = await self._lessons.lessons({_lesson_id(one) for one in streams}, fresh=not announced)
        there = [one for one in backlogs if _lesson_id(one.stream) in lessons]
        states = [one for one in there if stream_named(one.stream).topic is STATE_TOPIC]
        chats = [one for one in there if stream_named(one.stream).topic is CHAT_TOPIC]
        looks = [await self._of_state(one, lessons[_lesson_id(one.stream)]) for one in states]
        return [*looks, *(await self._of_chats(chats, lessons) if chats else ())]

    async def _of_state(self, backlog: Backlog, lesson: Lesson) -> Look:
        drafts: list[NotificationDraft] = []
        members = backlog.members
        if members is None:
            # Who was invited first is not known once the lesson has changed: its people now are invited.
            plain = lesson.plain()
            drafts += rules.planned(plain)
            members = tuple(rules.members_of(plain))
        for event in backlog.events:
            changed = event.plain()
            drafts += rules.changed(changed, members)
            members = tuple(rules.members_of(changed["data"]))
        return Look(replace(backlog, members=members), _new(await self._with_acquaintance(drafts)))

    async def _with_acquaintance(self, drafts: Sequence[NotificationDraft]) -> list[NotificationDraft]:
        """P8: with the word whether the tutor whose doing it is has ever taught them; all are of one lesson."""
        tutor_id = next((one.tutor_id for one in drafts if one.tutor_id is not None), None)
        if tutor_id is None:
            return list(drafts)
        known = await self._rooms.taught(tutor_id, sorted({one.user_id for one in drafts}))
        return [replace(one, is_known=one.user_id in known or one.user_id == tutor_id) for one in drafts]

    async def _of_chats(self, backlogs: Sequence[Backlog], lessons: Mapping[str, Lesson]) -> list[Look]:
        """N6: who is away now and was not there when it was said is told, unless they have read it since."""
        absent = await self._absent({one: lessons[one] for one in map(_lesson_of, backlogs)}.values())
        readers = {one.stream: _readers(one) for one in backlogs}
        said = {one.stream: self._said(one, lessons, absent, readers[one.stream]) for one in backlogs}
        when = {(one.user_id, one.said_at) for mine in said.values() for one in mine if one.said_at is not None}
        there = await self._rooms.were_there(when) if when else set()
        people = {user_id for user_id, _ in when}.union(*readers.values())
        now = self._clock()
        since = min((one.since(now) for mine in said.values() for one in mine), default=None)
        told = await self._told(people, said, since=since)
        looks = []
        for backlog in backlogs:
            lesson_id, mine = _lesson_of(backlog), readers[backlog.stream]
            read = told.read(lesson_id, {user_id: one.seq for user_id, one in mine.items()})
            drafts = [
                one
                for one in said[backlog.stream]
                if (one.user_id, one.said_at) not in there
                and (one.user_id in read or not told.enough(one.user_id, lesson_id, one.since(now)))
            ]
            seen = (Seen(tuple(ids), reading(mine[user_id].actor, now)) for user_id, ids in sorted(read.items()))
            looks.append(Look(replace(backlog, members=_members(lessons[lesson_id])), _new(drafts), tuple(seen)))
        return looks

    def _said(
        self,
        backlog: Backlog,
        lessons: Mapping[str, Lesson],
        absent: Mapping[str, Collection[str]],
        readers: Mapping[str, Reader],
    ) -> list[NotificationDraft]:
        away = sorted(absent[_lesson_of(backlog)])
        if not away:
            return []
        lesson = lessons[_lesson_of(backlog)].plain()
        return [
            replace(one, said_at=event.at)
            for event in backlog.events
            for one in rules.said(event.plain(), lesson, away)
            if one.user_id not in readers or event.seq > readers[one.user_id].seq
        ]

    async def _absent(self, lessons: Iterable[Lesson]) -> dict[str, set[str]]:
        """By lesson its members without a live session. The gate is asked only for who is not in the room."""
        away = {one.id: set(_members(one)) - self._rooms.present(one.id) for one in lessons}
        people = set[str]().union(*away.values())
        here = await self._connected.connected(sorted(people)) if people else set()
        return {lesson_id: theirs - here for lesson_id, theirs in away.items()}

    async def _told(self, people: Collection[str], chats: Iterable[str], since: datetime | None = None) -> Told:
        if not people:
            return Told({}, {})
        return await self._store.told(people, {_lesson_id(one) for one in chats}, self._clock(), since=since)


def _new(drafts: Iterable[NotificationDraft]) -> tuple[New, ...]:
    return tuple(New(new_id(), one) for one in drafts)


def _members(lesson: Lesson) -> tuple[str, ...]:
    return (lesson.tutor.id, *(student.id for student in lesson.students))


def _readers(backlog: Backlog) -> dict[str, Reader]:
    """By person how far they have read in the chat itself."""
    read_up_to = rules.read_up_to(event.plain() for event in backlog.events)
    actors = {event.actor["id"]: event.actor for event in backlog.events if event.actor is not None}
    return {user_id: Reader(actors[user_id], seq) for user_id, seq in read_up_to.items()}


def _lesson_of(backlog: Backlog) -> str:
    return _lesson_id(backlog.stream)


def _lesson_id(stream: str) -> str:
    return stream_named(stream).owner_id
