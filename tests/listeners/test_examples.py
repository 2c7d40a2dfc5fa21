"""The way to connect with autobahn-js that ``docs/javascript.md`` shows comes back, however its session ended."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.protocol import ProcessProtocol

from tests.conftest import HURRIED, migrated_node
from tests.journeys.people import PASSWORD, register
from tests.listeners.installed import javascript
from tests.support.node import ROOT
from tests.support.wamp import PATIENCE_S
from tutorwamp.client import Login

PAGE = (ROOT / "docs" / "javascript.md").read_text()
(EXAMPLE,) = (one for one in re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL) if "autobahn.Connection" in one)
BEFORE = """
import {{ createRequire }} from "node:module";
const autobahn = createRequire("{folder}/")("autobahn");
const user = {user}, accessToken = "{token}";
const arrive = () => console.log("here");
"""
AFTER = """
const told = connection.onclose;
connection.onclose = (reason, details) => (console.log(details.reason ?? "lost"), told(reason, details));
"""


class Program(ProcessProtocol):
    def __init__(self) -> None:
        self.said: DeferredQueue[str] = DeferredQueue()
        self.ended: Deferred[None] = Deferred()

    def outReceived(self, data: bytes) -> None:
        for line in data.decode().split():
            self.said.put(line)

    def processEnded(self, _reason: Any) -> None:
        self.ended.callback(None)

    async def says(self, *words: str) -> None:
        """Wait for these words; how often it tried in vain does not matter."""
        for word in words:
            while await self.said.get().addTimeout(PATIENCE_S, reactor) != word:
                pass


@pytest_twisted.ensureDeferred
async def test_autobahn_js_comes_back_after_draining_a_silence_and_a_killed_node(tmp_path: Path) -> None:
    executable, folder = javascript()
    times = {"TUTORWAMP_REALTIME_PING_TIMEOUT": "6s", "TUTORWAMP_HEARTBEAT_INTERVAL": "2s"}
    node = migrated_node(env={**HURRIED, **times})
    with node.running():
        email, user = await register(node, "Stan", "student")
        login = Login(node.url)
        await login.log_in(email, PASSWORD)
        token = await login.access_token()
        file = tmp_path / "example.mjs"
        before = BEFORE.format(folder=folder, user=json.dumps(user), token=token)
        file.write_text(before + EXAMPLE.replace("ws://127.0.0.1:8080/ws", node.ws_url) + AFTER)
        program = Program()
        command = [executable, "--no-experimental-websocket", str(file)]  # its own: Node's does not tell of a refusal
        process = reactor.spawnProcess(program, executable, command, env=os.environ, childFDs={0: "w", 1: "r", 2: 2})
        await program.says("here", "tutorwamp.close.ping_timeout", "here")
        node.stop()
        node.start()
        node.wait_ready()
        await program.says("tutorwamp.close.draining", "here")
        node.kill()
        node.start()
        node.wait_ready()
        await program.says("lost", "here")
        process.signalProcess("KILL")
        await program.ended
