"""What happens on the board: changes, pages, reading it as it is and as it was."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import deque
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final

from twisted.internet.defer import Deferred

from tutorwamp.accounts.contracts import People
from tutorwamp.board import rules
from tutorwamp.board.contracts import (
    BOARD_TOPIC,
    AddPage,
    BoardAt,
    BoardChanged,
    BoardPage,
    BoardState,
    Change,
    ClearBoard,
    OpenBoard,
    PageChanged,
    Plain,
    Put,
    Rejected,
    RemovePage,
    SubmitChanges,
    Submitted,
    named,
)
from tutorwamp.board.settings import BoardSettings
from tutorwamp.board.store import BoardStore
from tutorwamp.board.ticks import PendingCall, Ticks
from tutorwamp.board.writing import Accepted, MalformedChange, PageWish, Submission, Tick
from tutorwamp.kernel.contracts import Caller, Clock, new_id
from tutorwamp.kernel.edges.arguments import size_of
from tutorwamp.kernel.errors import Forbidden, TutorwampError
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.limits import UPLOADED, WRITTEN, CallLimits
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.streams import LETS_NOTHING_NEW_IN, digest_of, key_for
from tutorwamp.lessons.contracts import Admission, LessonAccessChecker

log = get_logger(__name__)

Line = deque[tuple[Deferred[PendingCall], Deferred[Accepted]]]
"""One person's calls to one board that are not in a tick yet."""

REMEMBERED_FOR: Final = timedelta(hours=24)
"""Tombstones and answers to a client_id: the contract's time."""


