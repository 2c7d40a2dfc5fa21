"""The bare examples of docs/javascript.md and those of docs/client.md come back, however their session ended.

All of them are in one lesson; each says what is said there. A silence is a session without heartbeats: the JavaScript
examples have none, and the Python ones are stopped for that long.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import textwrap
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.protocol import ProcessProtocol

from tests.conftest import HURRIED, migrated_node
from tests.listeners.installed import javascript, why_no_javascript
from tests.support.machine import PASSWORD
from tests.support.node import ROOT, Node
from tests.support.people import PythonPerson, planned_lesson, register
from tests.support.wamp import PATIENCE_S
from tutorwamp.client import Login
from tutorwamp.kernel.contracts import new_id

WEB = ROOT / "tutorwamp" / "web"
WITH_WAMPY, WITH_AUTOBAHN, CALL_HEAR_TELL, JOIN, RESUME, BOARD = re.findall(
    r"```js\n(.*?)```", (ROOT / "docs" / "javascript.md").read_text().partition("## Without the package")[2], re.DOTALL
)
CLIENT = (ROOT / "docs" / "client.md").read_text()
IN_TWISTED, IN_A_SCRIPT = re.findall(r"```python\n(.*?)```", CLIENT, re.DOTALL)
(ON_THE_BOARD,) = re.findall(r"## The board\n.*?```py\n(.*?)```", CLIENT, re.DOTALL)
AUTOBAHN = (
    """
import autobahn from "autobahn";
const user = @user@, accessToken = "@token@", lesson_id = "@lesson_id@";
async function arrive(session) {
  const { topics } = await session.call("tutorwamp.lesson.join", [], { lesson_id });
  const show = ({ data }) => console.log(data.body);
  await session.subscribe(topics.chat, (_, event) => show(event));
  const { streams } = await session.call("tutorwamp.session.resume", [], { positions: { [topics.chat]: 0 } });
  streams[topics.chat].events.forEach(show);
  console.log("here");
}
"""
    + WITH_AUTOBAHN
)
WAMPY = f"""
import {{ WebSocket as Socket }} from "ws";
import {{ Board }} from "./client/board/board.mjs";
import {{ PenStroke }} from "./client/board/stroke.mjs";
import {{ Kept }} from "./client/chat/kept.mjs";
import {{ MemoryStorage }} from "./client/storage.mjs";
globalThis.WebSocket = Socket;
const user = @user@, me = user, accessToken = "@token@", lesson_id = "@lesson_id@";
const localStorage = new MemoryStorage();
const redraw = () => {{}}, showWords = () => {{}}, presence = () => {{}};
const chat = {{
  position: null,
  async begin(head) {{ this.position ??= head; }},
  hear(event) {{ this.position = event.seq; console.log(event.data.body); }},
}};
const readAfresh = (name) => {{ throw new Error(`${{name}} was to be complete`); }};
async function arrive(wampy) {{
  {JOIN}
  {{
    const topic = topics.cursor, show = () => {{}};
    {CALL_HEAR_TELL}
  }}
  {{
    const board = {{ position: heads[topics.board] ?? 0 }}, show = (event) => chat.hear(event);
    {RESUME}
  }}
  {BOARD}
  console.log("here");
}}
{WITH_WAMPY}"""
TWISTED_BOARD = f"""
import sys
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from tutorwamp.client import Client

async def main(reactor, url, email, password, lesson_id):
    client = Client(url)
    await client.log_in(email, password)
    await client.open()
    lesson = await client.join(lesson_id)
{textwrap.indent(ON_THE_BOARD, "    ")}
    print("here")
    await Deferred()

react(main, sys.argv[1:])
"""
PYTHON = {"twisted": IN_TWISTED, "script": IN_A_SCRIPT, "board": TWISTED_BOARD}
JAVASCRIPT = {"wampy": WAMPY, "autobahn": AUTOBAHN}


class Program(ProcessProtocol):
    """An example that runs, and what it says."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.said: DeferredQueue[str] = DeferredQueue()
        self.ended: Deferred[None] = Deferred()
        self._unfinished = b""

    @classmethod
    def start(cls, name: str, *command: str) -> Program:
        made = cls(name)
        reactor.spawnProcess(made, command[0], command, env=os.environ, childFDs={0: "w", 1: "r", 2: 2})
        return made

    def outReceived(self, data: bytes) -> None:
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for word in b" ".join(lines).decode().split():
            self.said.put(word)

    def processEnded(self, _reason: Any) -> None:
        self.ended.callback(None)

    async def says(self, word: str) -> None:
        """Wait for the word; what it says before does not matter."""
        heard: list[str] = []
        while word not in heard:
            try:
                heard.append(await self.said.get().addTimeout(PATIENCE_S, reactor))
            except Exception as error:
                raise AssertionError(f"{self.name} did not say {word!r}, but {heard}") from error

    def signal(self, number: int) -> None:
        assert self.transport is not None
        self.transport.signalProcess(number)


