"""A lesson's chat: kept as it is, one's own words shown at once, and still right after a reconnect.

::

    chat = await lesson.chat()
    chat.on_change(lambda event: show(chat.messages))
    await chat.send("Good morning")
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final
from uuid import uuid4

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from tutorwamp.client.connection import Connection, Handler
from tutorwamp.client.errors import CallError
from tutorwamp.client.kept import Kept
from tutorwamp.client.known import EVENTS, is_message, is_named, rows
from tutorwamp.client.streams import Plain, Streams
from tutorwamp.client.wamp import Event
from tutorwamp.kernel.text import composed

PAGE: Final = 100
"""Messages read at once, the newest first: some screens full."""

_log = Logger()


class Chat(Kept):
    """Made by ``Lesson.chat``. Every method raises CallError.

    Two types of events are our own: ``chat.opened`` (it was read afresh: all of it may be different) and
    ``chat.pending`` (what we are sending has changed).
    """

    def __init__(
        self,
        connection: Connection,
        streams: Streams,
        lesson_id: str,
        topic: str,
        *,
        hear: Callable[[Handler], Awaitable[object]],
        send: Callable[..., Awaitable[Plain]],
        history: Callable[..., Awaitable[Plain]],
    ) -> None:
        super().__init__(connection, lesson_id, topic, hear)
        self._send = send
        self._history = history
        self._streams = streams
        self.read_marks: dict[str, int] = {}
        """By person's id, how far they have read, as far as we have heard."""
        self._known: dict[str, Plain] = {}
        self._pending: dict[str, Plain] = {}
        self._older: str | None = None
        self._changes = 0
        """Of messages before the oldest one read."""
        self._reading: object | None = None
        """Stands for the reading that counts; one that was overtaken by another is thrown away."""
        self._held: list[Event] = []

    # Seeing

    @property
    def messages(self) -> tuple[Plain, ...]:
        """From the oldest one read to the newest, then our own that have no place yet (``"pending": True``)."""
        return (*sorted(self._known.values(), key=lambda one: one["seq"]), *self._pending.values())

    @property
    def has_older(self) -> bool:
        """Whether there are messages before these."""
        return self._older is not None

    async def read_older(self) -> None:
        """Read a page of earlier messages, where there are any."""
        while self._older is not None:
            begun = (self._older, self._changes)
            page = await self._history(limit=PAGE, cursor=self._older)
            if begun != (self._older, self._changes):
                continue  # what was read is as it was before, perhaps
            for message in filter(is_message, rows(page["items"])):
                self._known.setdefault(message["id"], message)
            self._older = page.get("next_cursor")
            return

    # Speaking

    async def send(self, body: str, *, reply_to: str | None = None, file_ids: Sequence[str] = ()) -> Plain:
        """Say something; it is shown at once, and answered as it was stored. In order, once, however long it takes.

        A refusal (``fix``, ``stop``, ``reload``) is raised, and the words are not shown any more.
        """
        client_id = uuid4().hex
        said = {"body": composed(body).strip(), "reply_to": reply_to, "client_id": client_id}
        self._pending[client_id] = {"id": None, "seq": None, "lesson_id": self._lesson_id, **said, "pending": True}
        self._notify({"type": "chat.pending", "client_id": client_id})
        try:
            message = await self._send(body, client_id=client_id, reply_to=reply_to, file_ids=file_ids)
        except CallError:
            if self._pending.pop(client_id, None) is not None:
                self._notify({"type": "chat.pending", "client_id": client_id})
            raise
        self._streams.expect(self._topic, message["seq"])
        with suppress(CallError):  # it was said, whether or not we will see it
            await self.caught_up(message["seq"])
        return message

    # Staying right

    async def open(self) -> None:
        """Begin to keep it, or try again where that has failed; returns when ``messages`` shows the newest ones."""
        self._require_open()
        await self._listen()
        if self.head < 0 and self._reading is None:
            self._read_afresh(self._streams.positions()[self._topic])
        await self.caught_up(0)

    def _read_afresh(self, head: int) -> None:
        self._reading = object()
        self._held.clear()
        reading = Deferred.fromCoroutine(self._read(head, self._reading))
        reading.addErrback(lambda failure: _log.failure("Reading {topic} failed", failure, topic=self._topic))

    async def _read(self, head: int, reading: object) -> None:
        try:
            page = await self._history(limit=PAGE)
        except CallError as error:
            if self._reading is reading:
                self._reading = None
                self._give_up(error)
            return
        if self._reading is not reading:
            return
        # It is the state after ``head`` or a later one; events up to then say the same again (C9, C13).
        self._known = {}
        for message in filter(is_message, rows(page["items"])):
            self._store(message)
        self._older = page.get("next_cursor")
        self.head = head
        self._reading = None
        self._notify({"type": "chat.opened", "seq": head})
        held, self._held = self._held, []
        for event in held:
            self._receive(event)

    def _receive(self, event: Event) -> None:
        # In order and without a gap (``client/streams.py``), but for what was missed for good.
        if event.type == "chat.reloaded":
            self._read_afresh(event["seq"])
        elif self._reading is not None:
            self._held.append(event)
        elif event["seq"] > self.head:
            self._apply(event)
            self.head = event["seq"]
            self._notify(event.values)

    def _apply(self, event: Event) -> None:
        data = event.values.get("data")
        if event.type not in EVENTS["chat"]:
            return  # of a later version
        if event.type == "read.advanced":
            if isinstance(data, dict) and is_named(data.get("person")):
                self.read_marks[data["person"]["id"]] = data.get("read_seq", 0)
        elif not is_message(data):
            self._doubt.arise(f"{event.type} without a message")
        elif event.type == "message.created" or data["id"] in self._known:
            self._store(data)
        else:
            self._changes += 1

    def _look_again(self) -> None:
        if self._reading is None:
            self._read_afresh(self._streams.positions()[self._topic])

    def _store(self, message: Plain) -> None:
        self._known[message["id"]] = message
        self._pending.pop(message.get("client_id") or "", None)
