"""One lesson as a participant sees it: join, hear, speak, leave; still joined after a reconnect.

::

    lesson = await client.join(lesson_id)
    await lesson.on("message.created", lambda event: print(event["data"]["body"]))
    await lesson.send("Good morning")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any, Final
from uuid import uuid4

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from tutorwamp.client.board import Board
from tutorwamp.client.chat import Chat
from tutorwamp.client.connection import Connection, Handler, Subscription, hand_over
from tutorwamp.client.errors import CallError, Disconnected
from tutorwamp.client.known import EVENTS, is_named, rows
from tutorwamp.client.polls import Polls
from tutorwamp.client.rules import repeat
from tutorwamp.client.streams import Streams, Tail
from tutorwamp.client.wamp import Event
from tutorwamp.kernel.text import composed

_log = Logger()
CURSOR_INTERVAL_S: Final = 1 / 20
"""Between two positions (B32)."""

KIND_OF: Final[Mapping[str, str]] = {
    # The part of an event's type before the dot says on which topic it comes, where it is not the topic's own name.
    "lesson": "state",
    **dict.fromkeys(("pen", "rules", "hand", "timer"), "state"),
    "message": "chat",
    "reaction": "chat",
    "read": "chat",
    "page": "board",
    "poll": "polls",
    "participant": "presence",
}


class Lesson:
    """Made by ``Client.join``. Every method raises CallError.

    What changes something and cannot be answered because the connection is lost is repeated until it is; what is said
    in the chat goes one after the other, in the order of calling, and messages carry a ``client_id``, so that they are
    sent once however often that happens (S12).
    """

    def __init__(self, connection: Connection, streams: Streams, lesson_id: str, *, moderates: bool = False) -> None:
        self.id = lesson_id
        self.lesson: dict[str, Any] = {}
        """The lesson, as of the last join, or the newest event of the topic ``state`` where that is heard."""
        self.view: dict[str, Any] | None = None
        """What the tutor leads everybody to, as of the last join, or the newest event of the topic ``view``."""
        self.participants: list[dict[str, Any]] = []
        """Who was there at the last join; the topic ``presence`` says what changed since."""
        self.topics: dict[str, str] = {}
        """By kind, as the server has named them."""
        self.heads: dict[str, int] = {}
        """The ``seq`` of each stream's newest event at the last join. What the other topics say is neither kept nor
        numbered, and lost with a lost connection."""
        self.is_open = False
        self._connection = connection
        self._streams = streams
        self._clock = connection.clock
        self._reading: object | None = None
        """Stands for the reading of the lesson that counts: what was heard since then is newer, perhaps."""
        self._board: Board | None = None
        self._chat: Chat | None = None
        self._polls: Polls | None = None
        self._moderates = moderates
        self._cursor: dict[str, Any] = {}
        self._cursor_shown_at = -inf
        self._cursor_due: IDelayedCall | None = None
        self._heard: dict[str, Subscription] = {}
        self._one_at_a_time = DeferredLock()  # two subscriptions to one topic would deliver everything twice
        self._turn = DeferredLock()
        self._handlers: dict[str, list[Handler]] = {}
        self._closed_watchers: list[Callable[[CallError | None], object]] = []

    # Being there

    async def enter(self) -> None:
        """Join in the connection's present session; its topics are open to us from now on."""
        joined = await self._connection.call("tutorwamp.lesson.join", lesson_id=self.id)
        self.lesson = joined["lesson"]
        self.participants = rows(joined.get("participants"))
        self.topics = joined["topics"]
        self.heads = joined.get("heads", {})
        self.view = joined.get("view")
        self._streams.joined(joined.get("epoch"))
        self.is_open = True

    async def enter_again(self) -> None:
        """Join in a new session. Waits for a server that is not ready; closes the lesson where it refuses.

        Raises Disconnected when this session is lost as well.
        """
        try:
            await repeat(self.enter, pause=self._connection.pause, while_=_worth_waiting)
        except Disconnected:
            raise
        except CallError as error:
            self.close(error)

    async def leave(self) -> None:
        """Leave for good: the place is not kept."""
        heard, self._heard = self._heard, {}
        for subscription in heard.values():
            with suppress(Disconnected):  # then it is gone with the session
                await subscription.cancel()
        await self._connection.call_until_answered("tutorwamp.lesson.leave", lesson_id=self.id)
        self.close(None)

    def close(self, reason: CallError | None) -> None:
        """Note that we are out of it, and tell those who want to know. Asks nobody; ``leave`` is the polite way."""
        if self.is_open:
            self.is_open = False
            for stream in self.heads:
                self._streams.forget(stream)
            for watcher in list(self._closed_watchers):
                try:
                    watcher(reason)
                except Exception:  # noqa: BLE001 - whatever a watcher raises
                    _log.failure("A watcher of the end of lesson {id} failed", id=self.id)

    def on_closed(self, watcher: Callable[[CallError | None], object]) -> None:
        """Be told when we are out: None after leaving, otherwise why (removed, or not let in again)."""
        self._closed_watchers.append(watcher)

    # Hearing

    async def on(self, what: str, handler: Handler) -> None:
        """Hear a topic (``chat``) or one type of event (``message.created``), across reconnects.

        The events of streams (those in ``heads``) come in order and each once, to the first handler of a topic all of
        them since joining. Where too many were missed, the topic's handlers get one of our own instead,
        ``chat.reloaded`` (or ``state.``, ``board.`` …), with the ``seq`` they go on from: read the state afresh.
        """
        word = what.partition(".")[0]
        kind = KIND_OF.get(word, word)
        if kind not in self.topics:
            raise ValueError(f"{what!r} is neither a topic ({', '.join(self.topics)}) nor a type of event")
        await self._one_at_a_time.run(lambda: Deferred.fromCoroutine(self._hear(kind)))
        self._handlers.setdefault(what, []).append(handler)

    async def _hear(self, kind: str) -> None:
        if kind in self._heard:
            return
        topic = self.topics[kind]
        if topic not in self.heads:
            receive = partial(self._receive, kind)
            self._heard[kind] = await self._connection.subscribe(topic, receive, revoked=self._revoked)
            return

        def deliver(values: dict[str, Any]) -> None:
            self._receive(kind, Event(topic, values))

        def reloaded(head: int) -> None:
            deliver({"type": f"{kind}.reloaded", "stream": topic, "seq": head})

        self._streams.follow(Tail(topic, self.heads[topic], deliver, reloaded=reloaded))
        self._heard[kind] = await self._connection.subscribe(
            topic, lambda event: self._streams.receive(topic, event.values), revoked=self._revoked
        )
        self._streams.compare(topic)  # what happened between joining and subscribing

    async def show_typing(self, typing: bool) -> None:
        """Tell the others that we are writing. Lost with a lost connection, as it should be."""
        await self._connection.publish(self._topic("typing"), typing=typing)

    async def show_cursor(self, page: str, x: float, y: float, *, laser: bool = False) -> None:
        """Tell the others where we point, with ``laser`` from afar. Lost with a lost connection, as it should be.

        May be called for each movement: what is too much for the others (B32) is replaced by the next, and the last
        position follows by itself.
        """
        self._cursor = {"page": page, "x": x, "y": y, **({"laser": True} if laser else {})}
        if self._cursor_due is None:
            wait_s = self._cursor_shown_at + CURSOR_INTERVAL_S - self._clock.seconds()
            if wait_s <= 0:
                await self._publish_cursor()
            else:
                self._cursor_due = self._clock.callLater(wait_s, self._show_last_cursor)

    def _show_last_cursor(self) -> None:
        self._cursor_due = None
        showing = Deferred.fromCoroutine(self._publish_cursor())
        showing.addErrback(lambda failure: failure.trap(CallError))  # nobody waits for it any more

    async def _publish_cursor(self) -> None:
        self._cursor_shown_at = self._clock.seconds()
        await self._connection.publish(self._topic("cursor"), **self._cursor)

    async def board(self) -> Board:
        """The lesson's board, kept as it is from now on; the same one every time."""
        if self._board is None:
            topic = self._topic("board")
            expect = partial(self._streams.expect, topic)
            self._board = Board(self._connection, self.id, topic, hear=partial(self.on, "board"), expect=expect)
            self.on_closed(self._board.close)
        await self._board.open()
        return self._board

    async def chat(self) -> Chat:
        """The lesson's chat, kept as it is from now on; the same one every time."""
        if self._chat is None:
            self._chat = Chat(
                self._connection,
                self._streams,
                self.id,
                self._topic("chat"),
                hear=partial(self.on, "chat"),
                send=self.send,
                history=self.history,
            )
            self.on_closed(self._chat.close)
        await self._chat.open()
        return self._chat

    async def polls(self) -> Polls:
        """The lesson's polls, kept as they are from now on; the same ones every time."""
        if self._polls is None:
            self._polls = Polls(
                self._connection,
                self._streams,
                self.id,
                self._topic("polls"),
                hear=partial(self.on, "polls"),
                moderates=self._moderates,
            )
            self.on_closed(self._polls.close)
        await self._polls.open()
        return self._polls

    def _topic(self, kind: str) -> str:
        if kind not in self.topics:
            raise CallError("tutorwamp.error.not_found", f"This server has no {kind}.")
        return self.topics[kind]

    # Leading

    async def invite(self, *, ttl_s: int | None = None) -> dict[str, Any]:
        """Make an invite code, which ends the one before: ``code``, ``url`` and ``expires_at``; for its tutor."""
        return await self._lead("invite", **_given(ttl_s=ttl_s))

    async def lead(self, page: str, x: float, y: float, width: float, height: float) -> None:
        """Show everybody this part of the board; for its tutor. At most 20 a second, please."""
        await self._lead("lead", view={"page": page, "x": x, "y": y, "width": width, "height": height})

    async def lead_nobody(self) -> None:
        """Let everybody look where they like."""
        await self._lead("lead", view=None)

    async def media(self) -> dict[str, Any]:
        """How to enter the lesson's room on the media server: ``url``, ``token`` and ``expires_at``."""
        return await self._lead("media")

    async def _lead(self, verb: str, **arguments: Any) -> dict[str, Any]:
        procedure = f"tutorwamp.lesson.{verb}"
        answer: dict[str, Any] = await self._connection.call_until_answered(procedure, lesson_id=self.id, **arguments)
        return answer

    # Speaking

    async def send(
        self,
        body: str,
        *,
        client_id: str | None = None,
        reply_to: str | None = None,
        file_ids: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Send a message, with files that were uploaded (``Client.upload``) or without, and answer it as stored."""
        files = list(file_ids) if file_ids else None
        given = _given(reply_to=reply_to, file_ids=files)
        arguments = {"body": composed(body), "client_id": client_id or uuid4().hex, **given}
        return await self._in_turn("send", lesson_id=self.id, **arguments)

    async def edit(self, message_id: str, body: str) -> dict[str, Any]:
        """Change one's own message; answers it."""
        return await self._in_turn("edit", message_id=message_id, body=composed(body))

    async def delete(self, message_id: str) -> dict[str, Any]:
        """Delete a message; answers what is left of it."""
        return await self._in_turn("delete", message_id=message_id)

    async def react(self, message_id: str, emoji: str, *, on: bool = True) -> dict[str, Any]:
        """Put a reaction on a message, or take it back; answers the message."""
        return await self._in_turn("react", message_id=message_id, emoji=emoji, on=on)

    async def report(self, message_id: str, reason: str) -> dict[str, Any]:
        """Tell the admins of a message: its ``report_id``. Nobody else hears of it."""
        return await self._call("report", message_id=message_id, reason=composed(reason))

    async def history(self, *, limit: int | None = None, cursor: str | None = None) -> dict[str, Any]:
        """A page of messages, newest first: ``items`` and ``next_cursor``."""
        return await self._call_here("history", **_given(limit=limit, cursor=cursor))

    async def mark_read(self, seq: int) -> dict[str, Any]:
        """Say that everything up to ``seq`` was read: ``read_seq`` and ``unread_count``."""
        return await self._call_here("mark_read", seq=seq)

    async def _in_turn(self, verb: str, **arguments: Any) -> dict[str, Any]:
        asking: Deferred[dict[str, Any]] = self._turn.run(lambda: Deferred.fromCoroutine(self._call(verb, **arguments)))
        return await asking

    async def _call_here(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return await self._call(verb, lesson_id=self.id, **arguments)

    async def _call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await self._connection.call_until_answered(f"tutorwamp.chat.{verb}", **arguments)
        return answer

    # The classroom

    async def set_rules(
        self, *, chat: str | None = None, unattended: str | None = None, muted: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Say what students may do (the tutor): what is given changes; ``muted`` is all of them. Answers the lesson."""
        given = _given(chat=chat, unattended=unattended, muted=None if muted is None else list(muted))
        return await self._ask("set_rules", **given)

    async def raise_hand(self) -> dict[str, Any]:
        """Raise one's own hand; answers the lesson, whose ``hands`` stand in the order they went up."""
        return await self._ask("raise_hand", up=True)

    async def lower_hand(self, user_id: str | None = None, *, everybody: bool = False) -> dict[str, Any]:
        """Lower one's own hand, or (the tutor) somebody's, or everybody's; answers the lesson."""
        all_of_them = {"all": True} if everybody else {}
        return await self._ask("raise_hand", up=False, **_given(user_id=user_id), **all_of_them)

    async def set_timer(self, ends_at: str | None, *, title: str | None = None) -> dict[str, Any]:
        """Show everybody when the time is over (the tutor), or take the timer away; answers the lesson."""
        return await self._ask("set_timer", ends_at=ends_at, **_given(title=title))

    async def _ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await self._connection.call_until_answered(
            f"tutorwamp.lesson.{verb}", lesson_id=self.id, **arguments
        )
        return answer

    def _receive(self, kind: str, event: Event) -> None:
        # The one door for events of this lesson, whichever topic they come by.
        if kind == "state":
            self._see(event)
        if event.type == "view.changed":
            self.view = event.values.get("view")
        for what in (kind, event.type):
            for handler in list(self._handlers.get(what or "", ())):
                hand_over(event, handler)

    def _see(self, event: Event) -> None:
        if event.type in EVENTS["state"] and is_named(event.values.get("data")):
            self._reading, self.lesson = None, event["data"]
            return
        if event.type not in ("state.reloaded", *EVENTS["state"]):
            return  # of a later version
        mine = self._reading = object()

        async def read() -> None:
            now = await self._connection.call_until_answered("tutorwamp.lesson.get", lesson_id=self.id)
            if self._reading is mine:
                self.lesson = now

        reading = Deferred.fromCoroutine(read())
        reading.addErrback(lambda failure: failure.trap(CallError))  # then we are out of it, and are told so

    def _revoked(self) -> None:
        self._heard.clear()
        self.close(CallError("tutorwamp.error.not_found", "We no longer belong to this lesson."))


def _given(**arguments: Any) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _worth_waiting(error: CallError) -> bool:
    return error.may_repeat and not isinstance(error, Disconnected)