class Lesson:
    """Where the examples are, and a tutor who speaks and draws there."""

    def __init__(self, node: Node, folder: Path) -> None:
        self._node, self._folder = node, folder
        self.programs: dict[str, Program] = {}
        self._people: dict[str, tuple[str, dict[str, Any]]] = {}

    async def begin(self, names: list[str]) -> None:
        self._people = {name: await register(self._node, "Stan", "student") for name in names}
        email, _ = await register(self._node, "Tina", "tutor")
        self.tutor = await PythonPerson.enter(self._node, email)
        users = [user for _, user in self._people.values()]
        self.id = (await planned_lesson(self.tutor.call, *users))["id"]
        await self.tutor.join(self.id)
        pens = [self._people[name][1]["id"] for name in ("wampy", "board") if name in names]
        await self.tutor.call("tutorwamp.lesson.set_pen", lesson_id=self.id, student_ids=pens)
        if not set(JAVASCRIPT).isdisjoint(names):
            (self._folder / "node_modules").symlink_to(javascript()[1] / "node_modules")
        for name in names:
            self.programs[name] = await self._enter(name)
        for name, program in self.programs.items():
            await program.says("here" if name not in PYTHON or name == "board" else "Stan:")

    async def _enter(self, name: str) -> Program:
        email, user = self._people[name]
        if name in PYTHON:
            file = self._folder / f"with_{name}.py"
            file.write_text(PYTHON[name])
            words = (self._node.url, email, PASSWORD, self.id)
            return Program.start(name, sys.executable, "-u", "-Wignore", str(file), *words)
        executable, _ = javascript()
        login = Login(self._node.url)
        await login.log_in(email, PASSWORD)
        known = {"user": json.dumps(user), "lesson_id": self.id}
        known["token"] = await login.access_token()
        text = JAVASCRIPT[name].replace("ws://127.0.0.1:8080/ws", self._node.ws_url).replace('"./', f'"{WEB.as_uri()}/')
        for mark, value in known.items():
            text = text.replace(f"@{mark}@", value)
        file = self._folder / f"{name}.mjs"
        file.write_text(text)
        return Program.start(name, executable, "--no-experimental-websocket", str(file))

    async def is_followed(self, word: str) -> None:
        """Say something and draw something: each of them hears of it."""
        rect = {"id": new_id(), "kind": "rect", "page": self.id, "x": 1, "y": 1, "width": 3, "height": 4}
        change = {"op": "put", "element": {**rect, "color": "#204080"}}
        call = self.tutor.client.call_until_answered
        drawn = await call("tutorwamp.board.submit", lesson_id=self.id, client_id=new_id(), changes=[change])
        await call("tutorwamp.chat.send", lesson_id=self.id, client_id=new_id(), body=word)
        for name, program in self.programs.items():
            await program.says(str(drawn["seq"]) if name == "board" else word)

    async def silence(self) -> None:
        """Until the server has ended all their sessions."""
        for name in PYTHON:
            self.programs[name].signal(signal.SIGSTOP)
        people = {user["id"] for _, user in self._people.values()}

        def lost() -> set[str]:
            events = self.tutor.heard[f"tutorwamp.lesson.{self.id}.presence"]
            return {one["participant"]["person"]["id"] for one in events if one["type"] == "participant.reconnecting"}

        await self.tutor.heard_until(lambda: lost() >= people)
        for name in PYTHON:
            self.programs[name].signal(signal.SIGCONT)

    async def end(self) -> None:
        for program in self.programs.values():
            if not program.ended.called:
                program.signal(signal.SIGKILL)
                await program.ended
        await self.tutor.close()


async def test_each_example_comes_back_after_a_silence_draining_and_a_killed_node(tmp_path: Path) -> None:
    times = {"TUTORWAMP_REALTIME_PING_TIMEOUT": "6s", "TUTORWAMP_HEARTBEAT_INTERVAL": "2s"}
    node = migrated_node(env={**HURRIED, **times})
    with node.running():
        lesson = Lesson(node, tmp_path)
        try:
            await lesson.begin([*PYTHON] if why_no_javascript() else [*PYTHON, *JAVASCRIPT])
            await lesson.silence()
            await lesson.is_followed("silence")
            for end in (node.stop, node.kill):
                end()
                node.start()
                node.wait_ready()
                await lesson.is_followed(end.__name__)
        finally:
            await lesson.end()
