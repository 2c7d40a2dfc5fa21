"""What happens in a classroom: rules change, hands go up, a timer runs, who has gone for good is there no longer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from twisted.internet.defer import Deferred, DeferredLock

from tutorwamp.accounts.contracts import People, Person
from tutorwamp.gate.contracts import Gate
from tutorwamp.kernel.contracts import Caller, Clock
from tutorwamp.kernel.errors import NotFound, TutorwampError, Unavailable
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.limits import CallLimits
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.streams import Draft, key_for
from tutorwamp.kernel.topics import topics
from tutorwamp.lessons import rules
from tutorwamp.lessons.access import LessonAccess
from tutorwamp.lessons.attendance import PresentElsewhereError
from tutorwamp.lessons.contracts import OPEN_STATES, STATE_TOPIC, TYPING_TOPIC, Lesson, LessonChanged, PresenceChanged
from tutorwamp.lessons.presence import Presence
from tutorwamp.lessons.store import LessonsStore, Requirement
from tutorwamp.lessons.values import RaiseHand, SetRules, SetTimer
from tutorwamp.lessons.writing import Changed, Decide, StaleVersionError

log = get_logger(__name__)

TRIES_AT_MOST: Final = 5
"""Of a change that others keep overtaking; each try has read the newest version."""


class Classroom(LessonAccess):
    """Rules, hands, the timer, who counts as there; and how a lesson is changed where others change it too."""

    def __init__(
        self,
        store: LessonsStore,
        people: People,
        gate: Gate,
        events: Events,
        presence: Presence,
        limits: CallLimits,
        *,
        remembered: int,
        clock: Clock,
    ) -> None:
        super().__init__(store, people, remembered=remembered)
        self._gate = gate
        self._events = events
        self._limits = limits
        self._clock = clock
        self._presence = presence
        self._roster = presence.roster
        self._letting_type = DeferredLock()
        self._settling = DeferredLock()  # who comes back while it is written that they went is written after that
        events.listen(PresenceChanged, self._somebody_left)

    async def set_rules(self, caller: Caller, asked: SetRules) -> Lesson:
        """Say what students may do. Raises NotFound, Forbidden, WrongState or Invalid."""
        return await self._rule(caller, asked.lesson_id, lambda lesson: rules.set_rules(lesson, asked))

    async def mute(self, caller: Caller, lesson_id: str, user_id: str) -> None:
        """Let a student only read, beside those who do already. Raises as ``set_rules`` does."""

        def decide(lesson: Lesson) -> Lesson:
            muted = list(dict.fromkeys([*lesson.rules.muted, user_id]))
            return rules.set_rules(lesson, SetRules(lesson_id=lesson_id, muted=muted))

        await self._rule(caller, lesson_id, decide)

    async def _rule(self, caller: Caller, lesson_id: str, decide: Decide) -> Lesson:
        before, after = await self._change(caller, lesson_id, "rules.changed", decide)
        await self._let_type(before, after)
        return after

    async def raise_hand(self, caller: Caller, asked: RaiseHand) -> Lesson:
        """Raise a hand, or lower it. Raises NotFound, Forbidden or WrongState."""
        now = self._clock()
        return await self._revise(
            caller, asked.lesson_id, "hand.changed", lambda lesson: rules.raise_hand(caller, lesson, asked, now)
        )

    async def set_timer(self, caller: Caller, asked: SetTimer) -> Lesson:
        """Say when the time is over. Raises NotFound, Forbidden, WrongState or Invalid."""
        now = self._clock()

        def decide(lesson: Lesson) -> Lesson:
            rules.require_moderator(caller, lesson)
            return rules.set_timer(lesson, asked, now)

        return await self._revise(caller, asked.lesson_id, "timer.changed", decide)

    async def _change(
        self,
        caller: Caller,
        lesson_id: str,
        event_type: str,
        decide: Decide,
        more: dict[str, object] | None = None,
    ) -> tuple[Lesson, Lesson]:
        """Read, decide, write where nobody was quicker, announce."""
        actor = await self._people.person(caller.user_id)

        async def read() -> Lesson:
            before = (await self.admit(caller, lesson_id, fresh=True)).lesson
            rules.require_moderator(caller, before)
            return before

        return await self._replace(read, event_type, actor, decide, more)

    async def _change_by_time(
        self, lesson_id: str, event_type: str, decide: Decide, *, if_tutor_absent: bool = False
    ) -> Lesson:
        """The same without anybody who asks: the actor is the system."""
        _, after = await self._replace(
            lambda: self._read_anew(lesson_id), event_type, None, decide, if_tutor_absent=if_tutor_absent
        )
        return after

    async def _read_anew(self, lesson_id: str) -> Lesson:
        self._lessons.forget(lesson_id)
        return await self._lessons.get(lesson_id)

    async def _replace(
        self,
        read: Callable[[], Awaitable[Lesson]],
        event_type: str,
        actor: Person | None,
        decide: Decide,
        more: dict[str, object] | None = None,
        *,
        if_tutor_absent: bool = False,
        only_if: Requirement | None = None,
    ) -> tuple[Lesson, Lesson]:
        draft = self._drafting(event_type, actor, more)
        for _ in range(TRIES_AT_MOST):
            before = await read()
            after = decide(before)
            if after is before:
                return before, before
            try:
                changed = await self._store.change(
                    before, after, draft, if_tutor_absent=if_tutor_absent, only_if=only_if
                )
            except StaleVersionError:
                continue
            self._lessons.forget(after.id)
            if changed.event is not None:
                self._events.announce(LessonChanged(changed.event, before, changed.after, changed.followed))
            return before, changed.after
        raise Unavailable("The lesson is being changed by others just now.")

    async def _revise(self, caller: Caller, lesson_id: str, event_type: str, decide: Decide) -> Lesson:
        actor = await self._people.person(caller.user_id)
        draft = self._drafting(event_type, actor)

        def decide_as_member(lesson: Lesson) -> Lesson:
            if not rules.belongs(caller, lesson):
                raise NotFound("There is no such lesson.")
            return decide(lesson)

        for _ in range(TRIES_AT_MOST):
            lesson = (await self.admit(caller, lesson_id, fresh=True)).lesson
            try:
                changed = await self._revised(lesson, decide_as_member, draft)
            except StaleVersionError:
                continue
            if changed.event is not None:
                # A few bytes are asked, and the whole lesson is written into its stream each time.
                self._limits.charge_written(caller.user_id, len(changed.after.model_dump_json().encode()))
            return changed.after
        raise Unavailable("The lesson is being changed by others just now.")

    async def _revised(
        self, lesson: Lesson, decide: Decide, draft: Callable[[Lesson], Draft], gone: str | None = None
    ) -> Changed:
        people = {person.id: person for person in (lesson.tutor, *lesson.students)}
        left = None if gone is None else (gone, self._clock())
        changed = await self._store.revise(lesson.id, people, decide, draft, gone=left)
        if changed.event is not None:
            self._lessons.forget(lesson.id)
            self._events.announce(LessonChanged(changed.event, changed.before, changed.after))
        return changed

    def _drafting(
        self, event_type: str, actor: Person | None, more: dict[str, object] | None = None
    ) -> Callable[[Lesson], Draft]:
        """Makes the event of what becomes of a lesson; one key for all tries."""
        key, now = key_for(None), self._clock()

        def draft(after: Lesson) -> Draft:
            data = {**after.plain(), **(more or {})}
            return Draft(
                stream=STATE_TOPIC.of(after.id),
                guard=None,
                type=event_type,
                at=now,
                actor=None if actor is None else actor.plain(),
                key=key,
                digest="",
                subject=after.id,
                data=lambda _seq: data,
            )

        return draft

    # who says that they are typing

    def _members_topics(self, caller: Caller, lesson: Lesson) -> list[str]:
        """Where somebody may publish. Who may not write in the chat does not tell that they are typing (L24)."""
        is_silent = rules.silence(caller, lesson) is not None
        theirs = [topic for topic in topics("lesson") if topic.publisher == "members"]
        return [topic.of(lesson.id) for topic in theirs if not (is_silent and topic is TYPING_TOPIC)]

    async def _let_type(self, before: Lesson, after: Lesson, only: int | None = None) -> None:
        """The same for those who are in the room, or one session, when the lesson has changed; in its order."""
        await self._letting_type.run(lambda: Deferred.fromCoroutine(self._open_and_close_typing(before, after, only)))

    async def _open_and_close_typing(self, before: Lesson, after: Lesson, only: int | None) -> None:
        typing = [TYPING_TOPIC.of(after.id)]
        for session, person in self._roster.sessions(after.id):
            if only not in (None, session) or (session, person) not in self._roster.sessions(after.id):
                continue  # who has gone while others were told is not let in again
            caller = Caller(person.id, person.role, session)
            was_silent, is_silent = (rules.silence(caller, lesson) is not None for lesson in (before, after))
            if is_silent and not was_silent:
                await self._gate.revoke_grants(after.id, session=session, publish=typing)
            elif was_silent and not is_silent:
                await self._gate.grant(session, after.id, subscribe=[], publish=typing)

    # who counts as there

    def _somebody_left(self, moved: PresenceChanged) -> None:
        if moved.type == "participant.left":
            self._presence.unsettle(moved.lesson_id, moved.participant.person.id)

    async def _settle_all(self) -> None:
        """L25, L26: write of whoever came or went, and of whom a crash has left, whether they count as there."""
        for lesson_id, user_id in self._presence.unsettled():
            await self._settle(lesson_id, user_id)

    async def _settle(self, lesson_id: str, user_id: str) -> None:
        """The same of one person, where there is anything to write. What fails is tried again with the next look."""
        if not self._presence.take_unsettled(lesson_id, user_id):
            return
        try:
            await self._settling.run(lambda: Deferred.fromCoroutine(self._write_presence(lesson_id, user_id)))
        except (NotFound, PresentElsewhereError):
            pass  # another node will say when they have gone
        except (StaleVersionError, TutorwampError) as error:
            log.warning("who counts as there is written later", lesson=lesson_id, error=str(error))
            self._presence.unsettle(lesson_id, user_id)

    async def _write_presence(self, lesson_id: str, user_id: str) -> None:
        if (await self._lessons.get(lesson_id)).state not in OPEN_STATES:  # as of most who leave: at the lesson's end
            return
        lesson, there = await self._read(lesson_id), self._presence.has(lesson_id, user_id)
        if user_id == lesson.tutor.id:
            if there:
                await self._presence.kept()  # before it is asked on another node whether they are here
            await self._store.attend(lesson_id, self._clock(), there=there)
            after = await self._read_anew(lesson_id)  # its rules may have changed while that was written
            await self._let_type(after.model_copy(update={"attended": not there}), after)
        elif not there and any(hand.person.id == user_id for hand in lesson.hands):
            draft = self._drafting("hand.changed", None)
            await self._revised(lesson, lambda now: rules.lower(now, {user_id}), draft, user_id)
