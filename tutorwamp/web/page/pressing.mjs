// A button that is drawn afresh between press and release hears no click: what is pressed stays as it is until it is let go.

let pressed = null; // what a pointer is down on
let listens = false;
const waiting = new Map(); // a place -> how it is drawn

/** Draw what is in a place: now, or, while somebody presses something in it, once they let go. */
export function drawIn(place, draw) {
  listen();
  if (pressed && place.contains(pressed)) return waiting.set(place, draw);
  waiting.delete(place); // it is older, also where the click itself has drawn this
  draw();
}

function listen() {
  if (listens) return;
  listens = true;
  addEventListener("pointerdown", ({ target }) => (pressed = target), true);
  for (const type of ["pointerup", "pointercancel"]) addEventListener(type, release, true);
}

function release() {
  pressed = null;
  setTimeout(() => { // after the click
    const all = [...waiting];
    waiting.clear();
    for (const [place, draw] of all) if (place.isConnected) draw();
  }, 0);
}
