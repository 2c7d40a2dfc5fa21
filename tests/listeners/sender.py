"""A member whose client writes whatever bytes a test wants to send."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

from tests.gate.raw import WRITERS, Raw
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tutorwamp.client import Login
from tutorwamp.gate.decoding import CALL, PUBLISH

PUBLISHED, RESULT, ERROR = 17, 50, 8
HERE: Final = "@here@"
"""In the place of bytes that no library writes."""


class Sender:
    """One session. ``topics``: of the lesson it joined, by their last words."""

    def __init__(self, raw: Raw, user_id: str) -> None:
        self._raw, self.user_id = raw, user_id
        self._numbers = itertools.count(1)
        self.topics: dict[str, str] = {}

    @classmethod
    async def enter(cls, node: Node, email: str, serializer: str, lesson_id: str) -> Sender:
        login = Login(node.url)
        user = await login.log_in(email, PASSWORD)
        made = cls(await Raw.join(node, serializer, await login.access_token()), user["id"])
        made.topics = (await made.call("tutorwamp.lesson.join", {"lesson_id": lesson_id}))["topics"]
        return made

    async def call(self, uri: str, arguments: Mapping[str, Any]) -> Any:
        """Call, and expect a result."""
        number = self.ask(uri, arguments)
        answer = (await self.answers([number]))[number]
        assert answer[0] == RESULT, answer
        return answer[3][0]

    def ask(self, uri: str, arguments: Mapping[str, Any], value: bytes | None = None) -> int:
        """Call; the request's number. ``value`` goes in the place of ``HERE``."""
        return self._say(CALL, {}, uri, arguments, value)

    def publish(self, topic: str, said: Mapping[str, Any], value: bytes | None = None) -> int:
        """Publish, and want to know what became of it."""
        return self._say(PUBLISH, {"acknowledge": True}, self.topics[topic], said, value)

    def _say(
        self, kind: int, options: Mapping[str, Any], uri: str, said: Mapping[str, Any], value: bytes | None
    ) -> int:
        number = next(self._numbers)
        write = WRITERS[self._raw.serializer]
        payload = write([kind, number, options, uri, [], said])
        if value is not None:
            payload = payload.replace(write(HERE), value)
        self.say_bytes(payload)
        return number

    def say_bytes(self, payload: bytes) -> None:
        self._raw.say_bytes(payload)

    def next_number(self) -> int:
        return next(self._numbers)

    async def answers(self, numbers: list[int]) -> dict[int, list[Any]]:
        """What became of those requests: PUBLISHED, RESULT or ERROR. Every one of them is answered."""
        found: dict[int, list[Any]] = {}
        while len(found) < len(numbers):
            said = await self._raw.hear()
            assert said[0] in (PUBLISHED, RESULT, ERROR), said
            found[said[2] if said[0] == ERROR else said[1]] = said
        assert set(found) == set(numbers)
        return found

    def close(self) -> None:
        self._raw.cut()
