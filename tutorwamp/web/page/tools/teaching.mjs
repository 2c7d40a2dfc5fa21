// Teaching: the people, and what is needed beside board and chat, in a row under the lesson's name: hands, timer, polls, rules.

import { persistently } from "../../client/again.mjs";
import { newClientId } from "../../client/ids.mjs";
import { find } from "../dom.mjs";
import { inPlainWords } from "../error-words.mjs";
import { Hands } from "../hands/hands.mjs";
import { keeping } from "../keeping.mjs";
import { notify } from "../notices.mjs";
import { People } from "../people/people.mjs";
import { PollsTool } from "../polls/polls.mjs";
import { Rules } from "../rules/rules.mjs";
import { standing } from "../rules/standing.mjs";
import { Timer } from "../timer/timer.mjs";

// Hands and timer have no version, so an answer may be older than what was heard meanwhile: their event shows them.
const WITHOUT_VERSION = new Set(["raise_hand", "set_timer"]);

export class Teaching {
  #client;
  #lesson;
  #changed;
  #hands;
  #timer;
  #polls;
  #rules;
  people;

  /** `lesson` is the client's. `changed(may)`: what the person may do (rules/standing.mjs), whenever it may be something else. */
  constructor(root, { client, lesson, away, changed, signal }) {
    this.#client = client;
    this.#lesson = lesson;
    this.#changed = changed;
    const { me } = lesson;
    const lower = (how) => this.act("raise_hand", { up: false, ...how });
    const pen = (student_ids) => this.act("set_pen", { student_ids });
    const givePen = async (id) => (await pen([...lesson.value.pen, id])) && lower({ user_id: id });
    const raise = (up) => this.act("raise_hand", { up });
    this.people = new People(find(".people", root), {
      me,
      act: { pen, mute: (muted) => this.act("set_rules", { muted }), lower: (user_id) => lower({ user_id }), remove: (id) => this.#remove(id) },
    });
    this.#hands = new Hands({ me, signal, act: { raise, lower: (user_id) => lower({ user_id }), lowerAll: () => lower({ all: true }), givePen } });
    this.#timer = new Timer({
      signal,
      act: { set: (ends_at, title) => this.act("set_timer", { ends_at, title }), remove: () => this.act("set_timer", { ends_at: null }) },
      onEnd: () => away.ring("over"),
    });
    this.#polls = this.#makePolls(client, signal);
    this.#rules = new Rules({ signal, act: { rules: (rules) => this.act("set_rules", rules), pen } });
    const tools = [this.#hands, this.#timer, this.#polls, this.#rules];
    for (const { element } of tools) element.hidden = true; // until the lesson is known
    find(".lesson-tools", root).replaceChildren(...tools.map(({ element }) => element), away.element);
  }

  #makePolls(client, signal) {
    const { id, me } = this.#lesson;
    const call = (name, kwargs) => client.call(`tutorwamp.poll.${name}`, kwargs);
    return new PollsTool({
      signal,
      given: keeping("answers", me.id, id, client.storage),
      draft: keeping("poll", me.id, id, client.storage),
      act: {
        ask: (poll) => {
          const asked = { lesson_id: id, client_id: newClientId(), ...poll }; // one for all tries
          return this.#done(() => call("open", asked));
        },
        answer: (poll_id, answer) => this.#done(() => call("answer", { poll_id, ...answer })),
        close: (poll_id, show) => this.#done(() => call("close", { poll_id, show })),
        answers: (poll_id) => call("answers", { poll_id }),
      },
    });
  }

  /** Listen to the client; functions that end it. */
  hear() {
    const { presence, polls } = this.#lesson;
    const present = () => {
      this.people.showPresent(presence.participants);
      if (this.#lesson.value) this.showLesson();
    };
    return [
      presence.on("sync", present),
      presence.on("update", present),
      polls.on("sync", () => this.#showPolls()),
      polls.on("update", () => this.#showPolls()),
    ];
  }

  close() {
    this.people.close();
  }

  /** The lesson has changed, or somebody has come or gone: a lesson that is closed without its tutor opens or closes. */
  showLesson() {
    const lesson = this.#lesson.value;
    const may = this.#may;
    this.people.showLesson(lesson, may);
    this.#hands.show({ hands: lesson.hands, pen: lesson.pen, ...may });
    this.#timer.show({ timer: lesson.timer, ...may });
    this.#rules.show(lesson, may);
    this.#showPolls();
    this.#changed(may);
  }

  /** Whether it is the person's lesson (still). */
  get belongs() {
    return this.#may.runs || this.#may.isStudent;
  }

  get #may() {
    const { value, me } = this.#lesson;
    return standing(value, me, { isAttended: this.people.has(value.tutor.id) });
  }

  #showPolls() {
    if (this.#lesson.value) this.#polls.show({ polls: this.#lesson.polls.items, ...this.#may });
  }

  /** Change the lesson. Promises whether it was done; where not, the person has been told. */
  act(verb, kwargs) {
    const { clock } = this.#client;
    if (WITHOUT_VERSION.has(verb)) return this.#done(() => persistently(() => this.#lesson.call(`lesson.${verb}`, kwargs), clock));
    return this.#done(() => this.#lesson.act(verb, kwargs));
  }

  async #done(ask) {
    try {
      await ask();
      return true;
    } catch (error) {
      notify(inPlainWords(error));
      if (error.action === "reload") {
        this.#lesson.polls.stream.compareAfresh();
        await this.#lesson.state.refresh().catch(() => {});
      }
      return false;
    }
  }

  // Of the newest version: who was added meanwhile stays.
  #remove(id) {
    const { version, students } = this.#lesson.value;
    return this.act("update", { version, student_ids: students.map((student) => student.id).filter((one) => one !== id) });
  }
}
