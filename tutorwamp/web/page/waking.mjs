// Whether somebody looks at the page and does something there: the client asks then, often, whether the network is still there.

const SAID_EVERY_MS = 1_000; // a pointer moves hundreds of times a second

/** From now on. A page that was hidden, asleep or set aside is seen again: whether it is connected is asked at once. */
export function setUpWaking(client) {
  let saidAt = 0;
  const looked = () => {
    client.attentive = !document.hidden;
    if (!document.hidden) client.wake();
  };
  const touched = () => {
    if (document.hidden || Date.now() - saidAt < SAID_EVERY_MS) return;
    saidAt = Date.now();
    client.attentive = true;
  };
  client.attentive = !document.hidden;
  document.addEventListener("visibilitychange", looked);
  addEventListener("pageshow", ({ persisted }) => persisted && looked());
  addEventListener("pagehide", () => client.keep());
  for (const type of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
    addEventListener(type, touched, { capture: true, passive: true });
  }
}
