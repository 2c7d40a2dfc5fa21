"""Somebody at the page: what they see, press and type there, in few words."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.web.browser import Browser
from tutorwamp.client import Login

DESK, PHONE, PHONE_SIDEWAYS = (1280, 800), (390, 844), (844, 390)


class Visit:
    """One tab of a browser, at a node's page."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url

    @classmethod
    async def begin(cls, folder: Path, node: Node, address: str = "") -> Visit:
        """At an address of the page, such as ``#invite=…``; nobody is signed in."""
        made = cls(await Browser.open(folder, f"{node.url}/{address}"), f"{node.url}/")
        await made.until("document.readyState === 'complete' && !document.querySelector('#sign-in h1:empty')")
        return made

    async def enter(self, node: Node, email: str, password: str = PASSWORD) -> None:
        """Be signed in, without the form: the list is shown."""
        login = Login(node.url)
        await login.log_in(email, password)
        tokens = await login.request("POST", "/api/auth/login", {"email": email, "password": password})
        kept = {**tokens, "refresh_key": "kept", "expires_at": (time.time() + 800) * 1_000}
        text = json.dumps(json.dumps(kept))
        await self.value(f"sessionStorage.setItem('tutorwamp.session', {text})")
        await self.browser.ask("Page.reload")
        await self.until("document.querySelector('#connection.open')")

    async def value(self, expression: str) -> Any:
        return await self.browser.value(expression)

    async def until(self, expression: str) -> Any:
        """Wait until an expression of the page is true."""
        return await self.browser.until(f"() => !!({expression})")

    async def sees(self, words: str, within: str = "body") -> None:
        """Wait until words can be read."""
        place = f"document.querySelector({json.dumps(within)})"
        await self.until(f"!!{place}?.innerText.includes({json.dumps(words)})")

    async def press(self, selector: str, words: str = "") -> None:
        """Click what can be seen and has these words, once it is there."""
        found = (
            f"[...document.querySelectorAll({json.dumps(selector)})].find((one) => one.checkVisibility()"
            f" && !one.disabled && one.textContent.includes({json.dumps(words)}))"
        )
        await self.until(f"(() => {{ const one = {found}; one?.click(); return !!one; }})()")

    async def type(self, selector: str, text: str) -> None:
        """Put text into a field, in place of what is there."""
        field = f"document.querySelector({json.dumps(selector)})"
        await self.until(f"!!{field}?.checkVisibility()")
        await self.value(f"({field}.focus(), {field}.select?.())")
        await self.browser.write(text)

    async def set(self, selector: str, value: str) -> None:
        """Give a field a value that is not typed letter by letter: a time, a choice."""
        field = f"document.querySelector({json.dumps(selector)})"
        await self.until(f"!!{field}?.checkVisibility()")
        changed = "new Event('input', {bubbles: true})"
        await self.value(f"({field}.value = {json.dumps(value)}, {field}.dispatchEvent({changed}))")

    async def key(self, key: str) -> None:
        await self.browser.ask("Input.dispatchKeyEvent", type="rawKeyDown", key=key, code=key)
        await self.browser.ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    async def size(self, width: int, height: int) -> None:
        await self.browser.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    async def picture(self, path: Path) -> None:
        """What it looks like, for a person to look at."""
        taken = await self.browser.ask("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(taken["data"]))

    async def close(self) -> None:
        await self.browser.close()
