// A board's server in few lines (docs/rules/board.md, B1 to B7, B18, B20, B21), for the page's modules to talk to. What is
// asked and what is answered wait in `calls` and `events` until the test lets them go on.

const STALE = "tutorwamp.error.board.stale";

export class Server {
  head = 0;
  pages = ["p1"];
  held = new Map(); // id -> {version, element or null}, in the order of drawing
  answers = new Map(); // client_id -> {content, answer}
  penless = false;

  open() {
    return structuredClone({ pages: this.pages.map((id) => ({ id })), elements: this.elements, head: this.head });
  }

  get elements() {
    return [...this.held.values()].map(({ element }) => element).filter((element) => element !== null);
  }

  /** {answer, event}: event is null where nothing was applied. */
  submit(by, { client_id, changes }) {
    const known = this.answers.get(client_id);
    const content = JSON.stringify(changes);
    if (known) {
      if (known.content !== content) throw new Error(`client_id used twice: ${known.content} and ${content}`);
      const now = ({ id, ...rejection }) => ({ id, ...rejection, element: this.held.get(id)?.element ?? null });
      return { answer: { ...known.answer, rejected: known.answer.rejected.map(now) }, event: null };
    }
    const [told, applied, rejected] = [[], [], []];
    for (const change of structuredClone(changes)) {
      const id = change.op === "put" ? change.element.id : change.id;
      const error = this.penless ? "tutorwamp.error.board.no_pen" : this.judge(id, change);
      if (error) rejected.push({ id, error, message: "no", details: {}, element: this.held.get(id)?.element ?? null });
      else {
        applied.push(id);
        told.push({ ...this.take(id, change, by), by });
      }
    }
    const event = told.length ? this.tell("board.changed", { changes: told }) : null;
    const answer = { seq: this.head, applied, rejected };
    this.answers.set(client_id, { content, answer });
    return { answer, event };
  }

  tell(type, data) {
    return structuredClone({ seq: ++this.head, type, at: `at ${this.head}`, actor: { id: "somebody" }, data });
  }

  judge(id, change) {
    const held = this.held.get(id);
    const wanted = change.op === "put" ? change.element.version : change.version;
    if (wanted !== held?.version) return STALE;
    if (change.op !== "put" && held.element === null) return STALE;
    if (change.op === "append" && held.element.finished) return "tutorwamp.error.conflict";
    if (change.op === "append" && held.element.points.length + change.points.length > 500) return "tutorwamp.error.too_large";
    if (change.op !== "delete" && (change.points ?? change.element.points)?.length < 1) return "tutorwamp.error.invalid";
    return null;
  }

  take(id, change, by) {
    const before = this.held.get(id);
    const version = (before?.version ?? 0) + 1;
    if (change.op === "delete") {
      this.held.set(id, { version, element: null });
      return { op: "delete", id, version };
    }
    if (change.op === "append") {
      const { points, finished } = change;
      const element = { ...before.element, version, points: [...before.element.points, ...points], ...(finished && { finished }) };
      this.held.set(id, { version, element });
      return { op: "append", id, version, points, ...(finished && { finished }) };
    }
    const element = { ...change.element, version, author: before?.element?.author ?? { id: by } };
    if (before?.element === null) this.held.delete(id); // brought back: on top
    this.held.set(id, { version, element });
    return { op: "put", element };
  }
}

/** Let everything happen that waits for nothing but a promise. */
export async function settled() {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
