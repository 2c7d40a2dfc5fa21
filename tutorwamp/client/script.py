"""The same client for scripts: every method waits for its answer.

::

    with tutorwamp.client.script.connect("http://127.0.0.1:8080", "ada@example.org", "correct horse") as me:
        lesson = me.join(lesson_id)
        lesson.send("Good morning")
        for event in lesson.events(timeout_s=60):
            print(event.type, event["data"])

Twisted's reactor runs in a daemon thread of its own, started with the first ``connect`` and shared by all; where a
reactor runs already, in another thread, that one is used. Everything raises CallError as in ``Client``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from inspect import isawaitable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event as Signal
from threading import Lock, Thread
from typing import Any, Final, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.threads import blockingCallFromThread
from twisted.python.threadable import isInIOThread

from tutorwamp.client.client import Client, socket_url
from tutorwamp.client.errors import CallError
from tutorwamp.client.lesson import Lesson
from tutorwamp.client.wamp import Event, Serializer, Session, join

CONNECT_TIMEOUT_S: Final = 30.0
"""A script should not wait for ever for a server that is not there; a node starts in less."""
HEARD: Final = ("state", "chat", "presence")
"""What a joined lesson listens to unless told otherwise: the topics that people, not pens, fill."""

Answer = TypeVar("Answer")

_starting = Lock()


@contextmanager
def connect(
    base_url: str,
    email: str,
    password: str,
    *,
    timeout_s: float = CONNECT_TIMEOUT_S,
    serializer: Serializer = "cbor",
) -> Iterator[Me]:
    """Log in and connect for the length of a ``with`` block. Raises CallError when there is nobody within the time."""
    ensure_reactor()
    client = Client(base_url, serializer=serializer)
    wait_for(lambda: client.log_in(email, password))
    try:
        wait_for(lambda: _opened(client, timeout_s))
        yield Me(client)
    finally:
        wait_for(client.close)
        with suppress(CallError):  # the server may be gone, and its tokens end by themselves
            wait_for(client.login.log_out)


def refusal_of(base_url: str, ticket: str) -> CallError | None:
    """Ask to be let in with a ticket, once: why one is not; None where one is, and leaves again."""
    from twisted.internet import reactor

    ensure_reactor()
    running = cast("Any", reactor)

    async def knock() -> None:
        session = Session(ticket, lambda *_: None)
        await join(session, socket_url(base_url), serializer="cbor", reactor=running, clock=running)
        session.cut()

    try:
        wait_for(knock)
    except CallError as refused:
        return refused
    return None


class Me:
    """A ``Client`` whose methods wait. ``client`` is the one behind it, for the reactor's thread only."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def user(self) -> dict[str, Any]:
        """Who we are."""
        return self.client.user

    def call(self, uri: str, /, **arguments: Any) -> Any:
        """Call any procedure once."""
        return wait_for(lambda: self.client.call(uri, **arguments))

    def call_until_answered(self, uri: str, /, **arguments: Any) -> Any:
        """Call any procedure until there is an answer."""
        return wait_for(lambda: self.client.call_until_answered(uri, **arguments))

    def upload(self, lesson_id: str, file: Path | bytes, *, name: str | None = None) -> dict[str, Any]:
        """Keep a file for a message of the lesson; its ``id`` is for ``file_ids`` of ``send``."""
        return wait_for(lambda: self.client.upload(lesson_id, file, name=name))

    def download(self, lesson_id: str, file_id: str, into: Path | None = None) -> bytes:
        """A file's bytes, or none of them where they were written ``into`` a path."""
        return wait_for(lambda: self.client.download(lesson_id, file_id, into))

    def accept(self, code: str) -> dict[str, Any]:
        """Come to a lesson's students by its code; answers the lesson."""
        return wait_for(lambda: self.client.accept(code))

    def change_password(self, current_password: str, password: str) -> dict[str, Any]:
        """Set another password: every other login of ours ends."""
        return wait_for(lambda: self.client.change_password(current_password, password))

    def notifications(self) -> Any:
        """``Notifications`` whose methods wait."""
        return Waiting(wait_for(self.client.notifications))

    @property
    def login(self) -> Any:
        """The ``Login`` behind it, whose methods wait: REST, and one's account."""
        return Waiting(self.client.login)

    def join(self, lesson_id: str, *, hear: Sequence[str] = HEARD) -> ScriptLesson:
        """Join a lesson and collect the events of these topics from now on."""
        return wait_for(lambda: self._join(lesson_id, hear))

    async def _join(self, lesson_id: str, hear: Sequence[str]) -> ScriptLesson:
        lesson = ScriptLesson(await self.client.join(lesson_id))
        for kind in hear:
            await lesson.lesson.on(kind, lesson.collect)
        return lesson


