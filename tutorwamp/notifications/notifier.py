"""Turn what lessons and chat announce into notifications, once, whatever dies in between.

Announcements only wake it up. What is turned is read from the lessons' streams, from where the last turn ended, and the
turn and its notifications are one transaction (N3): what a process that died did not turn, the next one does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from tutorwamp.chat.contracts import CHAT_TOPIC, ChatChanged
from tutorwamp.kernel.contracts import Clock, StreamEvent, new_id
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.observability import get_logger
from tutorwamp.kernel.topics import Topic, stream_named
from tutorwamp.lessons.contracts import STATE_TOPIC, LessonChanged, LessonCreated, LessonDirectory
from tutorwamp.notifications import rules
from tutorwamp.notifications.contracts import Acquaintance, Connected, NotificationsChanged
from tutorwamp.notifications.counts import UnreadCounts
from tutorwamp.notifications.rules import Told
from tutorwamp.notifications.settings import NotificationsSettings
from tutorwamp.notifications.store import NotificationsStore, OvertakenError, Turning
from tutorwamp.notifications.writing import Counted, New, Seen, reading

log = get_logger(__name__)

PATIENCE_S: Final = 1.0
"""What a lively chat says within it is turned together: at most one transaction a second for each lesson."""
TRIES_AT_MOST: Final = 5
STREAMS_AT_ONCE: Final = 200
"""Of those that are behind, in one look."""
REMINDERS_REMEMBERED: Final = 10_000


class Notifier:
    """Writes notifications; the database sees to it that several of them write each one once."""

    def __init__(
        self,
        store: NotificationsStore,
        counts: UnreadCounts,
        lessons: LessonDirectory,
        acquaintance: Acquaintance,
        connected: Connected,
        events: Events,
        *,
        settings: NotificationsSettings,
        clock: Clock,
        reactor: IReactorTime,
    ) -> None:
        self._store = store
        self._counts = counts
        self._lessons = lessons
        self._acquaintance = acquaintance
        self._connected = connected
        self._events = events
        self._settings = settings
        self._clock = clock
        self._reactor = reactor
        self._due: dict[str, IDelayedCall] = {}
        self._reminded: dict[tuple[str, str], None] = {}
        self._working = False
        events.listen(LessonCreated, lambda created: self._soon(STATE_TOPIC.of(created.lesson.id), 0))
        events.listen(LessonChanged, lambda changed: self._soon(changed.event.stream, 0))
        events.listen(ChatChanged, lambda changed: self._soon(changed.event.stream, PATIENCE_S))

    def start(self) -> None:
        """Work from now on; a process that does not (the command line) leaves it to those that do."""
        self._working = True

    async def catch_up(self) -> int:
        """Turn what nobody has turned; how many streams. To be called at the start and every so often."""
        behind = await self._store.behind(STREAMS_AT_ONCE)
        for stream in behind:
            await _alone(self.turn(stream), stream)
        return len(behind)

    async def remind(self) -> int:
        """N7: tell people of lessons that begin soon; how many lessons. To be called several times a minute."""
        now = self._clock()
        soon = await self._lessons.starting(now, now + self._settings.starting_ahead)
        told = 0
        for lesson in soon:
            # By person: who is added when the others were reminded is reminded as well.
            reminder = [
                one for one in rules.starting(lesson.plain()) if (one.user_id, one.source) not in self._reminded
            ]
            if not reminder:
                continue
            if await _alone(self._add(reminder), lesson.id):
                self._reminded.update(dict.fromkeys((one.user_id, one.source) for one in reminder))
                told += 1
        while len(self._reminded) > REMINDERS_REMEMBERED:
            del self._reminded[next(iter(self._reminded))]
        return told

    async def turn(self, stream: str) -> None:
        """Turn all of a lesson's stream that is not turned yet."""
        for _ in range(TRIES_AT_MOST):
            turning = await self._store.turning(stream)
            try:
                name = stream_named(stream)
                lesson = (await self._lessons.lesson(name.owner_id)).plain()
            except NotFound:
                return
            if turning.seq is not None and not turning.events:
                return
            told, members = await self._told(name.topic, turning, lesson)
            seen = await self._seen(name.owner_id, turning) if name.topic is CHAT_TOPIC else []
            try:
                await self._add(told, turning, members, seen)
            except OvertakenError:
                continue
            if not turning.events:
                return

    async def _told(
        self, topic: Topic, turning: Turning, lesson: Mapping[str, Any]
    ) -> tuple[list[Told], Sequence[str]]:
        if topic is STATE_TOPIC:
            return _of_state(turning, lesson)
        members = rules.members_of(lesson)
        absent = set(members) - await self._connected.connected(members)
        told = [one for event in turning.events for one in rules.said(event.plain(), lesson, sorted(absent))]
        read_up_to = _read_up_to(turning)
        return [one for one in told if one.data["seq"] > read_up_to.get(one.user_id, 0)], members

    async def _seen(self, lesson_id: str, turning: Turning) -> list[Seen]:
        """What people have read in the chat itself, and are told of still. Nobody adds to it while we turn this."""
        read_up_to = _read_up_to(turning)
        if not read_up_to:
            return []
        unread = await self._store.unread_of_chat(lesson_id, read_up_to)
        readers = {event.actor["id"]: event.actor for event in turning.events if event.actor is not None}
        return [Seen(tuple(ids), reading(readers[one], self._clock())) for one, ids in sorted(unread.items())]

    async def _add(
        self,
        told: Iterable[Told],
        turned: Turning | None = None,
        members: Sequence[str] = (),
        seen: Sequence[Seen] = (),
    ) -> None:
        new = [New(new_id(), one) for one in await self._with_acquaintance(list(told))]
        people = sorted({one.told.user_id for one in new} | {one.draft.subject for one in seen})

        async def change() -> list[StreamEvent]:
            return await self._store.add(new, self._clock(), turned=turned, members=members, seen=seen)

        for event in (await self._counts.changing(people, change, _counted)).result:
            self._events.announce(NotificationsChanged(event))

    async def _with_acquaintance(self, told: Sequence[Told]) -> list[Told]:
        """P8: with the word whether the tutor whose doing it is has ever taught them; all are of one lesson."""
        tutor_id = next((one.tutor_id for one in told if one.tutor_id is not None), None)
        if tutor_id is None:
            return list(told)
        known = await self._acquaintance.taught(tutor_id, sorted({one.user_id for one in told}))
        return [replace(one, is_known=one.user_id in known or one.user_id == tutor_id) for one in told]

    def _soon(self, stream: str, patience_s: float) -> None:
        if self._working and stream not in self._due:
            self._due[stream] = self._reactor.callLater(patience_s, self._turn_due, stream)

    def _turn_due(self, stream: str) -> None:
        del self._due[stream]
        turning = Deferred.fromCoroutine(self.turn(stream))
        # Not lost: the next look for what is behind finds it.
        turning.addErrback(lambda failure: log.warning("not turned", stream=stream, error=repr(failure.value)))


async def _alone(doing: Awaitable[None], about: str) -> bool:
    """Whether it was done. One lesson that cannot be told must not hold up the others; the next look tries again."""
    try:
        await doing
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is
        log.warning("not told", about=about, error=repr(error))
        return False
    return True


def _of_state(turning: Turning, lesson: Mapping[str, Any]) -> tuple[list[Told], Sequence[str]]:
    told: list[Told] = []
    members: Sequence[str] | None = turning.members
    if turning.seq is None:
        # Who was invited first is not known once the lesson has changed: its people now are invited.
        told += rules.planned(lesson)
        members = rules.members_of(lesson)
    for event in turning.events:
        plain = event.plain()
        after = rules.members_of(plain["data"])
        told += rules.changed(plain, after if members is None else members)
        members = after
    return told, members or ()


def _read_up_to(turning: Turning) -> dict[str, int]:
    return rules.read_up_to(event.plain() for event in turning.events)


def _counted(events: Iterable[StreamEvent]) -> dict[str, Counted]:
    """By person, the count as of their last event."""
    return {event.stream.split(".")[2]: Counted(event.seq, event.data["unread_count"]) for event in events}