class BoardService:
    """Everything that happens on boards."""

    def __init__(
        self,
        store: BoardStore,
        access: LessonAccessChecker,
        people: People,
        events: Events,
        limits: CallLimits,
        *,
        settings: BoardSettings,
        clock: Clock,
        reactor: Any,
    ) -> None:
        self._limits = limits
        self._store = store
        self._access = access
        self._people = people
        self._events = events
        self._clock = clock
        self._ticks = Ticks(reactor, settings.tick.total_seconds(), commit=self._commit, readmit=self._readmit)
        self._lines: dict[tuple[str, str], Line] = {}
        self._snapshots_under_way: set[str] = set()

    async def open(self, caller: Caller, asked: OpenBoard) -> BoardState:
        """The board and its position. Raises NotFound (the lesson, or a page)."""
        await self._access.admit(caller, asked.lesson_id, fresh=True)
        return _state(await self._store.read(asked.lesson_id, BOARD_TOPIC.of(asked.lesson_id), asked.pages))

    async def at(self, caller: Caller, asked: BoardAt) -> BoardState:
        """The board as it was. Raises NotFound, or Invalid beyond the head."""
        await self._access.admit(caller, asked.lesson_id, fresh=True)
        return _state(await self._store.read_at(asked.lesson_id, BOARD_TOPIC.of(asked.lesson_id), asked.seq))

    async def submit(self, caller: Caller, asked: SubmitChanges, *, part: int = 0) -> Submitted:
        """Draw. Raises NotFound, WrongState, Muted, Conflict (client_id) or Unavailable; each change is answered.

        ``part``: which of several submissions under one client_id.
        """
        changes = [_read(raw) for raw in asked.changes]
        content = [] if asked.client_id is None else [_content(change) for change in changes]
        size = size_of(asked.changes)
        pending = self._pending_call(caller, asked.lesson_id, changes, asked.client_id, content, size, part)
        return _submitted(await self._in_line(caller, asked.lesson_id, pending))

    async def draw(
        self, caller: Caller, lesson_id: str, changes: Sequence[Change], client_id: str, *, size: int, part: int
    ) -> Submitted:
        """As ``submit``, what the board itself has made: nobody has to look again how large and of which form it is.

        ``client_id`` and ``part`` say what it is, down to the ids; ``size`` is the elements' bytes.
        """
        content = [change.id for change in changes]
        pending = self._pending_call(caller, lesson_id, changes, client_id, content, size, part)
        return _submitted(await self._in_line(caller, lesson_id, pending))

    async def add_page(self, caller: Caller, asked: AddPage, *, part: int = 0) -> PageChanged:
        """A new last page. Raises NotFound, WrongState, Muted, NoPen, Full or Conflict. ``part``: as in ``submit``."""
        return await self._turn(caller, asked, PageWish("page.added", asked.page or new_id()), part)

    async def remove_page(self, caller: Caller, asked: RemovePage) -> PageChanged:
        """Take a page away. Raises NotFound, WrongState, Muted, NoPen or Conflict (the last one)."""
        return await self._turn(caller, asked, PageWish("page.removed", asked.page))

    async def clear(self, caller: Caller, asked: ClearBoard) -> PageChanged:
        """Empty a page or all. Raises NotFound, WrongState, Muted or NoPen."""
        return await self._turn(caller, asked, PageWish("board.cleared", asked.page))

    async def require_member(self, caller: Caller, lesson_id: str) -> None:
        """Raises NotFound."""
        await self._access.admit(caller, lesson_id, fresh=True)

    async def require_moderator(self, caller: Caller, lesson_id: str) -> None:
        """Raises NotFound, or Forbidden to members who are neither its tutor nor an admin."""
        if not (await self._access.admit(caller, lesson_id, fresh=True)).moderates:
            raise Forbidden("Only the lesson's tutor may do this.")

    def count_written(self, caller: Caller, elements_bytes: int, pictures_bytes: int) -> None:
        """Take what somebody wants to have kept from their allowances, all of these at most. Raises RateLimited."""
        self._limits.write(caller.user_id, min(elements_bytes, WRITTEN.burst))  # who brings a lot can draw afterwards
        self._limits.upload(caller.user_id, min(pictures_bytes, UPLOADED.burst))

    async def require_pen(self, caller: Caller, lesson_id: str) -> Admission:
        """B9, before work that is lost without it. Raises NotFound, WrongState, Muted or NoPen."""
        await self.require_member(caller, lesson_id)
        admission = await self._access.admit_writer(caller, lesson_id, to="draw")
        rules.require_pen(_may_draw(caller, admission))
        return admission

    async def compact(self) -> int:
        """B27: forget what nobody may ask for any more; how much it was."""
        return await self._store.compact(self._clock() - REMEMBERED_FOR)

    async def _turn(
        self, caller: Caller, asked: AddPage | RemovePage | ClearBoard, wish: PageWish, part: int = 0
    ) -> PageChanged:
        content = [wish.type, asked.page]
        pending = self._pending_call(caller, asked.lesson_id, wish, asked.client_id, content, 0, part)
        accepted = await self._in_line(caller, asked.lesson_id, pending)
        return PageChanged(seq=accepted.seq, page=accepted.page, changed=accepted.changed)

    async def _in_line(self, caller: Caller, lesson_id: str, pending: Coroutine[Any, Any, PendingCall]) -> Accepted:
        """Put a call into its board's next tick: one person's calls in their order, whoever is looked up sooner."""
        answer: Deferred[Accepted] = Deferred()
        line = self._lines.setdefault((lesson_id, caller.user_id), deque())
        line.append((Deferred.fromCoroutine(pending), answer))
        if len(line) == 1:
            Deferred.fromCoroutine(self._let_in(lesson_id, caller.user_id, line))
        return await answer

    async def _let_in(self, lesson_id: str, user_id: str, line: Line) -> None:
        """B22: nobody in the line goes before those who came first, however long these are looked up."""
        while line:
            looking, answer = line[0]
            try:
                self._ticks.submit(lesson_id, await looking).chainDeferred(answer)
            except Exception as error:  # noqa: BLE001  # handed to the one who asked
                answer.errback(error)
            line.popleft()
        del self._lines[lesson_id, user_id]

    async def _pending_call(
        self,
        caller: Caller,
        lesson_id: str,
        wish: Sequence[Change | MalformedChange] | PageWish,
        client_id: str | None,
        content: object,
        size: int,
        part: int = 0,
    ) -> PendingCall:
        person = await self._people.person(caller.user_id)
        submission = Submission(
            person=person.plain(),
            may_draw=False,
            guard=LETS_NOTHING_NEW_IN,
            key=answer_key(lesson_id, caller, key_for(client_id), part),
            digest=short_digest(digest_of(content)) if client_id is not None else b"",
            wish=wish,
        )
        pending = await self._admitted(
            lesson_id, PendingCall(caller, submission, size), repeatable=client_id is not None
        )
        self._limits.write_in(lesson_id, size)
        return pending

    async def _admitted(self, lesson_id: str, pending: PendingCall, *, repeatable: bool) -> PendingCall:
        """The call with what memory says of its lesson. Raises NotFound, and of a new call WrongState or Muted."""
        admission = await self._access.admit_writer(pending.caller, lesson_id, to="draw", repeating=repeatable)
        may_draw = _may_draw(pending.caller, admission)
        submission = dataclasses.replace(
            pending.submission, guard=admission.guard, may_draw=may_draw, moderates=admission.moderates
        )
        return dataclasses.replace(pending, submission=submission, closed=admission.closed)

    async def _readmit(self, lesson_id: str, pending: PendingCall) -> PendingCall:
        """Ask the database: the lesson has changed since."""
        self._access.forget(lesson_id)
        return await self._admitted(lesson_id, pending, repeatable=False)

    async def _commit(self, lesson_id: str, submissions: Sequence[Submission]) -> Sequence[Accepted | Exception]:
        """Write a tick, then announce it."""
        stream = BOARD_TOPIC.of(lesson_id)
        ticked = await self._store.commit(Tick(lesson_id, stream, self._clock(), key_for(None), submissions))
        if ticked.event is not None:
            self._events.announce(BoardChanged(ticked.event, ticked.authors))
        if ticked.snapshot_due and lesson_id not in self._snapshots_under_way:
            self._snapshots_under_way.add(lesson_id)
            Deferred.fromCoroutine(self._snapshot(lesson_id, stream))
        return ticked.outcomes

    async def _snapshot(self, lesson_id: str, stream: str) -> None:
        try:
            await self._store.snapshot(lesson_id, stream)
        except Exception:  # the board goes on without, and the next tick tries again
            log.exception("no snapshot", lesson_id=lesson_id)
        finally:
            self._snapshots_under_way.discard(lesson_id)


