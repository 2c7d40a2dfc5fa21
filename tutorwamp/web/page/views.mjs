// The page's addresses: what stands behind `#` says which view is shown. Each view is one row of a table (classroom.mjs).

import { find } from "./dom.mjs";
import { later } from "./shell.mjs";

/**
 * One row. `section`: the id of its `<section>` in index.html. `heading`: what is focused when it is shown. `title()`: of the
 * window, where the view does not say it itself. `isPublic`: shown to everybody, signed in or not, connected or not.
 * `make(value)`: the view for what stands after `=`. It has `enter()`, called when it is shown (where it throws a ClientError that
 * says `retry`, it is called again, and for any other the list is shown), and `leave()`; and where they mean something to it:
 * `arrived()`, there is another session than before, and `stuckCount`, how much waits that was written or drawn there.
 * @typedef {{section: string, heading?: string, title?: () => string, isPublic?: boolean, make: (value: string) => object}} Row
 */

/** Which row an address means, and what stands after `=`: `#lesson=1` is `["lesson", "1"]`, and `[""]`, the list, what none has. */
export function addressOf(hash, names) {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const name = names.find((one) => one !== "" && values.has(one)) ?? "";
  return [name, name && values.get(name)];
}

export class Views {
  #rows;
  #key = null;
  /** What is shown now; null before anything is, and while somebody signs in. */
  shown = null;

  /** `rows`: by the name before `=`; the one called "" is the list. */
  constructor(rows) {
    this.#rows = rows;
  }

  /** The row of an address. */
  at(hash) {
    return this.#rows[addressOf(hash, Object.keys(this.#rows))[0]];
  }

  /** Show what an address says, unless it is shown already. */
  show(hash) {
    const [name, value] = addressOf(hash, Object.keys(this.#rows));
    const key = `${name}=${value}`;
    if (this.shown && this.#key === key) return this.shown;
    this.leave();
    const { section, heading, title, make } = this.#rows[name];
    if (title) document.title = title();
    showSection(section);
    this.#key = key;
    const view = (this.shown = make(value));
    if (view.whenLoaded) {
      showSection("waiting"); // what stands in its section does nothing yet
      view.whenLoaded(() => showSection(section));
    } else if (heading) find(heading)?.focus({ preventScroll: true });
    return view;
  }

  leave() {
    this.shown?.leave();
    this.shown = this.#key = null;
  }
}

/**
 * A view that is loaded when it is shown first: `load()` imports its module, `make(module)` makes it. `heading` is focused then,
 * if there is one.
 */
export function laterView(load, make, heading) {
  let view = null;
  let isLeft = false;
  let loaded = () => {};
  return {
    /** `act()`: before the view is made, if nobody has left by then. */
    whenLoaded(act) {
      loaded = act;
    },
    async enter() {
      if (!view) {
        const module = await later(load);
        if (isLeft) return;
        loaded();
        view = make(module);
        if (heading) find(heading).focus({ preventScroll: true });
      }
      return view.enter();
    },
    arrived() {
      return view?.arrived?.();
    },
    get stuckCount() {
      return view?.stuckCount;
    },
    leave() {
      isLeft = true;
      view?.leave();
    },
  };
}

/** Only this section of the page. */
export function showSection(id) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== id;
  document.body.dataset.view = id;
}
