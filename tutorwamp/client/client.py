"""One person with a login and a connection: the way in for programs.

::

    client = Client("http://127.0.0.1:8080")
    await client.log_in("ada@example.org", "correct horse")
    await client.open()
    lesson = await client.join(lesson_id)
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock

from tutorwamp.client.connection import Connection
from tutorwamp.client.errors import CallError
from tutorwamp.client.files import Files
from tutorwamp.client.lesson import Lesson
from tutorwamp.client.login import Login
from tutorwamp.client.notifications import Notifications
from tutorwamp.client.rules import Backoff
from tutorwamp.client.streams import Streams
from tutorwamp.client.wamp import Serializer


class Client:
    """``login`` is the REST side, ``connection`` the WAMP side; both may be used directly. Methods raise CallError."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8080",
        *,
        serializer: Serializer = "cbor",
        backoff: Backoff | None = None,
        reactor: Any = None,
    ) -> None:
        self.login = Login(base_url, reactor=reactor)
        self.connection = Connection(
            socket_url(base_url), self.login, serializer=serializer, backoff=backoff, reactor=reactor
        )
        self.connection.on_arrival(self._enter_lessons_again)
        self.files = Files(self.login)
        self.streams = Streams(self.connection)
        self._lessons: dict[str, Lesson] = {}
        self._joining: defaultdict[str, DeferredLock] = defaultdict(DeferredLock)
        """By lesson: who joins one twice at once is in it once, and joins others meanwhile."""
        self._notifications: Notifications | None = None

    @property
    def user(self) -> dict[str, Any]:
        """Who we are: ``{id, name, role, …}``. Raises CallError before the login."""
        if self.login.user is None:
            raise CallError("tutorwamp.error.unauthenticated", "Not logged in.")
        return self.login.user

    async def log_in(self, email: str, password: str) -> dict[str, Any]:
        """Log in and answer the user."""
        return await self.login.log_in(email, password)

    async def change_password(self, current_password: str, password: str) -> dict[str, Any]:
        """Set another password and answer the user. Every session ends, and this one comes back with the new login."""
        was_open = self.connection.state.kind != "closed"
        user = await self.login.change_password(current_password, password)
        if was_open:
            await self.connection.close()  # whether or not it has heard already that it is over
            await self.connection.open()
        return user

    async def open(self) -> None:
        """Connect, and stay connected from now on; see ``Connection.open``."""
        await self.connection.open()

    async def close(self) -> None:
        """Disconnect. The login stays good; ``login.log_out`` ends it."""
        await self.connection.close()

    async def call(self, uri: str, /, **arguments: Any) -> Any:
        """Call any procedure once; see ``Connection.call``."""
        return await self.connection.call(uri, **arguments)

    async def call_until_answered(self, uri: str, /, **arguments: Any) -> Any:
        """Call any procedure until there is an answer; see ``Connection.call_until_answered``."""
        return await self.connection.call_until_answered(uri, **arguments)

    async def join(self, lesson_id: str) -> Lesson:
        """Join a lesson, or answer the one that is joined already."""
        joining: Deferred[Lesson] = self._joining[lesson_id].run(lambda: Deferred.fromCoroutine(self._join(lesson_id)))
        return await joining

    async def _join(self, lesson_id: str) -> Lesson:
        known = self._lessons.get(lesson_id)
        if known is not None and known.is_open:
            return known
        lesson = Lesson(self.connection, self.streams, lesson_id, moderates=self.user["role"] != "student")
        await lesson.enter()
        self._lessons[lesson_id] = lesson
        return lesson

    async def upload(self, lesson_id: str, file: Path | bytes, *, name: str | None = None) -> dict[str, Any]:
        """Send a file into a lesson, for ``file_ids`` of a message; see ``Files.upload``."""
        return await self.files.upload(lesson_id, file, name=name)

    async def download(self, lesson_id: str, file_id: str, into: Path | None = None) -> bytes:
        """A file of a message; see ``Files.download``."""
        return await self.files.download(lesson_id, file_id, into)

    async def accept(self, code: str) -> dict[str, Any]:
        """Join a lesson's students with an invite code, however it is typed; answers the lesson."""
        lesson: dict[str, Any] = await self.connection.call_until_answered("tutorwamp.lesson.accept", code=code)
        return lesson

    async def notifications(self) -> Notifications:
        """What one should know, kept as it is from now on; the same one every time."""
        if self._notifications is None:
            self._notifications = Notifications(self.connection, self.streams, self.user["id"])
        await self._notifications.open()
        return self._notifications

    async def _enter_lessons_again(self) -> None:
        self._lessons = {lesson.id: lesson for lesson in self._lessons.values() if lesson.is_open}
        for lesson in list(self._lessons.values()):
            await lesson.enter_again()


def socket_url(base_url: str) -> str:
    """Where the WebSocket is, beside REST on the same origin."""
    return re.sub("^http", "ws", base_url.rstrip("/")) + "/ws"
