"""The machine's Chromium, told what to do over a pipe (the Chrome DevTools Protocol): one JSON object, then NUL."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater

from tests.support.wamp import PATIENCE_S

NAMES = ("chromium", "chromium-browser", "google-chrome")
TO_BROWSER, FROM_BROWSER = 3, 4
"""File descriptors of ``--remote-debugging-pipe``."""
LOOKS_EVERY_S = 0.05


def executable() -> str:
    """The browser; skips where there is none."""
    named = os.environ.get("TUTORWAMP_TEST_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium here (TUTORWAMP_TEST_CHROMIUM names one)")
    return found


class Browser(ProcessProtocol):
    """One tab."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._answers: dict[int, Deferred[dict[str, Any]]] = {}
        self._unfinished = b""
        self._tab: str | None = None
        self._ended: Deferred[None] = Deferred()

    @classmethod
    async def open(cls, folder: Path, url: str) -> Browser:
        made = cls()
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--window-size=1280,800",
        ]
        command = [executable(), *flags, "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"]
        pipes: Any = {0: "w", 1: "r", 2: "r", TO_BROWSER: "w", FROM_BROWSER: "r"}
        reactor.spawnProcess(made, command[0], command, env=os.environ, childFDs=pipes)
        target = await made.ask("Target.createTarget", url=url)
        made._tab = (await made.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True))["sessionId"]
        return made

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command of the protocol."""
        number = next(self._numbers)
        answer = self._answers[number] = Deferred()
        said = {"id": number, "method": method, "params": params}
        assert self.transport is not None
        message = json.dumps(said if self._tab is None else {**said, "sessionId": self._tab}).encode()
        self.transport.writeToChild(TO_BROWSER, message + b"\0")
        return await answer.addTimeout(PATIENCE_S, reactor)

    async def value(self, expression: str) -> Any:
        """What an expression of the page is."""
        done = await self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def until(self, function: str) -> Any:
        """Wait until a function of the page gives something. It is asked again: a page may be loaded meanwhile."""
        for _ in range(round(PATIENCE_S / LOOKS_EVERY_S)):
            found = await self.value(f"({function})()")
            if found:
                return found
            await deferLater(cast("Any", reactor), LOOKS_EVERY_S)
        raise AssertionError(f"in vain: {function}, on {await self.value('document.body.innerText')!r}")

    async def write(self, text: str) -> None:
        """As a paste or a keyboard gives it; ends a composition."""
        await self.ask("Input.insertText", text=text)

    async def compose(self, text: str) -> None:
        """As an input method shows what is not chosen yet."""
        await self.ask("Input.imeSetComposition", text=text, selectionStart=len(text), selectionEnd=len(text))

    async def press_enter(self, key_code: int = 13) -> None:
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": key_code}
        await self.ask("Input.dispatchKeyEvent", type="rawKeyDown", **key)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **key)

    async def close(self) -> None:
        assert self.transport is not None
        if not self._ended.called:
            self.transport.signalProcess("KILL")
        await self._ended

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N803  # Twisted's name
        if childFD == FROM_BROWSER:
            *messages, self._unfinished = (self._unfinished + data).split(b"\0")
            for message in map(json.loads, messages):
                answer = self._answers.pop(message.get("id"), None)
                if answer is not None and "error" in message:
                    answer.errback(AssertionError(message["error"]))
                elif answer is not None:
                    answer.callback(message["result"])

    def processEnded(self, _reason: Any) -> None:
        self._ended.callback(None)
