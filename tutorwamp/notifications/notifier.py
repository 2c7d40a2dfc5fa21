"""Project the streams of lessons and their chats into notifications, each event once, whatever dies in between.

Announcements only wake it up. What is projected is read from the streams, from where the last projection ended, and the
new position and the notifications are one transaction (N3): what a process that died has left, the next one projects.
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
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.topics import Topic, stream_named
from tutorwamp.lessons.contracts import STATE_TOPIC, LessonChanged, LessonCreated, LessonDirectory
from tutorwamp.notifications import rules
from tutorwamp.notifications.contracts import Acquaintance, Connected, NotificationsChanged
from tutorwamp.notifications.counts import UnreadCounts
from tutorwamp.notifications.rules import NotificationDraft
from tutorwamp.notifications.settings import NotificationsSettings
from tutorwamp.notifications.store import Backlog, NotificationsStore, OvertakenError
from tutorwamp.notifications.writing import Counted, New, Seen, reading

log = get_logger(__name__)

PATIENCE_S: Final = 1.0
"""What a lively chat says within it is projected together: at most one transaction a second for each lesson."""
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
        """Project what nobody has projected; how many streams. To be called at the start and every so often."""
        behind = await self._store.behind(STREAMS_AT_ONCE)
        for stream in behind:
            await _alone(self.project(stream), stream)
        return len(behind)

    async def remind(self) -> int:
        """N7: tell people of lessons that begin soon; how many lessons. To be called several times a minute."""
        now = self._clock()
        soon = await self._lessons.starting(now, now + self._settings.starting_ahead)
        reminded = 0
        for lesson in soon:
            # By person: who is added when the others were reminded is reminded as well.
            reminder = [
                one for one in rules.starting(lesson.plain()) if (one.user_id, one.source) not in self._reminded
            ]
            if not reminder:
                continue
            if await _alone(self._add(reminder), lesson.id):
                self._reminded.update(dict.fromkeys((one.user_id, one.source) for one in reminder))
                reminded += 1
        while len(self._reminded) > REMINDERS_REMEMBERED:
            del self._reminded[next(iter(self._reminded))]
        return reminded

    async def project(self, stream: str) -> None:
        """Project all of a lesson's stream that is not projected yet."""
        for _ in range(TRIES_AT_MOST):
            backlog = await self._store.backlog(stream)
            try:
                name = stream_named(stream)
                lesson = (await self._lessons.lesson(name.owner_id)).plain()
            except NotFound:
                return
            if backlog.seq is not None and not backlog.events:
                return
            drafts, members = await self._drafts(name.topic, backlog, lesson)
            seen = await self._seen(name.owner_id, backlog) if name.topic is CHAT_TOPIC else []
            try:
                await self._add(drafts, backlog, members, seen)
            except OvertakenError:
                continue
            if not backlog.events:
                return

    async def _drafts(
        self, topic: Topic, backlog: Backlog, lesson: Mapping[str, Any]
    ) -> tuple[list[NotificationDraft], Sequence[str]]:
        if topic is STATE_TOPIC:
            return _of_state(backlog, lesson)
        members = rules.members_of(lesson)
        absent = set(members) - await self._connected.connected(members)
        drafts = [one for event in backlog.events for one in rules.said(event.plain(), lesson, sorted(absent))]
        read_up_to = _read_up_to(backlog)
        return [one for one in drafts if one.data["seq"] > read_up_to.get(one.user_id, 0)], members

    async def _seen(self, lesson_id: str, backlog: Backlog) -> list[Seen]:
        """What people have read in the chat itself, and are told of still. Nobody adds to it while we project this."""
        read_up_to = _read_up_to(backlog)
        if not read_up_to:
            return []
        unread = await self._store.unread_of_chat(lesson_id, read_up_to)
        readers = {event.actor["id"]: event.actor for event in backlog.events if event.actor is not None}
        return [Seen(tuple(ids), reading(readers[one], self._clock())) for one, ids in sorted(unread.items())]

    async def _add(
        self,
        drafts: Iterable[NotificationDraft],
        backlog: Backlog | None = None,
        members: Sequence[str] = (),
        seen: Sequence[Seen] = (),
    ) -> None:
        new = [New(new_id(), one) for one in await self._with_acquaintance(list(drafts))]
        people = sorted({one.notification.user_id for one in new} | {one.draft.subject for one in seen})

        async def change() -> list[StreamEvent]:
            return await self._store.add(new, self._clock(), backlog=backlog, members=members, seen=seen)

        for event in (await self._counts.changing(people, change, _counted)).result:
            self._events.announce(NotificationsChanged(event))

    async def _with_acquaintance(self, drafts: Sequence[NotificationDraft]) -> list[NotificationDraft]:
        """P8: with the word whether the tutor whose doing it is has ever taught them; all are of one lesson."""
        tutor_id = next((one.tutor_id for one in drafts if one.tutor_id is not None), None)
        if tutor_id is None:
            return list(drafts)
        known = await self._acquaintance.taught(tutor_id, sorted({one.user_id for one in drafts}))
        return [replace(one, is_known=one.user_id in known or one.user_id == tutor_id) for one in drafts]

    def _soon(self, stream: str, patience_s: float) -> None:
        if self._working and stream not in self._due:
            self._due[stream] = self._reactor.callLater(patience_s, self._project_due, stream)

    def _project_due(self, stream: str) -> None:
        del self._due[stream]
        projecting = Deferred.fromCoroutine(self.project(stream))
        # Not lost: the next look for what is behind finds it.
        projecting.addErrback(lambda failure: log.warning("not projected", stream=stream, error=repr(failure.value)))


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


def _of_state(backlog: Backlog, lesson: Mapping[str, Any]) -> tuple[list[NotificationDraft], Sequence[str]]:
    drafts: list[NotificationDraft] = []
    members: Sequence[str] | None = backlog.members
    if backlog.seq is None:
        # Who was invited first is not known once the lesson has changed: its people now are invited.
        drafts += rules.planned(lesson)
        members = rules.members_of(lesson)
    for event in backlog.events:
        plain = event.plain()
        after = rules.members_of(plain["data"])
        drafts += rules.changed(plain, after if members is None else members)
        members = after
    return drafts, members or ()


def _read_up_to(backlog: Backlog) -> dict[str, int]:
    return rules.read_up_to(event.plain() for event in backlog.events)


def _counted(events: Iterable[StreamEvent]) -> dict[str, Counted]:
    """By person, the count as of their last event."""
    return {event.stream.split(".")[2]: Counted(event.seq, event.data["unread_count"]) for event in events}
