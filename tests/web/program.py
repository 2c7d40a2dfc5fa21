"""A program in Node.js on the JavaScript package (in-node.mjs), as a process."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol

from tests.support.machine import PASSWORD
from tests.support.waiting import until
from tests.support.wamp import PATIENCE_S


class Program(ProcessProtocol):
    """``told``: what the client has told, as (seconds of the monotonic clock, event, value)."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str, Any]] = []
        self._numbers = itertools.count(1)
        self._answers: dict[int, Deferred[Any]] = {}
        self._unfinished = b""
        self._ended: Deferred[None] = Deferred()

    @classmethod
    def start(cls, url: str, email: str) -> Program:
        program = cls()
        node = shutil.which("node") or "node"
        script = Path(__file__).with_name("in-node.mjs")
        command = [node, "--experimental-websocket", "--no-warnings", str(script)]
        reactor.spawnProcess(program, node, command, env=os.environ, childFDs={0: "w", 1: "r", 2: 2})
        program._say({"url": url, "email": email, "password": PASSWORD})
        return program

    async def run(self, expression: str) -> Any:
        """What an expression of the program is; AssertionError where it throws."""
        number = next(self._numbers)
        answer = self._answers[number] = Deferred()
        self._say({"id": number, "run": expression})
        return await answer.addTimeout(PATIENCE_S, reactor)

    async def becomes(self, state: str, *, within_s: float = PATIENCE_S) -> float:
        """Wait until the connection is so; how many seconds that took."""
        began = time.monotonic()
        await until(lambda: self.state == state, lambda: f"{state}, but {self.told}", within_s=within_s)
        return time.monotonic() - began

    @property
    def state(self) -> str:
        states = [value["new"] for _, event, value in self.told if event == "state"]
        return str(states[-1]) if states else "initial"

    @property
    def reason(self) -> str | None:
        """Of its last state."""
        last: dict[str, Any] = next(value for _, event, value in reversed(self.told) if event == "state")
        return last.get("reason")

    async def close(self) -> None:
        assert self.transport is not None
        self.transport.closeStdin()
        await self._ended.addTimeout(PATIENCE_S, reactor)

    def outReceived(self, data: bytes) -> None:
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for said in map(json.loads, lines):
            if "event" in said:
                self.told.append((time.monotonic(), said["event"], said.get("value")))
            elif "error" in said:
                self._answers.pop(said["id"]).errback(AssertionError(said["error"]))
            else:
                self._answers.pop(said["id"]).callback(said["result"])

    def processEnded(self, _reason: Any) -> None:
        self._ended.callback(None)

    def _say(self, line: dict[str, Any]) -> None:
        assert self.transport is not None
        self.transport.write(json.dumps(line).encode() + b"\n")
