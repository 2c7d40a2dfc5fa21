"""A call under way, over either door, and what it has cost so far. Whoever works for it finds it here and adds to it.

A context variable carries it through coroutines. What several calls share, a group commit for example, is added to each
of them as a whole: each has waited for all of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import TutorwampError


class Edge(StrEnum):
    """By which door it came."""

    WAMP = "wamp"
    REST = "rest"


OK: Final = "ok"
"""The outcome of what is no error."""
GIVEN_UP: Final = "given_up"
"""The outcome of what the caller has not waited for."""


@dataclass(slots=True)
class Step:
    """Something that was done for a call, for those who trace it. Times are ``time.monotonic``'s, in seconds."""

    name: str
    began_s: float
    seconds: float = 0.0
    attributes: dict[str, str | int | float] = field(default_factory=dict)
    inner: list[Step] = field(default_factory=list)


@dataclass(slots=True)
class Call:
    """One call. ``name`` is the procedure's URI, or the method and the path of the route (``GET /api/lessons``).

    All times are seconds.
    """

    name: str
    edge: Edge
    given_id: str = ""
    """The ``request_id`` that the caller brought along."""
    user_id: str | None = None
    lesson_id: str | None = None
    error: TutorwampError | None = None
    """What it was answered with, if that was an error."""
    given_up: bool = False
    """Nobody waited for the answer any more."""
    began_s: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    """In all, once it is over."""
    queue_s: float = 0.0
    """Waited for the person's own calls before it (see Cost in kernel/contracts.py)."""
    database_wait_s: float = 0.0
    """Waited for a turn, a thread and a connection."""
    database_s: float = 0.0
    transactions: int = 0
    queries: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    cache_s: float = 0.0
    events: int = 0
    """Published for it before it was answered."""
    receivers: int = 0
    """Sessions that were there for them, each once for each event; a person's own topic counts as one."""
    bytes_in: int = 0
    bytes_out: int = 0
    parts: dict[str, float] = field(default_factory=dict)
    """Seconds of what was ``timed``, by name."""
    traceparent: str = ""
    """As W3C's Trace Context writes it: at first the caller's, where it is traced its own."""
    steps: list[Step] | None = None
    """Of a call that is traced."""
    span: Any = None
    """The tracing library's."""

    @property
    def outcome(self) -> str:
        """``ok``, the URI of the error that was answered, or ``given_up``."""
        if self.given_up:
            return GIVEN_UP
        return OK if self.error is None else self.error.uri

    @property
    def request_id(self) -> str:
        """The caller's, or one that is made when it is asked for first."""
        if not self.given_id:
            self.given_id = new_id()
        return self.given_id

    def add_part(self, name: str, seconds: float) -> None:
        """So long did a part of it take; the parts of one name are added up."""
        self.parts[name] = self.parts.get(name, 0.0) + seconds
        if self.steps is not None:
            self.steps.append(Step(name, time.monotonic() - seconds, seconds))


_CALLS: Final[ContextVar[tuple[Call, ...]]] = ContextVar("calls", default=())
_begun: Final[list[Callable[[Call], None]]] = []
_finished: Final[list[Callable[[Call], None]]] = []


def calls_under_way() -> tuple[Call, ...]:
    """Whom that is done for which is done now: a call, those that share a batch, or nobody."""
    return _CALLS.get()


def call_under_way() -> Call | None:
    """The one call that is being answered; None for what nobody asked for, and for what several share."""
    calls = _CALLS.get()
    return calls[0] if len(calls) == 1 else None


@contextmanager
def working_for(calls: Sequence[Call]) -> Iterator[None]:
    """What is begun in here is done for these calls, each once, however much of it a call has asked for."""
    before = _CALLS.set(tuple({id(call): call for call in calls}.values()))
    try:
        yield
    finally:
        _CALLS.reset(before)


def leave_unnamed() -> None:
    """Nothing that tells of the call under way is to say who asked, nor how much they had to say."""
    call = call_under_way()
    if call is not None:
        call.user_id = None
        call.bytes_in = 0


def note_cached(*, found: bool, seconds: float = 0.0) -> None:
    """The cache was asked for something."""
    for call in _CALLS.get():
        call.cache_hits += found
        call.cache_misses += not found
        call.cache_s += seconds


def begin(call: Call) -> None:
    """From here on, in this coroutine and in what it begins, all is done for this call."""
    _CALLS.set((call,))
    tell_begun(call)


def tell_begun(call: Call) -> None:
    """It has come: tell all who want to know."""
    for tell in _begun:
        tell(call)


def finish(call: Call, error: TutorwampError | None = None) -> None:
    """It is answered: tell all who want to know."""
    call.error = error
    call.seconds = time.monotonic() - call.began_s
    for tell in _finished:
        tell(call)


def on_finished(tell: Callable[[Call], None]) -> Callable[[], None]:
    """Tell this of each call that is over, on the reactor's thread; what is given back ends it."""
    return _tell(_finished, tell)


def on_begun(tell: Callable[[Call], None]) -> Callable[[], None]:
    """The same for each call that begins."""
    return _tell(_begun, tell)


def _tell(told: list[Callable[[Call], None]], tell: Callable[[Call], None]) -> Callable[[], None]:
    told.append(tell)
    return lambda: told.remove(tell)
