// What mouse, fingers and stylus do on the board: which of them draw, and which move and zoom what one sees.
// Drawing is a gesture: {id?, isStroke?, move?(points), end(point), drop?(), settle?(), takeBack?()}, begun by the tool that is chosen.

const REACH_PX = { mouse: 5, pen: 5, touch: 14 }; // how far beside something still means it
const SLIP_MS = 250; // a second finger this soon after the first: they want to move the view
const MIDDLE = 1; // a mouse's button

export class Pointing {
  #space;
  #view;
  #tools;
  #hooks;
  #gesture = null;
  #pointer = null;
  #since = 0;
  #drawnUntil = 0; // when its last point was made: a browser that gives points at once gives them twice
  #touched = false; // the gesture is a finger's
  #pressure = 0.5; // the stylus' last one: lifted, it has none
  #fingers = new Map(); // pointer id -> [px, py]
  #movesView = null; // the pointer that does, or "fingers"
  #from = null;
  #hasStylus = false;
  /** While the space bar is held, a press moves the view. */
  holdsView = false;

  /**
   * `tools.begin(point, how)` begins a gesture or gives null, `tools.mayBegin` says whether it could. Hooks: onPoint(point),
   * where the pointer is; onPress(event), before anything else, true where it was all that was meant; onStylus(), the first time;
   * onView(), the view was moved by hand.
   */
  constructor(space, { view, tools, hooks, signal }) {
    this.#space = space;
    this.#view = view;
    this.#tools = tools;
    this.#hooks = hooks;
    const on = (type, heard) => space.addEventListener(type, heard, { signal });
    on("pointerdown", (event) => this.#down(event));
    // Up to a frame before pointermove, in browsers that have it; as often as a quick mouse tells, which only a stroke can bear.
    on("pointerrawupdate", (event) => this.#gesture?.isStroke && this.#drawOn(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", (event) => this.#cancel(event));
  }

  get isBusy() {
    return this.#gesture !== null;
  }

  /** How far what is selected has been dragged, while it is. */
  get draggedBy() {
    return this.#gesture?.by ?? null;
  }

  /** The pen is gone, or the server takes no more of this. With `ids`: only where the gesture is about one of these. */
  drop(ids = null) {
    if (ids && !ids.includes(this.#gesture?.id)) return;
    this.#take()?.drop?.();
  }

  /** The person goes; what is drawn so far counts. */
  settle() {
    const gesture = this.#take();
    (gesture?.settle ?? gesture?.drop)?.();
  }

  #take() {
    const gesture = this.#gesture;
    this.#gesture = null;
    return gesture;
  }

  #down(event) {
    const isTouch = event.pointerType === "touch";
    if (event.pointerType === "pen" && !this.#hasStylus) {
      this.#hasStylus = true;
      this.#hooks.onStylus();
    }
    if (isTouch) {
      this.#fingers.set(event.pointerId, this.#view.pixelOf(event));
      this.#space.setPointerCapture(event.pointerId);
      if (this.#fingers.size > 1) return this.#secondFinger(event);
    }
    if (this.#hooks.onPress(event) || this.#gesture || (event.button !== 0 && event.button !== MIDDLE)) return;
    const movesView = event.button === MIDDLE || this.holdsView || (isTouch && this.#hasStylus) || !this.#tools.mayBegin;
    this.#space.setPointerCapture(event.pointerId);
    if (movesView) return this.#moveView(event);
    this.#pointer = event.pointerId;
    this.#since = this.#drawnUntil = event.timeStamp;
    this.#touched = isTouch;
    const reach = (REACH_PX[event.pointerType] ?? REACH_PX.mouse) / this.#view.scale;
    const how = { reach, adds: event.shiftKey, px: this.#view.pixelOf(event), isTouch, at: this.#view.at(event) };
    this.#gesture = this.#tools.begin(this.#point(event), how);
  }

  #moveView(event) {
    event.preventDefault(); // the middle button would scroll
    this.#movesView = event.pointerId;
    this.#from = this.#view.pixelOf(event);
    this.#space.classList.add("moving");
  }

  // Two fingers move and zoom, whatever the first one had begun.
  #secondFinger(event) {
    if (this.#touched && this.#gesture) this.#interrupted(event);
    if (!this.#gesture && this.#fingers.size === 2) this.#movesView = "fingers";
  }

  #move(event) {
    if (event.pointerType !== "touch" || this.#gesture) this.#hooks.onPoint(this.#view.placeOf(event));
    if (this.#movesView === event.pointerId) this.#panTo(this.#view.pixelOf(event));
    if (this.#fingers.has(event.pointerId)) this.#moveFinger(event);
    this.#drawOn(event);
  }

  #drawOn(event) {
    if (!this.#gesture || event.pointerId !== this.#pointer) return;
    const between = event.getCoalescedEvents?.() ?? []; // not on plain http
    const events = (between.length ? between : [event]).filter(({ timeStamp }) => timeStamp > this.#drawnUntil);
    if (events.length === 0) return;
    this.#drawnUntil = events.at(-1).timeStamp;
    this.#gesture.move?.(
      events.map((one) => this.#point(one)),
      { keepsForm: event.shiftKey },
    );
  }

  #panTo(now) {
    this.#view.camera.pan(now[0] - this.#from[0], now[1] - this.#from[1]);
    this.#from = now;
    this.#hooks.onView();
  }

  #moveFinger(event) {
    const before = [...this.#fingers.values()].slice(0, 2);
    this.#fingers.set(event.pointerId, this.#view.pixelOf(event));
    if (this.#movesView !== "fingers" || before.length < 2) return;
    this.#view.camera.pinch(before, [...this.#fingers.values()].slice(0, 2));
    this.#hooks.onView();
  }

  #up(event) {
    this.#lift(event);
    if (event.pointerId === this.#pointer && this.#gesture)
      this.#take().end(this.#point(event, { lifted: true }), { keepsForm: event.shiftKey });
  }

  #cancel(event) {
    this.#lift(event);
    if (event.pointerId === this.#pointer) this.#interrupted(event);
  }

  // A finger that is left over after two moved the view goes on to move it, and draws nothing.
  #lift(event) {
    this.#fingers.delete(event.pointerId);
    if (this.#movesView === event.pointerId) this.#movesView = null;
    if (this.#movesView === "fingers" && this.#fingers.size < 2) {
      const [left] = this.#fingers;
      this.#movesView = left ? left[0] : null;
      this.#from = left?.[1] ?? null;
    }
    if (this.#movesView === null) this.#space.classList.remove("moving");
  }

  #interrupted(event) {
    if (event.timeStamp - this.#since > SLIP_MS || !this.#gesture?.takeBack) this.settle();
    else this.#take().takeBack();
  }

  // A stylus tells how hard it is pressed.
  #point(event, { lifted = false } = {}) {
    const place = this.#view.placeOf(event);
    if (event.pointerType !== "pen") return place;
    if (!lifted) this.#pressure = Math.round(event.pressure * 100) / 100;
    return [...place, this.#pressure];
  }
}
