"""What one should know, kept as it is: the newest notifications, and how many are not read.

::

    told = await client.notifications()
    told.on_change(lambda event: show(told.unread_count, told.items))
    await told.mark_all_read()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from tutorwamp.client.connection import Connection, Handler, hand_over
from tutorwamp.client.doubt import Doubt
from tutorwamp.client.errors import CallError
from tutorwamp.client.known import EVENTS, is_count, is_named, rows
from tutorwamp.client.streams import Plain, Streams, Tail
from tutorwamp.client.wamp import Event

PAGE: Final = 100
"""Notifications kept, the newest; ``client.call("tutorwamp.notification.list", cursor=…)`` finds older ones."""

_log = Logger()


class Notifications:
    """Made by ``Client.notifications``. Every method raises CallError."""

    def __init__(self, connection: Connection, streams: Streams, user_id: str) -> None:
        self.unread_count = 0
        """Of all that there are, as of the newest event."""
        self._connection = connection
        self._streams = streams
        self._topic = f"tutorwamp.user.{user_id}.notifications"
        self._known: dict[str, Plain] = {}
        self._heard = self._following = False
        self._one_at_a_time = DeferredLock()  # who opens them twice at once hears them once
        self._reading: object | None = None
        """Stands for the reading that counts; one that was overtaken by another is thrown away."""
        self._held: list[Plain] = []
        self._handlers: list[Handler] = []
        self._doubt = Doubt(connection, self._topic, self._look_again)

    @property
    def items(self) -> tuple[Plain, ...]:
        """The newest first."""
        newest = sorted(self._known.values(), key=lambda one: (one.get("created_at") or "", one["id"]), reverse=True)
        return tuple(newest[:PAGE])

    def on_change(self, handler: Handler) -> None:
        """Be told each event once ``items`` and ``unread_count`` show it, in order and without a gap.

        One of the type ``notifications.opened`` is our own: they were read afresh, and may all be different.
        """
        self._handlers.append(handler)

    async def open(self) -> None:
        """Begin to keep them; returns when they are there."""
        await self._one_at_a_time.run(lambda: Deferred.fromCoroutine(self._open()))

    async def _open(self) -> None:
        if self._following:
            return
        early: list[Event] = []
        if not self._heard:
            await self._connection.subscribe(self._topic, lambda event: self._hear(event, early))
            self._heard = True
        # Heard before it is read, and followed from here on: nothing is missed in between.
        self._reading = reading = object()
        self._streams.follow(
            Tail(self._topic, await self._streams.head(self._topic), self._receive, reloaded=self._reload)
        )
        self._following = True
        for event in early:
            self._hear(event, early)
        await self._read(reading)

    def _hear(self, event: Event, early: list[Event]) -> None:
        if self._following:
            self._streams.receive(self._topic, event.values)
        else:
            early.append(event)

    async def mark_read(self, notification_ids: Sequence[str]) -> int:
        """These were seen; how many are not."""
        asked = {"notification_ids": list(notification_ids)}
        return await self._mark("mark_read", asked)

    async def mark_all_read(self) -> int:
        """All were seen."""
        return await self._mark("mark_all_read", {})

    async def _mark(self, verb: str, asked: Mapping[str, Any]) -> int:
        answer = await self._connection.call_until_answered(f"tutorwamp.notification.{verb}", **asked)
        count: int = answer["unread_count"]
        return count

    async def _read(self, reading: object) -> None:
        ask = self._connection.call_until_answered
        counted = await ask("tutorwamp.notification.unread_count")
        page = await ask("tutorwamp.notification.list", limit=PAGE)
        if self._reading is not reading:
            return
        # They are as of the position we follow from, or later; each event says the whole again.
        self.unread_count = counted["unread_count"]
        self._known = {one["id"]: one for one in filter(is_named, rows(page["items"]))}
        self._reading = None
        self._notify({"type": "notifications.opened"})
        held, self._held = self._held, []
        for event in held:
            self._receive(event)

    def _reload(self, _head: int) -> None:
        self._reading = reading = object()
        self._held.clear()
        doing = Deferred.fromCoroutine(self._read(reading))
        doing.addErrback(lambda failure: failure.trap(CallError))  # closed; the next ``open`` says why

    def _receive(self, event: Plain) -> None:
        if self._reading is not None:
            self._held.append(event)
            return
        data = event.get("data")
        said: Plain = data if isinstance(data, dict) else {}
        if event.get("type") in EVENTS["notifications"] and not self._apply(event["type"], said):
            self._doubt.arise(f"{event['type']} without what it is about")
        if is_count(said.get("unread_count")):  # each event says it, those of a later version too
            self.unread_count = said["unread_count"]
        self._known = {one["id"]: one for one in self.items}
        self._notify(event)

    def _apply(self, kind: str, data: Plain) -> bool:
        """Whether it could be read."""
        if kind == "notification.created":
            told = data.get("notification")
            if not is_named(told):
                return False
            self._known[told["id"]] = told
            return True
        read = data.get("notification_ids", ())
        for one in list(self._known.values()):
            if one.get("read_at") is None and (read is None or one["id"] in read):
                self._known[one["id"]] = {**one, "read_at": data.get("read_at")}
        return "notification_ids" in data

    def _look_again(self) -> None:
        if self._reading is None:
            self._reload(0)

    def _notify(self, values: Mapping[str, Any]) -> None:
        for handler in list(self._handlers):
            hand_over(Event(self._topic, values), handler)
