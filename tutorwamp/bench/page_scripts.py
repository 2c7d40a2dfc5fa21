"""What ``tutorwamp bench page`` has the page tell: JavaScript, run beside the page's own. Times are in milliseconds."""

from __future__ import annotations

from typing import Final

USABLE: Final = """
globalThis.usableAtMs = null;
const look = () => {
  if (document.querySelector("#sign-in")?.checkVisibility()) globalThis.usableAtMs = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
"""Before anything else of a page: when its form for signing in is painted, ready and styled."""

POINTED: Final = """(() => {
  const sheet = document.querySelector(".sheet");
  let stroke = 0;
  globalThis.begin = () => {
    globalThis.pointed = [];
    stroke = 0;
  };
  begin();
  addEventListener("pointerdown", () => stroke++, true);
  addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    const between = event.getCoalescedEvents();
    for (const one of between.length ? between : [event]) {
      const { left, width } = sheet.getBoundingClientRect();
      pointed.push([stroke, performance.timeOrigin + one.timeStamp, ((one.clientX - left) / width) * 1600]);
    }
  }, true);
})()"""
"""On the page of who draws: where the pointer was when since ``begin()``, ``[stroke, when, x]``."""

SEEN: Final = """(() => {
  const stage = document.querySelector(".stage");
  const drawn = () => stage.querySelectorAll('[stroke="#1f2623"], [fill="#1f2623"]');
  let before;
  let waiting = null;
  globalThis.begin = () => {
    globalThis.seen = [];
    before = drawn().length;
  };
  begin();
  const painted = new MessageChannel(); // its message comes behind the frame that is being made
  painted.port1.onmessage = () => {
    seen.push([...waiting, performance.timeOrigin + performance.now()]);
    waiting = null;
  };
  new MutationObserver(() => {
    const strokes = drawn();
    if (strokes.length === before) return;
    const { x, width } = [...strokes].at(-1).getBBox();
    if (!waiting) painted.port2.postMessage(null);
    waiting = [strokes.length - before, x + width];
  }).observe(stage, { subtree: true, childList: true, attributes: true });
})()"""
"""On the page of who looks: how far to the right each black stroke since ``begin()`` was when, ``[stroke, x, when]``.

Strokes are drawn from left to right, in the black of the page's first pen, which nobody else has.
"""

FRAMES: Final = """(() => {
  globalThis.gapsMs = [];
  globalThis.longMs = [];
  new PerformanceObserver((list) => longMs.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "long-animation-frame" });
  let last = null;
  const tick = (now) => {
    if (last !== null) gapsMs.push(now - last);
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
})()"""
"""On the page of who draws: from frame to frame, and the work of each that took more than 50 ms."""
