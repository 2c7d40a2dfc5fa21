"""Project the streams of lessons and their chats into notifications, each event once, whatever dies in between.

Announcements wake it up, and say whether there may be anything to tell: while every member of a lesson is connected
nobody asks the database for its chat. What is told is read from the streams, from where the last projection ended, and
the new position and the notifications are one transaction (N3): what a process that died has left, the next one
projects. See docs/decisions/0025-the-notifier-costs-what-there-is-to-tell.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IReactorTime

from tutorwamp.chat.contracts import ChatChanged
from tutorwamp.kernel.contracts import Clock, StreamEvent, new_id
from tutorwamp.kernel.errors import Retryable, TutorwampError
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.lessons.contracts import STATE_TOPIC, LessonChanged, LessonCreated, LessonDirectory
from tutorwamp.notifications import rules
from tutorwamp.notifications.contracts import Connected, NotificationsChanged, Rooms
from tutorwamp.notifications.counts import UnreadCounts
from tutorwamp.notifications.heard import Heard
from tutorwamp.notifications.looks import Looks
from tutorwamp.notifications.progress import Known
from tutorwamp.notifications.rules import NotificationDraft
from tutorwamp.notifications.settings import NotificationsSettings
from tutorwamp.notifications.store import Added, Look, NotificationsStore
from tutorwamp.notifications.writing import Counted, New

log = get_logger(__name__)

PATIENCE_S: Final = 1.0
"""What all chats say within it is looked at together."""
TRIES_AT_MOST: Final = 5
"""Of streams that other processes project at the same time."""
STREAMS_AT_ONCE: Final = 200
"""Of those that are behind, in one look."""
STREAMS_TOGETHER: Final = 50
"""Projected together."""
FINISH_WITHIN_S: Final = 4.0
"""At stop; as the push dispatcher."""
TOLD_TOGETHER: Final = 50
"""Notifications in one transaction, or one lesson's: sends wait for it, and it takes some ten milliseconds."""
REMEMBERED: Final = 10_000
"""Streams, and reminders."""


