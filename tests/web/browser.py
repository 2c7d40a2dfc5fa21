"""A tab of a real browser, with the hands and eyes of a person: it clicks, taps, draws, types, looks, and notes faults.

``Browser.open`` starts Chromium with one person's tab; ``another`` is somebody else's (nothing is shared), ``again``
one more of the same person. ``close`` fails where the page has thrown an error that nobody caught, written one to its
console, or tried what its policy forbids; a test that means it to does ``errors.clear()`` before.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.support.machine import PASSWORD
from tests.support.wamp import PATIENCE_S
from tests.web.chromium import Chromium, executable

__all__ = ["DESK", "PHONE", "PHONE_SIDEWAYS", "Browser", "executable"]

LOOKS_EVERY_S = 0.05
CLICKS_AT_MOST = 5
WENT_AWAY = ("context", "navigated", "collected")
MOVE_S, REST_S = 0.016, 0.4
"""By the clock of what a finger does, which nobody waits for: from one place to the next, and before it is lifted."""
DESK = (1280, 800)
PHONE = (390, 844)
PHONE_SIDEWAYS = (844, 390)
KEYS = {
    "Enter": 13,
    "Tab": 9,
    "Escape": 27,
    "Backspace": 8,
    "Delete": 46,
    "Home": 36,
    "End": 35,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "PageUp": 33,
    "PageDown": 34,
}
"""Their Windows key codes, as Chromium wants them."""
MODIFIERS = {"alt": 1, "ctrl": 2, "meta": 4, "shift": 8}
FAULTS = ("security", "javascript")
"""Sources of log entries that are the page's own fault; that the network is away, and an answer of 4xx, are not."""
PLACE = """async (selector) => {
  const isSeen = (one) => one.checkVisibility({ visibilityProperty: true });
  const look = () => {
    const found = [...document.querySelectorAll(selector)].find(isSeen);
    if (!found) return null;
    found.scrollIntoView({ block: "nearest", inline: "nearest" });
    const { left, top, width, height } = found.getBoundingClientRect();
    const [x, y] = [left + width / 2, top + height / 2];
    const hit = document.elementFromPoint(x, y);
    const label = found.closest("label") ?? found.labels?.[0];
    const reached = hit && (found.contains(hit) || hit.contains(found) || label?.contains(hit));
    return reached ? { x, y, left, top, width, height } : null;
  };
  const before = look();
  const frame = (done) => requestAnimationFrame(done) && setTimeout(done, 100);
  if (before) await new Promise(frame);
  const after = look();
  return JSON.stringify(before) === JSON.stringify(after) ? after : null;
}"""
"""Where somebody would press: of the first that is seen, that nothing covers, and that is where it was a frame ago."""
FOUND = """({ violations }) => violations.flatMap(({ id, nodes }) =>
  nodes.map(({ target, failureSummary }) => `${id} ${target.join(" ")}: ${failureSummary}`))"""
"""What axe has found, in words."""

Point = tuple[float, float]


