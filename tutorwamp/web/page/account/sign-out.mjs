// Leaving: what waits is asked about, and then the person is signed out in all tabs of this browser.

import { forgetKept } from "../../client/chat/kept.mjs";
import { t } from "../words.mjs";
import { Push } from "./push.mjs";

const INVITATION = "tutorwamp.invitation."; // codes
const PUSH_OFF_WITHIN_MS = 2_000; // nobody is kept here because a server is away

export class SignOut {
  #session;
  #client;
  #leaving;
  #left;
  #tabs;

  /** `leaving()`: nothing of theirs is shown any more. `left(words, how)`: nobody is signed in here. */
  constructor({ session, client, tabs, leaving, left }) {
    this.#session = session;
    this.#client = client;
    this.#leaving = leaving;
    this.#left = left;
    this.#tabs = tabs;
    tabs.onSignedOut = () => this.#leave(t("sign-out.elsewhere"));
  }

  /** By the person. Nothing happens where they would rather not lose what waits. `how` is for `left`. */
  async ask(how) {
    const { words, strokes } = this.#client.pending; // of all tabs: they keep it in the same storage
    const count = words + strokes;
    if (count > 0 && !confirm(t("sign-out.sure", { count }))) return;
    await this.#pushOff();
    this.#tabs.signOut(this.#session.user.id);
    await this.#leave("", how);
  }

  /** `done()` ends all logins; throws what it throws, and then nobody is signed out. */
  async everywhere(done) {
    await this.#pushOff(); // as long as there is a token to say it with
    this.#client.close(); // else its end would be told first, as something that happened to them
    try {
      await done();
    } catch (error) {
      this.#client.connect().catch(() => {});
      throw error;
    }
    this.#tabs.signOut(this.#session.user.id);
    await this.#leave(t("sign-out.everywhere"));
  }

  async #leave(words, how) {
    const { id } = this.#session.user;
    this.#leaving();
    this.#client.close();
    for (const storage of [this.#client.storage, sessionStorage]) forgetKept(storage, id);
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(INVITATION)) sessionStorage.removeItem(key);
    const done = this.#session.logOut();
    this.#left(words, how);
    await done;
  }

  async #pushOff() {
    const push = new Push({ ask: this.#client.request, user: this.#session.user.id });
    if (!push.isOn) return;
    const late = new Promise((resolve) => setTimeout(resolve, PUSH_OFF_WITHIN_MS));
    await Promise.race([push.turnOff().catch(() => {}), late]);
  }
}
