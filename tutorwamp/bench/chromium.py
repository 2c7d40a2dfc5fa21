"""The machine's Chromium, told what to do over a pipe (the Chrome DevTools Protocol): one JSON object, then NUL."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from tutorwamp.kernel.reactor import running_reactor

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_TO_BROWSER, _FROM_BROWSER = 3, 4
"""File descriptors of ``--remote-debugging-pipe``."""
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    # A tab behind another one draws all the same: it stands for somebody else's screen.
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--window-size=1280,800",
)
_PATIENCE_S: Final = 60.0
_LOOKS_EVERY_S: Final = 0.05


def executable() -> str | None:
    """The browser, where there is one."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class PageError(Exception):
    """The page did not do what it should."""


class Chromium(ProcessProtocol):
    """One browser, started with an empty folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._numbers = itertools.count(1)
        self._answers: dict[int, Deferred[dict[str, Any]]] = {}
        self._unfinished = b""
        self._tabs: dict[str, Tab] = {}
        self._ended: Deferred[None] = Deferred()
        command = [executable() or _NAMES[0], *_FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder}"]
        pipes: Any = {0: "w", 1: "r", 2: "r", _TO_BROWSER: "w", _FROM_BROWSER: "r"}
        start = running_reactor().spawnProcess
        self._process: Any = start(self, command[0], [*command, "about:blank"], env=os.environ, childFDs=pipes)

    async def tab(self) -> Tab:
        """An empty one in a window, with cookies and storage of its own: another person's device."""
        context = await self.ask("Target.createBrowserContext")
        where = {"browserContextId": context["browserContextId"], "newWindow": True, "width": 1280, "height": 800}
        target = await self.ask("Target.createTarget", url="about:blank", **where)
        attached = await self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        made = self._tabs[attached["sessionId"]] = Tab(self, attached["sessionId"])
        for domain in ("Page", "Network", "Runtime"):
            await made.ask(f"{domain}.enable")
        return made

    def ask(self, method: str, session: str | None = None, **parameters: Any) -> Deferred[dict[str, Any]]:
        """Have it do something. Fails with PageError."""
        number = next(self._numbers)
        answer = self._answers[number] = Deferred()
        said = {"id": number, "method": method, "params": parameters}
        message = said if session is None else {**said, "sessionId": session}
        self._process.writeToChild(_TO_BROWSER, json.dumps(message).encode() + b"\0")
        return answer

    async def close(self) -> None:
        """End it."""
        if not self._ended.called:
            self._process.signalProcess("KILL")
        await self._ended

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N802, N803  # Twisted's names
        """Answers go to who asked, events to their tab."""
        if childFD != _FROM_BROWSER:
            return
        *messages, self._unfinished = (self._unfinished + data).split(b"\0")
        for message in map(json.loads, messages):
            answer = self._answers.pop(message.get("id"), None)
            if answer is not None and "error" in message:
                answer.errback(PageError(message["error"]))
            elif answer is not None:
                answer.callback(message["result"])
            elif message.get("sessionId") in self._tabs:
                self._tabs[message["sessionId"]].hear(message["method"], message["params"])

    def processEnded(self, _reason: Failure) -> None:  # noqa: N802  # Twisted's name
        """It is gone, and answers nobody any more."""
        self._ended.callback(None)


class Tab:
    """One page of it."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        self.hear: Callable[[str, dict[str, Any]], object] = lambda _method, _parameters: None
        """Gets each event of the domains Page, Network and Runtime."""

    def ask(self, method: str, **parameters: Any) -> Deferred[dict[str, Any]]:
        """Have it do something. Fails with PageError."""
        return self._browser.ask(method, self._session, **parameters)

    async def value(self, expression: str) -> Any:
        """What an expression of the page is. Raises PageError."""
        done = await self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise PageError(done["exceptionDetails"].get("exception", done["exceptionDetails"]))
        return done["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until it is true; a page may be loaded meanwhile. Raises PageError."""
        for _ in range(round(_PATIENCE_S / _LOOKS_EVERY_S)):
            found = await self.value(expression)
            if found:
                return found
            await deferLater(running_reactor(), _LOOKS_EVERY_S)
        raise PageError(f"in vain: {expression}, on {await self.value('document.body.innerText')!r}")

    async def write(self, selector: str, text: str) -> None:
        """Into a field, in place of what is there."""
        await self.value(
            f"(() => {{ const f = document.querySelector({json.dumps(selector)}); f.focus(); f.select(); }})()"
        )
        await self.ask("Input.insertText", text=text)

    async def press_enter(self) -> None:
        """Where the focus is."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        await self.ask("Input.dispatchKeyEvent", type="keyDown", **key)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **key)
