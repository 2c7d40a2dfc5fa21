"""A tab of the machine's Firefox, told what to do by WebDriver BiDi (W3C); looks and hands are those of ``Browser``."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import ProcessProtocol

from tests.support.wamp import PATIENCE_S
from tests.web.browser import Browser, Point
from tests.web.chromium import found

NAMES = ("firefox", "firefox-esr")
LISTENS = re.compile(rb"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)")
KEYS = {"Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c"}
"""As WebDriver writes keys that write nothing."""


def executable() -> str:
    """The browser; skips where there is none."""
    return found("Firefox", NAMES)


class Driven(ProcessProtocol):
    """The process, and the socket on which it is told."""

    def __init__(self) -> None:
        self.port: Deferred[int] = Deferred()
        self._ended: Deferred[None] = Deferred()
        self._said = b""
        self._numbers = itertools.count(1)
        self._answers: dict[int, Deferred[dict[str, Any]]] = {}
        self._socket: Any = None
        self.errors: dict[str, list[str]] = {}
        """What went wrong on a page, by its browsing context."""

    @classmethod
    async def start(cls, folder: Path) -> Driven:
        """A browser whose profile, and whatever else it writes, is in the folder."""
        made = cls()
        command = [executable(), "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port", "0"]
        env = {**os.environ, "HOME": str(folder), "MOZ_HEADLESS_WIDTH": "1280", "MOZ_HEADLESS_HEIGHT": "800"}
        reactor.spawnProcess(made, command[0], command, env=env)
        port = await made.port.addTimeout(PATIENCE_S, reactor)
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{port}/session")
        opened: Deferred[Any] = Deferred()

        class Socket(WebSocketClientProtocol):
            def onOpen(self) -> None:  # autobahn's name
                opened.callback(self)

            def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N803  # autobahn's
                made.hear(json.loads(payload))

        factory.protocol = Socket
        await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
        made._socket = await opened.addTimeout(PATIENCE_S, reactor)
        await made.ask("session.new", capabilities={"alwaysMatch": {"unhandledPromptBehavior": {"default": "accept"}}})
        await made.ask("session.subscribe", events=["log.entryAdded"])
        return made

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command of the protocol."""
        number = next(self._numbers)
        answer = self._answers[number] = Deferred()
        self._socket.sendMessage(json.dumps({"id": number, "method": method, "params": params}).encode())
        return await answer.addTimeout(PATIENCE_S, reactor)

    def hear(self, message: dict[str, Any]) -> None:
        """An answer, or what happened on a page."""
        if message["type"] == "event":
            entry = message["params"]
            if entry["level"] == "error" and entry["type"] == "javascript":
                self.errors.setdefault(entry["source"]["context"], []).append(entry["text"])
            return
        answer = self._answers.pop(message["id"])
        if message["type"] == "success":
            answer.callback(message["result"])
        else:
            answer.errback(AssertionError(f"{message['error']}: {message['message']}"))

    async def close(self) -> None:
        """End it, whatever it does."""
        assert self.transport is not None
        if not self._ended.called:
            self.transport.signalProcess("KILL")
        await self._ended

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N803  # Twisted's name
        self._said += data
        listens = LISTENS.search(self._said)
        if listens and not self.port.called:
            self.port.callback(int(listens[1]))

    def processEnded(self, _reason: Any) -> None:
        self._ended.callback(None)


class Firefox(Browser):
    """One tab. What of ``Browser`` only Chromium can do (a stylus, touch, the network) is not for it."""

    def __init__(self, driven: Driven, *, owns: bool) -> None:
        self.errors: list[str] = []
        self._driven = driven
        self._owns = owns
        self._tab = ""

    @classmethod
    async def open(cls, folder: Path, url: str) -> Firefox:
        """A browser of its own, and its first tab."""
        return await cls(await Driven.start(folder), owns=True)._shown(url)

    async def another(self, url: str) -> Firefox:
        """Another person's tab, in the same browser."""
        return await Firefox(self._driven, owns=False)._shown(url)

    async def _shown(self, url: str) -> Firefox:
        person = (await self._driven.ask("browser.createUserContext"))["userContext"]
        made = await self._driven.ask("browsingContext.create", type="tab", userContext=person)
        self._tab = made["context"]
        self.errors = self._driven.errors.setdefault(self._tab, [])
        await self.go(url)
        return self

    async def go(self, url: str) -> None:
        """To another page, until it is loaded."""
        await self._driven.ask("browsingContext.navigate", context=self._tab, url=url, wait="interactive")

    async def close(self) -> None:
        """The tab, and its browser where it began with it. Fails where the page has made errors."""
        if self._owns:
            await self._driven.close()
        else:
            await self._driven.ask("browsingContext.close", context=self._tab)
        assert not self.errors, self.errors

    async def value(self, expression: str) -> Any:
        """What an expression of the page is, by way of JSON."""
        told = f"Promise.resolve({expression}).then((it) => JSON.stringify(it ?? null))"
        done = await self._driven.ask(
            "script.evaluate", expression=told, target={"context": self._tab}, awaitPromise=True
        )
        assert done["type"] == "success", done
        return json.loads(done["result"]["value"])

    async def shot(self, path: Path) -> None:
        """A picture of what is seen, as PNG."""
        shot = await self._driven.ask("browsingContext.captureScreenshot", context=self._tab)
        path.write_bytes(base64.b64decode(shot["data"]))  # noqa: ASYNC240  # a hundred kilobytes, in a test

    async def drag(self, points: Sequence[Point], *, pen: Sequence[float] | None = None, modifiers: int = 0) -> None:
        """Press at the first point, move along, let go at the last."""
        assert pen is None
        assert not modifiers
        moves = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0} for x, y in points]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        await self._act("pointer", "mouse", [moves[0], down, *moves[1:], up])

    async def write(self, text: str) -> None:
        """As a keyboard gives it."""
        await self._act(
            "key", "keyboard", [{"type": kind, "value": one} for one in text for kind in ("keyDown", "keyUp")]
        )

    async def press(self, key: str, *held: str) -> None:
        """A key by its name."""
        assert not held
        await self.write(KEYS.get(key, key))

    async def _act(self, kind: str, name: str, doing: Sequence[dict[str, Any]]) -> None:
        source = {"type": kind, "id": name, "actions": doing}
        await self._driven.ask("input.performActions", context=self._tab, actions=[source])
