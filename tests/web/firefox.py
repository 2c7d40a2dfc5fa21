"""A window of the machine's Firefox, told what to do by WebDriver BiDi (W3C), with the verbs of ``Browser``."""

from __future__ import annotations

import atexit
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
AWAY = re.compile(r" connection to (the server at )?ws://")
"""That the network is away is not the page's fault, though Firefox says it like an error of a script."""
KEYS = {"Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c", "Home": "\ue011", "End": "\ue010"}
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
        """What went wrong on a page, by its browsing context; "" of workers."""

    @classmethod
    async def start(cls, folder: Path) -> Driven:
        """A browser whose profile, and whatever else it writes, is in the folder."""
        made = cls()
        command = [executable(), "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port", "0"]
        env = {**os.environ, "HOME": str(folder), "MOZ_HEADLESS_WIDTH": "1280", "MOZ_HEADLESS_HEIGHT": "800"}
        reactor.spawnProcess(made, command[0], command, env=env)
        atexit.register(made._kill)  # it would outlive a test that fails before its ``finally``
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
            if entry["level"] == "error" and not AWAY.search(entry["text"] or ""):
                self.errors.setdefault(entry["source"].get("context", ""), []).append(entry["text"])
            return
        answer = self._answers.pop(message["id"])
        if message["type"] == "success":
            answer.callback(message["result"])
        else:
            answer.errback(AssertionError(f"{message['error']}: {message['message']}"))

    async def close(self) -> None:
        """End it, whatever it does."""
        self._kill()
        await self._ended

    def _kill(self) -> None:
        assert self.transport is not None
        if not self._ended.called:
            self.transport.signalProcess("KILL")

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N803  # Twisted's name
        self._said += data
        listens = LISTENS.search(self._said)
        if listens and not self.port.called:
            self.port.callback(int(listens[1]))

    def processEnded(self, _reason: Any) -> None:
        self._ended.callback(None)


class Firefox(Browser):
    """A window. What of ``Browser`` only Chromium can do (a stylus, compositions, the network) is not for it."""

    def __init__(self, driven: Driven, *, owns: bool) -> None:
        self.errors: list[str] = []
        self._driven = driven
        self._owns = owns
        self._tab = ""

    @classmethod
    async def open(cls, folder: Path, url: str) -> Firefox:
        """A browser of its own, and its first window."""
        return await cls(await Driven.start(folder), owns=True)._shown(url)

    async def another(self, url: str) -> Firefox:
        """Another person's window, in the same browser."""
        return await Firefox(self._driven, owns=False)._shown(url)

    async def _shown(self, url: str) -> Firefox:
        person = (await self._driven.ask("browser.createUserContext"))["userContext"]
        made = await self._driven.ask("browsingContext.create", type="window", userContext=person)  # a tab hides others
        self._tab = made["context"]
        self.errors = self._driven.errors.setdefault(self._tab, [])
        await self.go(url)
        return self

    async def go(self, url: str) -> None:
        """To another page, until it is loaded."""
        await self._driven.ask("browsingContext.navigate", context=self._tab, url=url, wait="interactive")

    async def reload(self) -> None:
        await self._driven.ask("browsingContext.reload", context=self._tab, wait="complete")
        await self._driven.ask("input.releaseActions", context=self._tab)  # a hand that was on the old page is lifted

    async def close(self) -> None:
        """The window, and its browser where it began with it. Fails where the page has made errors."""
        if self._owns:
            await self._driven.close()
        else:
            await self._driven.ask("browsingContext.close", context=self._tab)
        assert not self.errors, self.errors

    async def value(self, expression: str) -> Any:
        done = await self._driven.ask(
            "script.evaluate", expression=expression, target={"context": self._tab}, awaitPromise=True
        )
        assert done["type"] == "success", done
        return _plain(done["result"])

    async def shot(self, path: Path) -> None:
        """A picture of what is seen, as PNG."""
        shot = await self._driven.ask("browsingContext.captureScreenshot", context=self._tab)
        path.write_bytes(base64.b64decode(shot["data"]))  # noqa: ASYNC240  # a hundred kilobytes, in a test

    async def pdf(self) -> bytes:
        return base64.b64decode((await self._driven.ask("browsingContext.print", context=self._tab))["data"])

    async def resize(self, size: tuple[int, int], *, zoom: float = 1, touch: bool = False) -> None:
        """A window of so many pixels. It takes fingers anyway: of ``touch`` there is nothing to be told."""
        width, height = (round(side / zoom) for side in size)
        sides = {"width": width, "height": height}
        await self._driven.ask(
            "browsingContext.setViewport", context=self._tab, viewport=sides, devicePixelRatio=float(zoom)
        )

    async def drag(
        self, points: Sequence[Point], *, pen: Sequence[float] | None = None, modifiers: int = 0, lifts: bool = True
    ) -> None:
        assert pen is None
        assert not modifiers
        await self._act("pointer", [_way(points, lifts=lifts)], "mouse")

    async def touch(self, fingers: Sequence[Sequence[Point]]) -> None:
        await self._act("pointer", [_way(points) for points in fingers], "touch")

    async def write(self, text: str) -> None:
        """As a keyboard gives it."""
        await self._act("key", [[{"type": kind, "value": one} for one in text for kind in ("keyDown", "keyUp")]])

    async def press(self, key: str, *held: str) -> None:
        assert not held
        await self.write(KEYS.get(key, key))

    async def upload(self, selector: str, *files: Path) -> None:
        found = await self._driven.ask(
            "browsingContext.locateNodes", context=self._tab, locator={"type": "css", "value": selector}, maxNodeCount=1
        )
        paths = [str(one) for one in files]
        await self._driven.ask("input.setFiles", context=self._tab, element=found["nodes"][0], files=paths)

    async def _act(self, kind: str, together: Sequence[list[dict[str, Any]]], pointer: str = "mouse") -> None:
        """What hands do at the same time; what they hold then, the next actions hold as well."""
        how = {"parameters": {"pointerType": pointer}} if kind == "pointer" else {}
        sources = [
            {"type": kind, "id": f"{kind} {pointer} {number}", "actions": actions, **how}
            for number, actions in enumerate(together)
        ]
        await self._driven.ask("input.performActions", context=self._tab, actions=sources)


def _plain(told: dict[str, Any]) -> Any:
    """A value as WebDriver tells it, which names the type of each part."""
    value: Any = told.get("value")
    if told["type"] == "array":
        return [_plain(one) for one in value]
    if told["type"] == "object":
        return {key: _plain(one) for key, one in value}
    return float(value) if told["type"] == "number" and isinstance(value, str) else value  # "-0", "NaN"


def _way(points: Sequence[Point], *, lifts: bool = True) -> list[dict[str, Any]]:
    moves = [{"type": "pointerMove", "x": x, "y": y, "duration": 0} for x, y in points]
    up = [{"type": "pointerUp", "button": 0}] if lifts else []
    return [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], *up]
