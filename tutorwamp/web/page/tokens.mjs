// Who is signed in in this tab: the client's Session, with its tokens in sessionStorage, and the other tabs over a channel.

import { Session } from "../client/session.mjs";

const STORED_AS = "tutorwamp.session";

const kept = {
  get: () => JSON.parse(sessionStorage.getItem(STORED_AS) ?? "null"),
  set: (tokens) => (tokens ? sessionStorage.setItem(STORED_AS, JSON.stringify(tokens)) : sessionStorage.removeItem(STORED_AS)),
};

/** What this tab keeps, for another tab of the same page; null where nobody is signed in. */
export const keptTokens = kept.get;

/** The tab's only one. */
export function openSession() {
  return new Session({
    url: location.origin,
    kept,
    tabs: new BroadcastChannel(STORED_AS),
  });
}