class ScriptLesson:
    """A ``Lesson`` whose methods wait. ``lesson`` is the one behind it; its values may be read from anywhere."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        lesson.on_closed(lambda _: self._events.put(None))

    def collect(self, event: Event) -> None:
        """Keep an event for ``events``."""
        self._events.put(event)

    def events(self, timeout_s: float | None = None) -> Iterator[Event]:
        """The events since joining, as they come; ends after ``timeout_s`` of silence, or when we are out of it."""
        while True:
            try:
                event = self._events.get(timeout=timeout_s)
            except Empty:
                return
            if event is None:
                self._events.put(None)  # still true for whoever asks again
                return
            yield event

    def leave(self) -> None:
        """Leave for good."""
        wait_for(self.lesson.leave)

    def send(
        self,
        body: str,
        *,
        client_id: str | None = None,
        reply_to: str | None = None,
        file_ids: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Send a message and answer it as it was stored."""
        return wait_for(lambda: self.lesson.send(body, client_id=client_id, reply_to=reply_to, file_ids=file_ids))

    def edit(self, message_id: str, body: str) -> dict[str, Any]:
        """Change one's own message."""
        return wait_for(lambda: self.lesson.edit(message_id, body))

    def delete(self, message_id: str) -> dict[str, Any]:
        """Delete a message."""
        return wait_for(lambda: self.lesson.delete(message_id))

    def react(self, message_id: str, emoji: str, *, on: bool = True) -> dict[str, Any]:
        """Put a reaction on a message, or take it back."""
        return wait_for(lambda: self.lesson.react(message_id, emoji, on=on))

    def report(self, message_id: str, reason: str) -> dict[str, Any]:
        """Tell the admins of somebody else's message."""
        return wait_for(lambda: self.lesson.report(message_id, reason))

    def history(self, *, limit: int | None = None, cursor: str | None = None) -> dict[str, Any]:
        """A page of messages, newest first."""
        return wait_for(lambda: self.lesson.history(limit=limit, cursor=cursor))

    def mark_read(self, seq: int) -> dict[str, Any]:
        """Say that everything up to ``seq`` was read."""
        return wait_for(lambda: self.lesson.mark_read(seq))

    def set_rules(
        self, *, chat: str | None = None, unattended: str | None = None, muted: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Say what students may do."""
        return wait_for(lambda: self.lesson.set_rules(chat=chat, unattended=unattended, muted=muted))

    def raise_hand(self) -> dict[str, Any]:
        """Raise one's own hand."""
        return wait_for(self.lesson.raise_hand)

    def lower_hand(self, user_id: str | None = None, *, everybody: bool = False) -> dict[str, Any]:
        """Lower one's own hand, somebody's or everybody's."""
        return wait_for(lambda: self.lesson.lower_hand(user_id, everybody=everybody))

    def set_timer(self, ends_at: str | None, *, title: str | None = None) -> dict[str, Any]:
        """Show everybody when the time is over, or take the timer away."""
        return wait_for(lambda: self.lesson.set_timer(ends_at, title=title))

    def invite(self, *, ttl_s: int | None = None) -> dict[str, Any]:
        """Make a code by which students come to the lesson; the one before is over."""
        return wait_for(lambda: self.lesson.invite(ttl_s=ttl_s))

    def lead(self, page: str, x: float, y: float, width: float, height: float) -> None:
        """Show everybody a part of the board."""
        wait_for(lambda: self.lesson.lead(page, x, y, width, height))

    def lead_nobody(self) -> None:
        """Let everybody look where they like."""
        wait_for(self.lesson.lead_nobody)

    def media(self) -> dict[str, Any]:
        """How to enter the media server's room."""
        return wait_for(self.lesson.media)

    def show_typing(self, typing: bool) -> None:
        """Tell the others that one is typing, or not any more."""
        wait_for(lambda: self.lesson.show_typing(typing))

    def show_cursor(self, page: str, x: float, y: float, *, laser: bool = False) -> None:
        """Tell the others where one points."""
        wait_for(lambda: self.lesson.show_cursor(page, x, y, laser=laser))

    def chat(self) -> Any:
        """The kept ``Chat``, whose methods wait."""
        return Waiting(wait_for(self.lesson.chat))

    def board(self) -> Any:
        """The kept ``Board``, whose methods wait."""
        return Waiting(wait_for(self.lesson.board))

    def polls(self) -> Any:
        """The kept ``Polls``, whose methods wait."""
        return Waiting(wait_for(self.lesson.polls))


class Waiting:
    """Something of the client's for scripts: its coroutine methods wait, all else of it runs in the reactor's thread.

    Untyped, for it is any of them: the class behind it says which methods there are, and what they raise.
    """

    def __init__(self, behind: object) -> None:
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        if not callable(found):
            return found

        def doing(*arguments: Any, **named: Any) -> Any:
            async def done() -> Any:
                made = found(*arguments, **named)
                return await made if isawaitable(made) else made

            made = wait_for(done)
            # What it makes (a stroke) belongs to the reactor's thread as well.
            return Waiting(made) if type(made).__module__.startswith("tutorwamp.client.") else made

        return doing


def wait_for(doing: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do something in the reactor's thread and wait here for its answer.

    Raises RuntimeError in the reactor's own thread: it would wait for itself.
    """
    from twisted.internet import reactor

    if isInIOThread():
        raise RuntimeError("the blocking client must not be used in the reactor's thread: use tutorwamp.client.Client")

    async def done() -> Answer:
        return await doing()

    start: Callable[[], Any] = partial(Deferred.fromCoroutine, done())
    answer: Answer = blockingCallFromThread(cast("Any", reactor), start)
    return answer


async def _opened(client: Client, timeout_s: float) -> None:
    from twisted.internet import reactor

    try:
        await Deferred.fromCoroutine(client.open()).addTimeout(timeout_s, cast("Any", reactor))
    except DeferredTimeout:
        raise client.connection.state.reason or CallError("tutorwamp.error.unavailable", "No connection.") from None


def ensure_reactor() -> None:
    """Have one that runs, for ``wait_for``."""
    from twisted.internet import reactor

    running = cast("Any", reactor)
    with _starting:
        if running.running:
            return
        started = Signal()
        running.callWhenRunning(started.set)
        # No signal handlers: they can only be set in the main thread, and Ctrl-C belongs to the script.
        Thread(target=running.run, kwargs={"installSignalHandlers": False}, name="tutorwamp", daemon=True).start()
        started.wait()