def _may_draw(caller: Caller, admission: Admission) -> bool:
    """B9."""
    return admission.moderates or caller.user_id in admission.lesson.pen


def _read(raw: Plain) -> Change | MalformedChange:
    try:
        return rules.read_change(raw)
    except TutorwampError as error:
        return MalformedChange(named(raw), error)


def _content(change: Change | MalformedChange) -> object:
    """What makes a repetition the same."""
    if isinstance(change, MalformedChange):
        return [change.id, change.error.uri, change.error.details]
    if isinstance(change, Put):
        return [change.id, change.element.page, change.element.version, rules.look_of(change)]
    return change.plain()


def answer_key(lesson_id: str, caller: Caller, key: str, part: int) -> bytes:
    """B21: under which the answer to a part of what somebody asked for is kept."""
    return short_digest(lesson_id, caller.user_id, key, str(part))


def short_digest(*parts: str) -> bytes:
    """A fingerprint of 16 bytes."""
    return hashlib.blake2b("|".join(parts).encode(), digest_size=16).digest()


def _submitted(accepted: Accepted) -> Submitted:
    rejected = [
        Rejected(id=one.id, error=one.error, message=one.message, details=one.details, element=one.element)
        for one in accepted.refused
    ]
    return Submitted(seq=accepted.seq, applied=list(accepted.applied), rejected=rejected)


def _state(plain: Plain) -> BoardState:
    return BoardState(
        pages=[BoardPage(id=page["id"]) for page in plain["pages"]], elements=plain["elements"], head=plain["head"]
    )
