"""The machine's Chromium as a process, told what to do over a pipe (Chrome DevTools Protocol): a JSON object, then NUL.

A person is a *context* with cookies and storage of its own, as on another computer; ``tests/web/browser.py`` is a tab.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol

from tests.support.wamp import PATIENCE_S

NAMES = ("chromium", "chromium-browser", "google-chrome")
TO_BROWSER, FROM_BROWSER = 3, 4
"""File descriptors of ``--remote-debugging-pipe``."""
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--window-size=1280,800",
    "--hide-scrollbars",
    "--lang=en",
)


def executable() -> str:
    """The browser; skips where there is none."""
    return found("Chromium", NAMES)


def found(browser: str, names: Sequence[str]) -> str:
    """The machine's browser by one of its names; skips where there is none."""
    variable = f"TUTORWAMP_TEST_{browser.upper()}"
    there = os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)
    if there is None:
        pytest.skip(f"there is no {browser} here ({variable} names one)")
    return there


class Chromium(ProcessProtocol):
    """The process. ``listeners``: by the session of a tab, who hears its events."""

    def __init__(self) -> None:
        self.listeners: dict[str, Callable[[str, dict[str, Any]], None]] = {}
        self._numbers = itertools.count(1)
        self._answers: dict[int, Deferred[dict[str, Any]]] = {}
        self._unfinished = b""
        self._ended: Deferred[None] = Deferred()

    @classmethod
    def start(cls, folder: Path) -> Chromium:
        """A browser whose profile is in the folder."""
        made = cls()
        command = [executable(), *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"]
        pipes: Any = {0: "w", 1: "r", 2: "r", TO_BROWSER: "w", FROM_BROWSER: "r"}
        reactor.spawnProcess(made, command[0], command, env=os.environ, childFDs=pipes)
        return made

    async def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Give a command of the protocol, to a tab or to the browser."""
        number = next(self._numbers)
        answer = self._answers[number] = Deferred()
        self._say(number, method, session, params)
        return await answer.addTimeout(PATIENCE_S, reactor)

    def tell(self, method: str, session: str | None = None, **params: Any) -> None:
        """The same where nobody waits for the answer."""
        self._say(next(self._numbers), method, session, params)

    def _say(self, number: int, method: str, session: str | None, params: dict[str, Any]) -> None:
        said: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            said["sessionId"] = session
        assert self.transport is not None
        self.transport.writeToChild(TO_BROWSER, json.dumps(said).encode() + b"\0")

    async def new_context(self) -> str:
        """Somebody else's: nothing of what others have kept is in it."""
        return str((await self.ask("Target.createBrowserContext"))["browserContextId"])

    async def new_tab(self, context: str) -> tuple[str, str]:
        """An empty tab: its target and the session in which it is told what to do."""
        target = str((await self.ask("Target.createTarget", url="about:blank", browserContextId=context))["targetId"])
        attached = await self.ask("Target.attachToTarget", targetId=target, flatten=True)
        return target, str(attached["sessionId"])

    async def close(self) -> None:
        """End it, whatever it does."""
        assert self.transport is not None
        if not self._ended.called:
            self.transport.signalProcess("KILL")
        await self._ended

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N803  # Twisted's name
        if childFD == FROM_BROWSER:  # what it writes elsewhere is not for us
            *messages, self._unfinished = (self._unfinished + data).split(b"\0")
            for message in map(json.loads, messages):
                self._hear(message)

    def _hear(self, message: dict[str, Any]) -> None:
        if "method" in message:
            listener = self.listeners.get(message.get("sessionId", ""))
            if listener is not None:
                listener(message["method"], message["params"])
            return
        answer = self._answers.pop(message["id"], None)
        if answer is None or answer.called:  # nobody waits for it, or not any more
            return
        if "error" in message:
            answer.errback(AssertionError(message["error"]))
        else:
            answer.callback(message["result"])

    def processEnded(self, _reason: Any) -> None:
        self._ended.callback(None)