class Notifier:
    """Writes notifications; the database sees to it that several of them write each one once."""

    def __init__(
        self,
        store: NotificationsStore,
        counts: UnreadCounts,
        lessons: LessonDirectory,
        rooms: Rooms,
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
        self._looks = Looks(store, lessons, rooms, connected, clock=clock)
        self._events = events
        self._settings = settings
        self._clock = clock
        self._reactor = reactor
        self._due: dict[float, dict[str, Heard]] = {}
        """By the patience there is with them."""
        self._known: dict[str, Known] = {}
        self._turns = DeferredLock()
        self._reminded: dict[tuple[str, str], None] = {}
        self._working = False
        events.listen(LessonCreated, lambda created: self._hear(STATE_TOPIC.of(created.lesson.id), None, 0.0))
        events.listen(LessonChanged, lambda changed: self._hear(changed.event.stream, changed.event, 0.0))
        events.listen(ChatChanged, lambda changed: self._hear(changed.event.stream, changed.event, PATIENCE_S))

    def start(self) -> None:
        """Work from now on; a process that does not (the command line) leaves it to those that do."""
        self._working = True

    async def stop(self) -> None:
        """Begin nothing more, and write how far everything is projected: nobody has to look at it again."""
        self._working = False
        kept = self._turns.run(lambda: Deferred.fromCoroutine(self._keep()))
        with contextlib.suppress(Late, TutorwampError):  # then the next process looks at it once more
            await kept.addTimeout(FINISH_WITHIN_S, self._reactor)

    async def catch_up(self) -> int:
        """Project what nobody has projected; how many streams. To be called every so often.

        How far streams are projected of which nothing was told is written here, for all of them together.
        """
        behind: int = await self._turns.run(lambda: Deferred.fromCoroutine(self._catch_up()))
        return behind

    async def _catch_up(self) -> int:
        await self._keep()
        due = {stream for heard in self._due.values() for stream in heard}  # these have their turn
        behind = await self._store.behind(STREAMS_AT_ONCE)
        left = [
            stream
            for stream, head in behind.items()
            if stream not in due and (stream not in self._known or self._known[stream].seq < head)
        ]
        await self._project(left, announced=False)
        await self._keep()
        return len(left)

    async def remind(self) -> int:
        """N7: tell people of lessons that begin soon; how many lessons. To be called several times a minute."""
        now = self._clock()
        soon = await self._lessons.starting(now, now + self._settings.starting_ahead)
        # By person: who is added when the others were reminded is reminded as well.
        told = [
            [one for one in rules.starting(lesson.plain()) if (one.user_id, one.source) not in self._reminded]
            for lesson in soon
        ]
        looks = [_made_of_none(drafts) for drafts in told if drafts]
        reminded = 0
        for batch in _batches(looks):
            for look in await self._each(batch):
                drafts = [new.notification for new in look.new]
                self._reminded.update(dict.fromkeys((one.user_id, one.source) for one in drafts))
                reminded += 1
        while len(self._reminded) > REMEMBERED:
            del self._reminded[next(iter(self._reminded))]
        return reminded

    async def _each(self, looks: Sequence[Look]) -> Sequence[Look]:
        """Tell them together, or where that cannot be, each alone; those that are told."""
        try:
            await self._add(looks)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is; the next look tries again
            log.warning("not told", about=looks[0].about, together=len(looks), error=repr(error))
            if len(looks) == 1 or isinstance(error, Retryable):
                return ()
            return [one for look in looks for one in await self._each([look])]
        return looks

    # What was announced

    def _hear(self, stream: str, event: StreamEvent | None, patience_s: float) -> None:
        if not self._working:
            return
        if patience_s not in self._due:
            self._due[patience_s] = {}
            self._reactor.callLater(patience_s, self._turn_due, patience_s)
        heard = self._due[patience_s].setdefault(stream, Heard())
        if event is not None:
            heard.hear(event)

    def _turn_due(self, patience_s: float) -> None:
        turning = self._turns.run(lambda: Deferred.fromCoroutine(self._turn(patience_s)))
        # Not lost: the next look for what is behind finds it.
        turning.addErrback(lambda failure: log.warning("not projected", error=repr(failure.value)))

    async def _turn(self, patience_s: float) -> None:
        heard = self._due.pop(patience_s)
        if not self._working:
            return
        settled = await self._looks.settled(heard, self._known)
        for stream in settled:
            known = self._known[stream]
            self._note(stream, Known(heard[stream].up_to, known.kept, known.members))
        await self._project([stream for stream in heard if stream not in settled], announced=True)

    # What is read from the streams

    async def _project(self, streams: Iterable[str], *, announced: bool) -> None:
        left, tries = list(streams), 0
        while left and tries < TRIES_AT_MOST:
            batch, left = left[:STREAMS_TOGETHER], left[STREAMS_TOGETHER:]
            try:
                overtaken, again = await self.project(batch, announced=announced)
            except CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  # whatever it is; the next look tries again
                log.warning("not told", about=batch[0], together=len(batch), error=repr(error))
                if isinstance(error, Retryable):
                    return  # the database is away
                if len(batch) > 1:  # one that cannot be told must not hold up the others
                    for stream in batch:
                        await self._project([stream], announced=announced)
                continue
            left += [*again, *overtaken]
            tries += bool(overtaken)

    async def project(self, streams: Sequence[str], *, announced: bool) -> tuple[set[str], list[str]]:
        """Project these streams, a part where it is much. Where others were quicker, and where something is left."""
        known = {stream: self._known.pop(stream, None) for stream in streams}  # where it fails nobody knows
        looks = await self._looks.at(known, announced=announced)
        telling = [look for look in looks if look.new or look.seen]
        overtaken: set[str] = set()
        for batch in _batches(telling):
            overtaken |= (await self._add(batch)).overtaken
        for look in looks:
            if look.backlog is not None and look.backlog.stream not in overtaken:
                self._note(look.backlog.stream, look.backlog.known(kept=look in telling))
        left = [look.backlog for look in looks if look.backlog is not None and not look.backlog.is_whole]
        return overtaken, [one.stream for one in left if one.stream not in overtaken]

    async def _add(self, looks: Sequence[Look]) -> Added:
        people = {one.notification.user_id for look in looks for one in look.new}
        people |= {one.draft.subject for look in looks for one in look.seen}

        async def change() -> Added:
            return await self._store.add(looks, self._clock())

        added = (await self._counts.changing(sorted(people), change, _counted)).result
        for event in added.events:
            self._events.announce(NotificationsChanged(event))
        return added

    def _note(self, stream: str, known: Known) -> None:
        self._known.pop(stream, None)
        self._known[stream] = known  # the one that was quiet for longest comes first

    async def _keep(self) -> None:
        """Write how far streams are projected of which nothing was told."""
        unkept = {stream: one for stream, one in self._known.items() if not one.is_kept}
        kept = await self._store.keep(unkept) if unkept else frozenset()
        for stream, one in unkept.items():
            if self._known.get(stream) is not one:  # it has gone on meanwhile
                continue
            if stream in kept:
                self._known[stream] = Known(one.seq, one.seq, one.members)
            else:
                del self._known[stream]
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]


def _made_of_none(drafts: Iterable[NotificationDraft]) -> Look:
    return Look(None, tuple(New(new_id(), one) for one in drafts))


def _batches(looks: Iterable[Look]) -> list[list[Look]]:
    """So many together that a transaction stays small; never a part of one."""
    batches: list[list[Look]] = []
    room = 0
    for look in looks:
        size = len(look.new) + len(look.seen)
        if size > room:
            batches.append([])
            room = TOLD_TOGETHER
        batches[-1].append(look)
        room -= size
    return batches


def _counted(added: Added) -> Mapping[str, Counted]:
    """By person, the count as of their last event."""
    return {event.stream.split(".")[2]: Counted(event.seq, event.data["unread_count"]) for event in added.events}
