"""Files of a lesson: sent over REST before the message that shows them, a piece of them in memory at a time.

::

    sent = await client.upload(lesson.id, Path("homework.pdf"))
    await lesson.send("Here it is", file_ids=[sent["id"]])
    await client.download(lesson.id, sent["id"], Path("copy.pdf"))
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import quote
from uuid import uuid4

import treq
from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers

from tutorwamp.client.errors import CallError
from tutorwamp.client.login import NOT_ANSWERED, UNAUTHENTICATED, Login
from tutorwamp.kernel.text import composed

TRIES_AT_MOST: Final = 3
"""Of a file whose answer was lost; the server keeps it once."""
ANSWER_TIMEOUT_S: Final = 60.0
"""Beyond the time that the bytes take: a scanner may look at them."""
BYTES_A_S: Final = 32 * 1024
"""The slowest line that is waited for."""
ANY_SIZE: Final = 32 * 1024 * 1024
"""Bytes of the largest file that a server gives out by default, and some."""


class Files:
    """Made by ``Client``. Methods raise CallError; what the disk does not give or take raises OSError."""

    def __init__(self, login: Login) -> None:
        self._login = login

    async def upload(self, lesson_id: str, file: Path | bytes, *, name: str | None = None) -> dict[str, Any]:
        """Send a file into a lesson; its ``id`` is for ``file_ids``. Sent again where the network drops, kept once.

        ``name``: what it is called, by default as on the disk.
        """
        called = composed(name or (file.name if isinstance(file, Path) else "file"))
        path = f"/api/lessons/{lesson_id}/files?name={quote(called, safe='')}"
        key = uuid4().hex
        for tried in range(1, TRIES_AT_MOST + 1):
            try:
                return await self._with_token(partial(self._send, path, key, file))
            except CallError as error:
                if error.uri != "tutorwamp.error.unavailable" or tried == TRIES_AT_MOST:
                    raise
        raise AssertionError("unreachable: the loop returns or raises")

    async def download(self, lesson_id: str, file_id: str, into: Path | None = None) -> bytes:
        """A file's bytes; with ``into`` they are written there, and none are answered."""
        path = f"/api/lessons/{lesson_id}/files/{file_id}"
        if into is None:
            content = BytesIO()
            await self._with_token(lambda token: self._fetch(path, content, token))
            return content.getvalue()
        with into.open("wb") as file:
            await self._with_token(lambda token: self._fetch(path, file, token))
        return b""

    async def _with_token(self, ask: Callable[[str], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        token = await self._login.access_token()
        try:
            return await ask(token)
        except CallError as error:
            if error.uri != UNAUTHENTICATED:
                raise
        return await ask(await self._login.replace(token))

    async def _send(self, path: str, key: str, file: Path | bytes, token: str) -> dict[str, Any]:
        headers = {"Content-Type": ["application/octet-stream"], "Idempotency-Key": [key]}
        # Opened for each try: whoever sends it closes it, also where it is refused before it is sent.
        with file.open("rb") if isinstance(file, Path) else BytesIO(file) as body:
            size = body.seek(0, os.SEEK_END)
            body.seek(0)
            response = await self._ask("POST", path, headers, token, size, data=body)
            return _read(response.code, await self._in_time(response.content(), 0))

    async def _fetch(self, path: str, into: BinaryIO, token: str) -> dict[str, Any]:
        response = await self._ask("GET", path, {}, token, 0)
        if response.code != 200:
            return _read(response.code, await self._in_time(response.content(), 0))
        into.seek(0)
        into.truncate()

        def write(piece: bytes) -> None:
            into.write(piece)

        await self._in_time(treq.collect(response, write), ANY_SIZE)
        return {}

    async def _ask(
        self, method: str, path: str, headers: dict[str, list[str]], token: str, size: int, **more: Any
    ) -> Any:
        asked = Headers({"Authorization": [f"Bearer {token}"], **headers})
        url = self._login.base_url + path
        return await self._in_time(self._login.http.request(method, url, headers=asked, **more), size)

    async def _in_time(self, step: Deferred[Any], size: int) -> Any:
        try:
            return await step.addTimeout(ANSWER_TIMEOUT_S + size / BYTES_A_S, self._login.clock)
        except NOT_ANSWERED as error:
            raise CallError("tutorwamp.error.unavailable", f"{self._login.base_url} does not answer.") from error


def _read(status: int, content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:  # not JSON, or not UTF-8
        answer = None
    if status >= 400 or not isinstance(answer, dict):
        raise CallError.from_problem(status, answer)
    return answer
