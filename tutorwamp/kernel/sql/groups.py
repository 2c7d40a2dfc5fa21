"""Whatever waits for the database at the same time shares a transaction: writes a commit, the same question a query."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection
from twisted.internet.defer import Deferred, fail

from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.log.calls import Call, calls_under_way, working_for
from tutorwamp.kernel.sql.counts import BATCH_SIZES, BATCH_WAITS
from tutorwamp.kernel.sql.database import Database

Job = TypeVar("Job")
Result = TypeVar("Result")

BATCH_AT_MOST: Final = 64
"""Jobs in one group commit, a millisecond or two of work: docs/decisions/0024-one-commit-for-whatever-waits.md."""
READS_AT_ONCE: Final = 2
"""Batches of one question: should a connection hang, the others are not held up by it alone."""
WAITING_AT_MOST: Final = 5_000
"""Jobs waiting for a group commit: a few seconds' work, so that nobody is kept waiting in vain."""

Together = Callable[[Connection, Sequence[Job]], Sequence[Result | Exception]]
"""One result or exception for each job, in their order."""


class _Group(Generic[Job, Result]):
    """Whatever waits goes into one transaction; each caller is answered after it.

    While ``at_once`` batches are under way the next one gathers: under load the batches grow and a transaction's cost
    is shared.
    """

    def __init__(
        self, run: Callable[..., Deferred[Sequence[Result | Exception]]], name: str, thd: Any, *, at_once: int
    ) -> None:
        self._run = run
        self._name = name
        self._thd = thd
        self._at_once = at_once
        self._waiting: list[tuple[Job, Deferred[Result], tuple[Call, ...]]] = []
        """With the calls that each is for."""
        self._came_s: list[float] = []
        """When each of them came."""
        self._under_way = 0
        self._sizes, self._waits = BATCH_SIZES.labels(name), BATCH_WAITS.labels(name)

    def submit(self, job: Job) -> Deferred[Result]:
        """Put a job into the next batch. Fires with its result or error, within a batch in the order of submission.

        Fails with Unavailable while too many wait already.
        """
        if len(self._waiting) >= WAITING_AT_MOST:
            return fail(Unavailable("The database cannot keep up just now."))
        answer: Deferred[Result] = Deferred()
        self._waiting.append((job, answer, calls_under_way()))
        self._came_s.append(time.monotonic())
        if self._under_way < self._at_once:
            self._begin()
        return answer

    def _begin(self) -> None:
        batch, self._waiting = self._waiting[:BATCH_AT_MOST], self._waiting[BATCH_AT_MOST:]
        self._under_way += 1
        self._sizes.observe(len(batch))
        self._waits.observe(time.monotonic() - self._came_s[0])
        del self._came_s[: len(batch)]
        with working_for([call for _, _, calls in batch for call in calls]):
            done = self._run(self._name, self._thd, [job for job, _, _ in batch])
        answers = [answer for _, answer, _ in batch]
        done.addCallbacks(self._answer, self._fail, callbackArgs=(answers,), errbackArgs=(answers,))

    def _answer(self, results: Sequence[Result | Exception], answers: list[Deferred[Result]]) -> None:
        self._go_on()
        for answer, result in zip(answers, results, strict=True):
            if isinstance(result, Exception):
                answer.errback(result)
            else:
                answer.callback(result)

    def _fail(self, failure: Any, answers: list[Deferred[Result]]) -> None:
        self._go_on()
        for answer in answers:
            answer.errback(failure.value)

    def _go_on(self) -> None:
        self._under_way -= 1
        if self._waiting:
            self._begin()


class GroupCommit(_Group[Job, Result]):
    """Writes that wait share a commit; callers are answered in the order of submission, after it."""

    def __init__(self, database: Database, name: str, thd: Together[Job, Result]) -> None:
        super().__init__(database.write, name, thd, at_once=1)


class GroupRead(_Group[Job, Result]):
    """The same question about several things, asked at the same time, is one query. It begins after all were asked."""

    def __init__(self, database: Database, name: str, thd: Together[Job, Result]) -> None:
        super().__init__(database.read, name, thd, at_once=READS_AT_ONCE)
