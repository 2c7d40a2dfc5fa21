"""Gather what arrives within a tick, and write a board's ticks one after another.

The first change opens a tick; while changes keep coming, the next one begins where it ended, and gathers while it is
being written. Submissions that were overtaken by a change of their lesson are admitted again and written before all
that came later, so that one writer's changes keep their order (B22).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

from twisted.internet.defer import Deferred, fail

from tutorwamp.board.writing import Accepted, PageWish, Submission
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.log.calls import Call, calls_under_way, working_for
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.streams import StaleGuardError

log = get_logger(__name__)

TICK_CHANGES_AT_MOST: Final = 1_000
"""In one event: a third of a second's work of thirty fast writers, should the database fall behind."""
TICK_BYTES_AT_MOST: Final = 1024 * 1024
"""Of arguments, as many as one call may have: an event must go through everybody's socket."""
WAITING_BYTES_AT_MOST: Final = 64 * 1024 * 1024
"""Of all boards of a process; who comes then is told to come back."""
PENDING_CALL_BYTES: Final = 4 * 1024
"""Of a waiting call besides its arguments: a wish about pages has next to none, and must count, too."""
TRIES_AT_MOST: Final = 20
"""Of a submission whose lesson changes at the same moment; each try has read the newest version. A tutor who hands the
pen around changes it several times a second, and on a slow machine a try takes longer than that."""


@dataclass
class PendingCall:
    """A call that waits for its tick."""

    caller: Caller
    submission: Submission
    size: int
    """Bytes of its arguments."""
    closed: Exception | None = None
    """What to raise where only a repetition would be let in."""
    calls: tuple[Call, ...] = field(default_factory=calls_under_way)
    """Whose line tells what its tick has cost."""
    answer: Deferred[Accepted] = field(default_factory=Deferred)

    @property
    def changes(self) -> int:
        """How many it has; 0 for a wish about pages, which is a tick of its own."""
        wish = self.submission.wish
        return 0 if isinstance(wish, PageWish) else len(wish)

    @property
    def held_bytes(self) -> int:
        """What it takes while it waits, roughly."""
        return PENDING_CALL_BYTES + self.size


@dataclass
class _Gathering:
    """One board's next tick."""

    waiting: list[PendingCall] = field(default_factory=list)
    due_at: float = -inf
    """When it ends, or, while nobody waits, when the one before it ended."""
    writing: bool = False


Commit = Callable[[str, Sequence[Submission]], Awaitable[Sequence[Accepted | Exception]]]
Readmit = Callable[[str, PendingCall], Awaitable[PendingCall]]


class Ticks:
    """Every board's tick of this process.

    ``commit`` writes a tick and announces it; ``readmit`` asks again whether a caller may write.
    """

    def __init__(self, reactor: Any, tick_s: float, *, commit: Commit, readmit: Readmit) -> None:
        self._reactor = reactor
        self._tick_s = tick_s
        self._commit = commit
        self._readmit = readmit
        self._boards: dict[str, _Gathering] = {}
        self._waiting_bytes = 0

    def submit(self, lesson_id: str, pending: PendingCall) -> Deferred[Accepted]:
        """Put a call into its board's next tick. Fails with Unavailable while too much waits."""
        if self._waiting_bytes + pending.held_bytes > WAITING_BYTES_AT_MOST:
            return fail(Unavailable("The board cannot keep up just now."))
        self._waiting_bytes += pending.held_bytes
        board = self._boards.setdefault(lesson_id, _Gathering())
        first = not board.waiting
        board.waiting.append(pending)
        if first:
            now = self._reactor.seconds()
            # Who draws along is not made to wait a whole tick again: that would be 25 of 33 ms at 60 frames a second.
            began_at = board.due_at if now < board.due_at + self._tick_s else now
            board.due_at = began_at + self._tick_s
            if not board.writing:
                self._reactor.callLater(max(0.0, board.due_at - now), self._write, lesson_id)
        return pending.answer

    def _write(self, lesson_id: str) -> None:
        board = self._boards[lesson_id]
        board.writing = True
        batch = _cut(board.waiting)
        writing = Deferred.fromCoroutine(self._run(lesson_id, batch))
        writing.addErrback(_refuse, batch)
        writing.addCallback(self._go_on, lesson_id, batch)

    def _go_on(self, _: None, lesson_id: str, batch: Sequence[PendingCall]) -> None:
        self._waiting_bytes -= sum(pending.held_bytes for pending in batch)
        board = self._boards[lesson_id]
        board.writing = False
        if board.waiting:
            pause = max(0.0, board.due_at - self._reactor.seconds())
            self._reactor.callLater(pause, self._write, lesson_id)
        else:
            pause = max(0.0, board.due_at + self._tick_s - self._reactor.seconds())
            self._reactor.callLater(pause, self._forget, lesson_id, board, board.due_at)

    def _forget(self, lesson_id: str, board: _Gathering, ended_at: float) -> None:
        """Of a board that rests for a tick nothing is kept."""
        if board.due_at == ended_at and not board.waiting and not board.writing:
            del self._boards[lesson_id]

    async def _run(self, lesson_id: str, batch: Sequence[PendingCall]) -> None:
        waiting = list(batch)
        for _ in range(TRIES_AT_MOST):
            with working_for([call for pending in waiting for call in pending.calls]):
                outcomes = await self._commit(lesson_id, [pending.submission for pending in waiting])
            overtaken = []
            for pending, outcome in zip(waiting, outcomes, strict=True):
                if isinstance(outcome, StaleGuardError) and pending.closed is None:
                    overtaken.append(pending)
                else:
                    _answer(pending, outcome)
            waiting = await self._admitted_again(lesson_id, overtaken)
            if not waiting:
                return
        for pending in waiting:
            pending.answer.errback(Unavailable("The lesson is being changed just now."))

    async def _admitted_again(self, lesson_id: str, overtaken: Sequence[PendingCall]) -> list[PendingCall]:
        admitted = []
        for pending in overtaken:
            try:
                admitted.append(await self._readmit(lesson_id, pending))
            except Exception as error:  # noqa: BLE001  # handed to the one who asked
                pending.answer.errback(error)
        return admitted


def _answer(pending: PendingCall, outcome: Accepted | Exception) -> None:
    if isinstance(outcome, StaleGuardError) and pending.closed is not None:
        pending.answer.errback(pending.closed)
    elif isinstance(outcome, Exception):
        pending.answer.errback(outcome)
    else:
        pending.answer.callback(outcome)


def _refuse(failure: Any, batch: Sequence[PendingCall]) -> None:
    """The tick as a whole could not be written."""
    for pending in batch:
        if not pending.answer.called:
            pending.answer.errback(failure.value)


def _cut(waiting: list[PendingCall]) -> list[PendingCall]:
    """Take what goes into one event off the front: some calls' changes, or one wish about pages."""
    size = changes = accepted = 0
    for pending in waiting:
        size, changes = size + pending.size, changes + pending.changes
        fits = pending.changes and size <= TICK_BYTES_AT_MOST and changes <= TICK_CHANGES_AT_MOST
        if accepted and not fits:
            break
        accepted += 1
        if not pending.changes:
            break
    batch, waiting[:accepted] = waiting[:accepted], []
    return batch