class Browser:
    """One tab. ``errors``: what the page did wrong; ``dialogs``: what it asked, ``agrees``: and what it is answered."""

    def __init__(self, chromium: Chromium, context: str, *, owns: bool) -> None:
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        self.agrees = True
        self.chromium = chromium
        self.context = context
        self._owns = owns
        self._target = self._session = ""

    @classmethod
    async def open(cls, folder: Path, url: str) -> Browser:
        """A browser of its own, and its first tab."""
        chromium = Chromium.start(folder)
        return await cls(chromium, await chromium.new_context(), owns=True)._begun(url)

    async def another(self, url: str) -> Browser:
        """Another person's tab, in the same browser."""
        return await Browser(self.chromium, await self.chromium.new_context(), owns=False)._begun(url)

    async def again(self, url: str) -> Browser:
        """Another tab of the same person."""
        return await Browser(self.chromium, self.context, owns=False)._begun(url)

    async def _begun(self, url: str) -> Browser:
        self._target, self._session = await self.chromium.new_tab(self.context)
        self.chromium.listeners[self._session] = self._hear
        for domain in ("Runtime", "Log", "Page", "Network"):
            await self.ask(f"{domain}.enable")
        await self.go(url)
        return self

    def _hear(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            thrown = params["exceptionDetails"]
            self.errors.append(thrown.get("exception", {}).get("description") or thrown["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error" and params["entry"]["source"] in FAULTS:
            self.errors.append(params["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])
            self.chromium.tell("Page.handleJavaScriptDialog", self._session, accept=self.agrees)

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Give the tab a command of the protocol."""
        return await self.chromium.ask(method, self._session, **params)

    async def go(self, url: str) -> None:
        """To another page. Of the same page with another ``#…`` nothing is loaded: as in the address bar."""
        await self.ask("Page.navigate", url=url)

    async def reload(self) -> None:
        """Until the page before is gone: what is looked for afterwards is looked for in the new one."""
        await self.value("globalThis.isOld = true")
        await self.ask("Page.reload")
        await self.until("() => !globalThis.isOld && document.readyState === 'complete'")

    async def close(self) -> None:
        """The tab, and its browser where it began with it. Fails where the page has made errors."""
        self.chromium.listeners.pop(self._session, None)
        if self._owns:
            await self.chromium.close()
        else:
            await self.chromium.ask("Target.closeTarget", targetId=self._target)
        assert not self.errors, self.errors

    # Looking

    async def value(self, expression: str) -> Any:
        """What an expression of the page is."""
        done = await self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def until(self, function: str, *, patience_s: float = PATIENCE_S) -> Any:
        """Wait until a function of the page gives something. It is asked again: a page may be loaded meanwhile."""
        for _ in range(round(patience_s / LOOKS_EVERY_S)):
            found = await self._found(function)
            if found:
                return found
            await deferLater(cast("Any", reactor), LOOKS_EVERY_S)
        seen = await self.value("[location.hash, document.body.innerText]")
        raise AssertionError(f"in vain: {function}, on {seen!r}, after {self.errors}")

    async def _found(self, function: str) -> Any:
        try:
            return await self.value(f"({function})()")
        except AssertionError as error:
            if any(word in str(error).lower() for word in WENT_AWAY):  # while it was asked
                return None
            raise

    async def sees(self, text: str, within: str = "body") -> None:
        """Wait until these words are shown there."""
        places = f"[...document.querySelectorAll({json.dumps(within)})]"
        await self.until(f"() => {places}.some((one) => one.innerText.includes({json.dumps(text)}))")

    async def shot(self, path: Path) -> None:
        """A picture of what is seen; JPEG or PNG by the name."""
        form = {"format": "png"} if path.suffix == ".png" else {"format": "jpeg", "quality": 80}
        data = base64.b64decode((await self.ask("Page.captureScreenshot", **form))["data"])
        path.write_bytes(data)  # noqa: ASYNC240  # a hundred kilobytes, in a test

    async def pdf(self) -> bytes:
        """What printing gives."""
        printed = await self.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(printed["data"])

    # The device

    async def resize(self, size: tuple[int, int], *, zoom: float = 1, touch: bool = False) -> None:
        """A window of so many pixels, zoomed as by Ctrl and +; ``touch``: of a telephone."""
        width, height = (round(side / zoom) for side in size)
        await self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=zoom, mobile=touch
        )
        await self.ask("Emulation.setTouchEmulationEnabled", enabled=touch, maxTouchPoints=5)

    async def dark(self, on: bool = True) -> None:
        """The system's colours. Nothing moves: a colour that is on its way is none of them."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        await self.ask("Emulation.setEmulatedMedia", features=[scheme, still])

    async def speak(self, *languages: str) -> None:
        """The languages the browser says it is used in; pages loaded from now on hear it."""
        listed = json.dumps(languages)
        script = f"Object.defineProperty(navigator, 'languages', {{ get: () => {listed} }})"
        await self.ask("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def network(self, *, offline: bool = False, latency_ms: float = 0, bytes_a_second: float = -1) -> None:
        """As it is from now on; -1: as quick as it can. A socket that is open already is not slowed down."""
        await self.ask(
            "Network.emulateNetworkConditions",
            offline=offline,
            latency=latency_ms,
            downloadThroughput=bytes_a_second,
            uploadThroughput=bytes_a_second,
        )

    # Hands

    async def place(self, selector: str) -> dict[str, float]:
        """Where it is, once it is seen and nothing covers it: its middle (x, y) and its box."""
        found: dict[str, float] = await self.until(f"() => ({PLACE})({json.dumps(selector)})")
        return found

    async def click(self, selector: str) -> None:
        at = await self.place(selector)
        await self.drag([(at["x"], at["y"])])

    async def tap(self, selector: str) -> None:
        """With a finger."""
        at = await self.place(selector)
        await self.touch([[(at["x"], at["y"])]])

    async def drag(
        self, points: Sequence[Point], *, pen: Sequence[float] | None = None, modifiers: int = 0, lifts: bool = True
    ) -> None:
        """Press at the first point, move along, let go at the last. ``pen``: a stylus', and its pressure at each."""
        held = {"button": "left", "modifiers": modifiers, "pointerType": "pen" if pen else "mouse"}
        for number, (x, y) in enumerate(points):
            force = {"force": pen[number]} if pen else {}
            kind = "mouseMoved" if number else "mousePressed"
            clicks = {} if number else {"clickCount": 1}
            await self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, buttons=1, **held, **force, **clicks)
        if lifts:
            x, y = points[-1]
            await self.ask("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, clickCount=1, **held)

    async def touch(self, fingers: Sequence[Sequence[Point]]) -> None:
        """Fingers that go down together, move along their points together, rest for a moment, and are lifted.

        Without the rest they would set the page going, and the next tap would only stop it.
        """
        moment = time.time()
        for number, together in enumerate(zip(*fingers, strict=True)):
            moment += MOVE_S
            points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(together)]
            kind = "touchMove" if number else "touchStart"
            await self.ask("Input.dispatchTouchEvent", type=kind, touchPoints=points, timestamp=moment)
        lifted = moment + (REST_S if len(fingers[0]) > 1 else MOVE_S)
        await self.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[], timestamp=lifted)

    async def wheel(self, at: Point, *, down: float = 0, right: float = 0, modifiers: int = 0) -> None:
        x, y = at
        moved = {"deltaX": right, "deltaY": down, "modifiers": modifiers}
        await self.ask("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, **moved)

    async def write(self, text: str) -> None:
        """As a paste or a keyboard gives it; ends a composition."""
        await self.ask("Input.insertText", text=text)

    async def fill(self, selector: str, text: str) -> None:
        """Click into a field and write there, in place of what it held; again where the page moved under the hand."""
        entered = f"""(() => {{
          const field = document.activeElement;
          const entered = field.matches({json.dumps(selector)});
          if (entered) field.select();
          return entered;
        }})()"""
        for _ in range(CLICKS_AT_MOST):
            await self.click(selector)
            if await self.value(entered):
                break
        else:
            raise AssertionError(f"never in {selector}")
        await self.write(text)

    async def choose(self, selector: str, value: str) -> None:
        """Of a list, or a field with a form of its own, such as a date: what choosing there does."""
        await self.place(selector)
        await self.value(f"""{{
          const field = document.querySelector({json.dumps(selector)});
          field.value = {json.dumps(value)};
          for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, {{ bubbles: true }}));
        }}""")

    async def upload(self, selector: str, *files: Path) -> None:
        """Choose files of this machine, as the field's dialog does."""
        found = await self.ask("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        paths = [str(one) for one in files]
        await self.ask("DOM.setFileInputFiles", files=paths, objectId=found["result"]["objectId"])

    async def compose(self, text: str) -> None:
        """As an input method shows what is not chosen yet."""
        await self.ask("Input.imeSetComposition", text=text, selectionStart=len(text), selectionEnd=len(text))

    async def press(self, key: str, *held: str) -> None:
        """A key by its name ("Tab", "ArrowLeft", "z"), with others held: "ctrl", "shift", "alt", "meta"."""
        modifiers = sum(MODIFIERS[one] for one in held)
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 and not {"ctrl", "meta"}.intersection(held) else "")
        code = KEYS.get(key, ord(key.upper()[0]))
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        physical = "Space" if key == " " else f"Key{key.upper()}" if len(key) == 1 and key.isalpha() else key
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        await self.ask("Input.dispatchKeyEvent", **down, code=physical, **common)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", code=physical, **common)

    async def press_enter(self, key_code: int = 13) -> None:
        """Enter by its code: 229 belongs to an input method."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": key_code}
        await self.ask("Input.dispatchKeyEvent", type="rawKeyDown", **key)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **key)

    # The page

    async def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """By the page's form; then the person's menu is there."""
        await self.fill("#email", email)
        await self.fill("#password", password)
        await self.press("Enter")
        await self.until("() => document.querySelector('#account')?.checkVisibility()")

    async def faults(self, axe: str) -> list[str]:
        """What axe-core (its source) finds against WCAG 2.2 AA in what is shown now: rule, place and why."""
        await self.value(f"{axe}\n;undefined")
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        run = json.dumps({"runOnly": {"type": "tag", "values": tags}, "resultTypes": ["violations"]})
        said = f"axe.run(document, {run}).then({FOUND})"
        found: list[str] = await self.value(said)
        return found
