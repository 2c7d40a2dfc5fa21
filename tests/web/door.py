"""What tests of the list, of invitations and of accounts do at the page: be signed in, press what has these words."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.web.browser import Browser
from tutorwamp.client import Login


async def be_signed_in(browser: Browser, node: Node, email: str, *, address: str = "") -> None:
    """As somebody, without the form, at an address of the page such as ``#account``; connected."""
    login = Login(node.url)
    await login.log_in(email, PASSWORD)
    tokens = await login.request("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
    kept = json.dumps({**tokens, "refresh_key": "kept", "expires_at": (time.time() + 800) * 1_000})
    await browser.until("() => document.readyState === 'complete' && !!document.querySelector('#sign-in')")
    await browser.value(f"sessionStorage.setItem('tutorwamp.session', {json.dumps(kept)})")
    await browser.value(f"history.replaceState(null, '', {json.dumps('/' + (address or '#'))})")
    await browser.reload()
    await browser.until("() => !!document.querySelector('#connection.connected')")


async def open_at(folder: Path, node: Node, email: str, *, address: str = "") -> Browser:
    """A browser of its own with somebody signed in."""
    browser = await Browser.open(folder, f"{node.url}/")
    await be_signed_in(browser, node, email, address=address)
    return browser


async def press(browser: Browser, selector: str, words: str = "") -> None:
    """What can be seen, is not disabled and has these words, once it is there."""
    await browser.until(f"""() => {{
      const isIt = (one) => one.checkVisibility() && !one.disabled && one.textContent.includes({json.dumps(words)});
      const found = [...document.querySelectorAll({json.dumps(selector)})].find(isIt);
      found?.focus();
      found?.click();
      return !!found;
    }}""")


async def gone(browser: Browser, selector: str) -> None:
    """Wait until nothing like it is seen."""
    await browser.until(
        f"() => ![...document.querySelectorAll({json.dumps(selector)})].some((one) => one.checkVisibility())"
    )
