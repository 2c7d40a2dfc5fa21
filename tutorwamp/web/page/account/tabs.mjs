// The page's tabs among each other: who signs out in one has signed out in all, and who is signed in in one can go on in another,
// such as one that a link has opened.

const CHANNEL = "tutorwamp.tabs";
const ANSWER_WITHIN_MS = 1_000; // a tab that sleeps may take that long

export class Tabs {
  #channel;
  #me;
  #tokens;
  #asking = null; // hears the answers
  /** Called when the person of this tab has signed out in another. */
  onSignedOut = () => {};

  /** `me()`: who is signed in here, or null. `tokens()`: theirs, which only a tab of the same page is ever given. */
  constructor({ me, tokens, channel = new BroadcastChannel(CHANNEL) }) {
    this.#me = me;
    this.#tokens = tokens;
    this.#channel = channel;
    channel.onmessage = ({ data }) => this.#hear(data);
  }

  /** Tell the others that this person has signed out. */
  signOut(user) {
    this.#channel.postMessage({ signedOut: user });
  }

  /** Ask who is signed in elsewhere; `found(person)` is called for each, once. */
  whoElse(found) {
    const known = new Set();
    this.#asking = ({ here }) => {
      if (!here || known.has(here.id)) return;
      known.add(here.id);
      found(here);
    };
    this.#channel.postMessage({ who: true });
  }

  /** The tokens of somebody who is signed in in another tab; null where they are not any more. */
  async tokensOf(user) {
    const answer = new Promise((resolve) => (this.#asking = ({ lent }) => lent?.user.id === user && resolve(lent)));
    this.#channel.postMessage({ lend: user });
    const late = new Promise((resolve) => setTimeout(resolve, ANSWER_WITHIN_MS, null));
    return Promise.race([answer, late]);
  }

  #hear(data) {
    this.#asking?.(data);
    const me = this.#me();
    if (!me) return;
    const { id, name, role } = me;
    // Two tabs may have two people: a tutor and a student, to try something.
    if (data.signedOut === id) this.onSignedOut();
    if (data.who) this.#channel.postMessage({ here: { id, name, role } });
    if (data.lend === id) this.#channel.postMessage({ lent: this.#tokens() });
  }
}
