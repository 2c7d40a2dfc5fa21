"""A lesson's board: kept as it is, drawn on, and still right after a reconnect.

::

    board = await lesson.board()
    await board.put({"kind": "rect", "x": 0, "y": 0, "width": 80, "height": 50, "color": "#204080"})
    stroke = board.stroke(color="#c03020", width=3)
    stroke.add([10, 10], [12, 11])
    await stroke.finish()
    await board.undo()
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import uuid4

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from tutorwamp.client.connection import Connection, Handler
from tutorwamp.client.errors import CallError
from tutorwamp.client.kept import Kept
from tutorwamp.client.replica import Outcome, Plain, Replica, Trace, cleared, confirmed, rebased, traced, undoing
from tutorwamp.client.stroke import Stroke
from tutorwamp.client.wamp import Event
from tutorwamp.kernel.text import composed

CHANGES_AT_MOST: Final = 200
"""In one submission."""
STEPS_AT_MOST: Final = 1000
"""How far back ``undo`` goes."""

_OVERTAKEN: Final = {"tutorwamp.error.board.stale", "tutorwamp.error.not_found"}
"""Why an undo is rejected where somebody else has changed the element, or removed its page."""

_log = Logger()
Answer = TypeVar("Answer")


class Rejected(CallError):
    """The call was answered, but the change was not taken. ``element`` is as it is now; null where there is none."""

    def __init__(self, rejection: Plain) -> None:
        # It is part of an answer, and comes without an action: its name has one.
        super().__init__(rejection["error"], rejection.get("message", ""), details=rejection.get("details"))
        self.element: Plain | None = rejection.get("element")


@dataclass(eq=False)
class _Step:
    """What one ``undo`` takes back: a submission, a whole stroke, or a clear."""

    traces: dict[str, Trace] = field(default_factory=dict)
    cleared: tuple[int, str | None] | None = None
    """The event that cleared, and the page (null: all)."""


class Board(Kept):
    """Made by ``Lesson.board``. Every method raises CallError.

    What changes something is sent one after the other, in the order of calling, and again until it is answered (B31).
    Answers are given when ``elements`` shows what they speak of.
    An event of the type ``board.opened`` is our own: the board was read afresh, and all of it may be different.
    """

    def __init__(
        self,
        connection: Connection,
        lesson_id: str,
        topic: str,
        *,
        hear: Callable[[Handler], Awaitable[object]],
        expect: Callable[[int], object],
    ) -> None:
        super().__init__(connection, lesson_id, topic, hear)
        self._expect = expect
        self._clock = connection.clock
        self._replica = Replica()
        self._opening = False
        self._turn = DeferredLock()
        self._answered = -1
        """The newest event an answer spoke of."""
        self._steps: deque[_Step] = deque(maxlen=STEPS_AT_MOST)

    # Seeing

    @property
    def pages(self) -> Sequence[str]:
        """The ids of the pages, in their order."""
        return tuple(self._replica.pages)

    @property
    def elements(self) -> Mapping[str, Plain]:
        """The elements by id, the first at the bottom. An element is never changed in place but replaced."""
        return MappingProxyType(self._replica.elements)

    @property
    def head(self) -> int:  # type: ignore[override]  # the replica's
        """The ``seq`` of the newest event that is in it; -1 before it is read."""
        return self._replica.head

    def state(self) -> Plain:
        """All of it, as ``tutorwamp.board.open`` would answer it."""
        return self._replica.state()

    async def at(self, seq: int) -> Plain:
        """The board as it was after the event ``seq``: ``pages``, ``elements`` and ``head``."""
        return await self._call("at", seq=seq)

    async def export(self, format: str, *, page: str | None = None) -> Plain:  # noqa: A002  # the procedure's word
        """A file (``svg``, ``png``, ``pdf``) of a page, by default the first, PDF: all; ``media_type`` and ``data``."""
        return await self._call("export", format=format, page=page)

    # Drawing

    async def put(self, element: Mapping[str, Any]) -> Plain:
        """Create an element, or replace the ``version`` it names; answers as ``submit``. Raises Rejected.

        It gets an ``id`` where it has none, and goes on the first page where it names none.
        """
        named = {"id": str(uuid4()), "page": self.pages[0], **element}
        if isinstance(named.get("text"), str):
            named["text"] = composed(named["text"])
        return _taken(await self.submit([{"op": "put", "element": named}]))

    async def delete(self, element_id: str) -> Plain:
        """Delete an element as ``elements`` shows it; answers as ``submit``. Raises Rejected."""
        element = self.elements.get(element_id)
        if element is None:
            raise CallError("tutorwamp.error.not_found", "There is no such element (any more).")
        return _taken(await self.submit([{"op": "delete", "id": element_id, "version": element["version"]}]))

    async def submit(self, changes: Sequence[Plain]) -> Plain:
        """Up to 200 changes at once; one ``undo`` takes them back together.

        Answers ``seq``, the ids ``applied``, and ``rejected``, each with ``id``, ``error``, ``message``, ``details``
        and the ``element`` as it is now.
        """
        return await self._in_turn(lambda: self._submit(list(changes)))

    def stroke(self, *, color: str, width: float, page: str | None = None, opacity: float | None = None) -> Stroke:
        """Begin a stroke that the others see growing; by default on the first page."""
        look = {"page": page or self.pages[0], "kind": "stroke", "color": color, "width": width}
        if opacity is not None:
            look["opacity"] = opacity
        step = _Step()

        async def send(make: Callable[[], Plain]) -> Plain:
            # What to send is asked when it is its turn: the stroke has grown while it waited.
            return _taken(await self._in_turn(lambda: self._send([make()], step), shown=False))

        return Stroke(look, send=send, shown=self._shown, clock=self._clock)

    async def clear(self, page: str | None = None) -> Plain:
        """Empty a page, by default all; answers ``seq`` and ``page``."""
        return await self._in_turn(lambda: self._clear(page))

    async def add_page(self, page: str | None = None) -> Plain:
        """Add a last page; answers ``seq`` and ``page``, its id, which may be chosen."""
        return await self._in_turn(lambda: self._change("add_page", page=page))

    async def remove_page(self, page: str) -> Plain:
        """Remove a page with what is on it; answers ``seq`` and ``page``. No undo brings it back."""
        return await self._in_turn(lambda: self._change("remove_page", page=page))

    async def copy(self, from_lesson_id: str, *, pages: Sequence[str] | None = None) -> Plain:
        """Bring pages, by default all, of another lesson's board to the end; for the tutor of both.

        Answers ``seq``, the new ``pages`` (each with its ``id``), and ``left_out``. No undo takes it back.
        """
        named = None if pages is None else list(pages)
        return await self._in_turn(lambda: self._change("copy", from_lesson_id=from_lesson_id, pages=named))

    async def undo(self) -> Plain | None:
        """B30: take back the last of our submissions, strokes and clears that can be; null where there is none.

        Answers as ``submit``. Elements that somebody else has changed since are left alone.
        """
        return await self._in_turn(self._undo)

    # One after the other: these run when it is their turn

    async def _in_turn(self, doing: Callable[[], Coroutine[Any, Any, Answer]], *, shown: bool = True) -> Answer:
        answer = await self._turn.run(lambda: Deferred.fromCoroutine(doing()))
        if shown:
            await self._shown(answer)
        return answer

    async def _shown(self, answer: Any) -> None:
        if answer is not None:
            with suppress(CallError):  # it was done, whether or not we will see it
                await self.caught_up(answer["seq"])

    async def _submit(self, changes: list[Plain]) -> Plain:
        await self.caught_up(self._answered)  # what it replaces may be our own, and not told yet
        return await self._send(changes, _Step())

    async def _send(self, changes: list[Plain], step: _Step) -> Plain:
        after = traced(step.traces, changes, self.elements)
        answer = await self._change("submit", changes=changes)
        if answer["applied"]:
            step.traces = confirmed(step.traces, after, answer)
            if step not in self._steps:
                self._steps.append(step)
        return answer

    async def _clear(self, page: str | None) -> Plain:
        answer = await self._change("clear", page=page)
        if answer["changed"]:
            self._steps.append(_Step(cleared=(answer["seq"], page)))
        return answer

    async def _undo(self) -> Plain | None:
        await self.caught_up(self._answered)
        while self._steps:
            step = self._steps[-1]
            if step.cleared is not None:
                seq, page = step.cleared
                step.traces, step.cleared = cleared(await self.at(seq - 1), page), None
            answer = await self._take_back(step)
            if not answer["applied"] and any(one["error"] not in _OVERTAKEN for one in answer["rejected"]):
                return answer  # it may work later: with the pen, or with room on the page
            self._steps.pop()
            if answer["applied"]:
                undone = [step.traces[element_id] for element_id in answer["applied"]]
                for older in self._steps:
                    older.traces = rebased(older.traces, undone)
                return answer
        return None

    async def _take_back(self, step: _Step) -> Plain:
        changes = undoing(step.traces, self.elements)
        answer: Plain = {"seq": self.head, "applied": [], "rejected": []}
        for first in range(0, len(changes), CHANGES_AT_MOST):
            part = await self._change("submit", changes=changes[first : first + CHANGES_AT_MOST])
            for name in ("applied", "rejected"):
                answer[name] += part[name]
            answer["seq"] = part["seq"]
        return answer

    async def _change(self, verb: str, **arguments: Any) -> Plain:
        answer = await self._call(verb, **arguments, client_id=uuid4().hex)
        self._answered = max(self._answered, answer["seq"])
        self._expect(answer["seq"])
        return answer

    async def _call(self, verb: str, **arguments: Any) -> Plain:
        given = {name: value for name, value in arguments.items() if value is not None}
        answer: Plain = await self._connection.call_until_answered(
            f"tutorwamp.board.{verb}", lesson_id=self._lesson_id, **given
        )
        return answer

    # Staying right

    async def open(self) -> None:
        """Begin to keep it, or try again where that has failed; returns when ``elements`` shows the board."""
        self._require_open()
        if self.head < 0:
            self._open()
        await self.caught_up(0)

    def _open(self) -> None:
        if not self._opening and self._over is None:
            self._opening = True
            self._replica.hold()
            opening = Deferred.fromCoroutine(self._read())
            opening.addErrback(lambda failure: _log.failure("Opening {topic} failed", failure, topic=self._topic))

    async def _read(self) -> None:
        try:
            await self._listen()  # heard before it is read: nothing is missed between state and events
            parts = await self._read_pages()
            if not self._replica.open_in_parts(parts):
                self._replica.open(await self._call("open"))
        except CallError as error:
            _log.warn("{topic} cannot be opened: {error}", topic=self._topic, error=error)
            self._opening = False
            self._give_up(error)
            return
        self._opening = False
        self._ask_whether_it_is_so()
        self._notify({"type": "board.opened", "seq": self.head})

    async def _read_pages(self) -> list[tuple[Collection[str], Plain]]:
        """One after another: a large board is not in anybody's way, nor all of it in memory twice."""
        wanted: list[str] = [self._lesson_id]  # the first one's id, unless it was removed
        parts: list[tuple[Collection[str], Plain]] = []
        while wanted or not parts:
            asked, wanted = wanted[:1], wanted[1:]
            try:
                state = await self._call("open", pages=asked)
            except CallError as error:
                if error.uri != "tutorwamp.error.not_found" or not asked:
                    raise
                continue  # this page is gone
            if not parts:
                wanted = [page["id"] for page in state["pages"] if page["id"] not in asked]
            parts.append((asked, state))
        return parts

    def _receive(self, event: Event) -> None:
        # In order and without a gap (``client/streams.py``), but for what was missed for good.
        if event.type == "board.reloaded":
            self._open()
            return
        try:
            outcome, applied = self._replica.apply(event.values)
        except Exception:  # noqa: BLE001 - whatever it made of an event that makes no sense to us
            _log.failure("An event of {topic} could not be applied", topic=self._topic)
            outcome, applied = Outcome.GAP, []
        if outcome is Outcome.GAP:
            self._open()
        self._ask_whether_it_is_so()
        self._notify(*applied)

    def _ask_whether_it_is_so(self) -> None:
        if self._replica.doubtful and not self._opening:
            self._doubt.arise(f"event {self.head}")

    def _look_again(self) -> None:
        if self._replica.doubtful:
            self._open()


def _taken(answer: Plain) -> Plain:
    for rejection in answer["rejected"]:
        raise Rejected(rejection)
    return answer
