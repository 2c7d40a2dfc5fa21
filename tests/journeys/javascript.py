"""Somebody who uses wampy under Node.js."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol

from tests.support import npm
from tests.support.machine import PASSWORD
from tests.support.people import Hearing
from tests.support.wamp import PATIENCE_S, Reachable
from tutorwamp.client import CallError


class JavaScriptPerson(Hearing, ProcessProtocol):
    """Uses wampy under Node.js, over JSON (person.mjs)."""

    def __init__(self) -> None:
        super().__init__()
        self.user: dict[str, Any] = {}
        self._ids = itertools.count(1)
        self._answers: dict[int, Deferred[Any]] = {}
        self._ready: Deferred[None] = Deferred()
        self._ended: Deferred[None] = Deferred()
        self._unfinished = b""

    @classmethod
    async def enter(cls, node: Reachable, email: str, lesson_id: str) -> JavaScriptPerson:
        """Log in, connect, join, hear everything."""
        person = cls()
        executable = npm.node()
        script = Path(__file__).with_name("person.mjs")
        reactor.spawnProcess(
            person,
            executable,
            [executable, "--experimental-websocket", "--no-warnings", str(script), str(npm.folder())],
            env=os.environ,
            childFDs={0: "w", 1: "r", 2: 2},
        )
        person._say({"url": node.url, "email": email, "password": PASSWORD, "lesson_id": lesson_id})
        await person._ready.addTimeout(PATIENCE_S, reactor)
        return person

    async def call(self, uri: str, **arguments: Any) -> Any:
        number = next(self._ids)
        answer = self._answers[number] = Deferred()
        self._say({"id": number, "call": uri, "kwargs": arguments})
        return await answer.addTimeout(PATIENCE_S, reactor)

    async def close(self) -> None:
        self._say({"bye": True})
        await self._ended.addTimeout(PATIENCE_S, reactor)

    def outReceived(self, data: bytes) -> None:
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._understand(json.loads(line))

    def _understand(self, said: dict[str, Any]) -> None:
        if "ready" in said:
            self.user = said["user"]
            self._ready.callback(None)
        elif "failed" in said:
            self._ready.errback(AssertionError(said["failed"]))
        elif "event" in said:
            self.hear(said["event"], said["kwargs"])
        elif "id" in said:
            answer = self._answers.pop(said["id"])
            if "error" in said:
                kwargs = said["error"]["kwargs"]
                answer.errback(CallError.from_fields(said["error"]["uri"], kwargs.get("message", ""), kwargs))
            else:
                answer.callback(said["result"])

    def processEnded(self, _reason: Any) -> None:
        self._ended.callback(None)

    def _say(self, line: dict[str, Any]) -> None:
        assert self.transport is not None
        self.transport.write(json.dumps(line).encode() + b"\n")
