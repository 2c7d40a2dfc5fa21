"""A lesson's polls: kept as they are, also after a reconnect.

::

    polls = await lesson.polls()
    polls.on_change(lambda event: show(polls.items))
    poll = await polls.ask("Clear so far?", ["Yes", "No"])
    await polls.answer(poll["id"], poll["choices"][0]["id"])
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from tutorwamp.client.connection import Connection, Handler
from tutorwamp.client.errors import CallError
from tutorwamp.client.kept import Kept
from tutorwamp.client.known import EVENTS, is_named, rows
from tutorwamp.client.streams import Plain, Streams
from tutorwamp.client.wamp import Event
from tutorwamp.kernel.text import composed

_log = Logger()


class Polls(Kept):
    """Made by ``Lesson.polls``. Every method raises CallError.

    Events say what students may see. Who moderates the lesson sees the votes before: ``items`` is read again after each
    event, once for all that came meanwhile. An event of our own, ``polls.opened``, says that it was read afresh.
    """

    def __init__(
        self,
        connection: Connection,
        streams: Streams,
        lesson_id: str,
        topic: str,
        *,
        hear: Callable[[Handler], Awaitable[object]],
        moderates: bool,
    ) -> None:
        super().__init__(connection, lesson_id, topic, hear)
        self._streams = streams
        self._moderates = moderates
        self._known: dict[str, Plain] = {}
        self._reading: object | None = None
        """Stands for the reading that counts; one that was overtaken by another is thrown away."""
        self._held: list[Event] = []
        self._one_at_a_time = DeferredLock()

    # Seeing

    @property
    def items(self) -> tuple[Plain, ...]:
        """The newest first."""
        newest = sorted(self._known.values(), key=lambda one: (one.get("created_at") or "", one["id"]), reverse=True)
        return tuple(newest)

    async def answers(self, poll_id: str) -> Plain:
        """What was answered (``items``), and who has not (``missing``); for who moderates."""
        return await self._call("answers", poll_id=poll_id)

    # Speaking

    async def ask(
        self, question: str, choices: Sequence[str] = (), *, kind: str | None = None, anonymous: bool = False
    ) -> Plain:
        """Open a poll and answer it; without choices it is one of the kind ``text``."""
        return await self._call(
            "open",
            lesson_id=self._lesson_id,
            question=composed(question),
            kind=kind or ("single" if choices else "text"),
            choices=[composed(choice) for choice in choices],
            anonymous=anonymous,
            client_id=uuid4().hex,
        )

    async def answer(self, poll_id: str, *choice_ids: str, text: str | None = None) -> Plain:
        """Answer with choices or with a text, in the order of calling: the last one counts. Answers the poll."""
        given: dict[str, Any] = {"choice_ids": list(choice_ids)} if text is None else {"text": composed(text)}
        return await self._call("answer", poll_id=poll_id, **given)

    async def close_poll(self, poll_id: str, *, show: bool = False) -> Plain:
        """Take no more answers, and show everybody the votes; answers the poll."""
        return await self._call("close", poll_id=poll_id, show=show)

    async def _call(self, verb: str, **arguments: Any) -> Plain:
        def ask() -> Deferred[Any]:
            return Deferred.fromCoroutine(self._connection.call_until_answered(f"tutorwamp.poll.{verb}", **arguments))

        answer: Plain = await self._one_at_a_time.run(ask)
        return answer

    # Staying right

    async def open(self) -> None:
        """Begin to keep them, or try again where that has failed; returns when ``items`` shows them."""
        self._require_open()
        await self._listen()
        if self.head < 0 and self._reading is None:
            self._read_afresh(self._streams.positions()[self._topic], [{"type": "polls.opened"}])
        await self.caught_up(0)

    def _read_afresh(self, head: int, because: Sequence[Mapping[str, Any]]) -> None:
        self._reading = object()
        reading = Deferred.fromCoroutine(self._read(head, self._reading, because))
        reading.addErrback(lambda failure: _log.failure("Reading {topic} failed", failure, topic=self._topic))

    async def _read(self, head: int, reading: object, because: Sequence[Mapping[str, Any]]) -> None:
        try:
            answer = await self._connection.call_until_answered("tutorwamp.poll.list", lesson_id=self._lesson_id)
        except CallError as error:
            if self._reading is reading:
                self._reading = None
                self._give_up(error)
            return
        if self._reading is not reading:
            return
        # It is the state after ``head`` or a later one; events up to then say the same again.
        self._known = {poll["id"]: poll for poll in filter(is_named, rows(answer["items"]))}
        self.head = head
        self._reading = None
        self._notify(*because)
        held, self._held = [event for event in self._held if event["seq"] > head], []
        self._take(held)

    def _receive(self, event: Event) -> None:
        # In order and without a gap (``client/streams.py``), but for what was missed for good.
        if event.type == "polls.reloaded":
            self._held.clear()
            self._read_afresh(event["seq"], [{"type": "polls.opened"}])
        elif self._reading is not None:
            self._held.append(event)
        elif event["seq"] > self.head:
            self._take([event])

    def _take(self, events: Sequence[Event]) -> None:
        if self._moderates and any(event.type in EVENTS["polls"] for event in events):
            self._read_afresh(events[-1]["seq"], [event.values for event in events])
            return
        for event in events:
            data = event.values.get("data")
            if event.type in EVENTS["polls"]:  # others are of a later version
                if is_named(data):
                    self._known[data["id"]] = data
                else:
                    self._doubt.arise(f"{event.type} without a poll")
            self.head = event["seq"]
            self._notify(event.values)

    def _look_again(self) -> None:
        if self._reading is None:
            self._read_afresh(self._streams.positions()[self._topic], [{"type": "polls.opened"}])
