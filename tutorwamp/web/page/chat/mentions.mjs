// "@Name" in what people write. The server knows no mentions: they are words, which the page marks for whom they name.

import { straight } from "../../client/writing.mjs";

const LETTER = /[\p{L}\p{N}_]/u;
const same = (text) => straight(text).normalize("NFC").toLowerCase();

/** What people are called after an "@": their name, or its first word where nobody else's is the same. */
export function calledBy(people) {
  const names = new Map(); // as compared -> ids
  const add = (name, id) => name && names.set(name, [...(names.get(name) ?? []), id]);
  for (const { id, name } of people) add(same(name), id);
  const firsts = new Map();
  for (const { id, name } of people) {
    const [first, ...more] = same(name).split(/\s+/u);
    if (more.length > 0) firsts.set(first, [...(firsts.get(first) ?? []), id]);
  }
  for (const [first, ids] of firsts) if (ids.length === 1 && !names.has(first)) add(first, ids[0]);
  return [...names].map(([name, ids]) => ({ name, ids })).sort((a, b) => b.name.length - a.name.length); // the longest is meant
}

/** The mentions in a line: `{from, to, ids}`. `called`: see calledBy. */
export function mentionsIn(line, called) {
  const found = [];
  for (let at = line.indexOf("@"); at >= 0; at = line.indexOf("@", at + 1)) {
    if (at > 0 && LETTER.test(line[at - 1])) continue; // an e-mail address
    const one = called.find(({ name }) => {
      const to = at + 1 + name.length;
      return same(line.slice(at + 1, to)) === name && !LETTER.test(line[to] ?? "");
    });
    if (one) found.push({ from: at, to: at + 1 + one.name.length, ids: one.ids });
  }
  return found;
}

/** Whether a message names somebody. */
export function names(body, id, called) {
  return body.includes("@") && mentionsIn(body, called).some(({ ids }) => ids.includes(id));
}

/**
 * What is being typed before the cursor: `{from, query}` after the last "@" of a word, or null. `from` is where the name begins.
 */
export function beingTyped(text, cursor) {
  const before = text.slice(Math.max(0, cursor - 40), cursor); // longer beginnings of a name nobody types
  const found = /(?:^|[^\p{L}\p{N}_])@([^\s@]{0,30}(?: [^\s@]{1,30})?)$/u.exec(before);
  return found ? { from: cursor - found[1].length, query: same(found[1]) } : null;
}

/** Who may be meant, the likeliest first. */
export function candidates(people, query) {
  const scored = people.map((person) => {
    const name = same(person.name);
    return { person, score: name.startsWith(query) ? 0 : name.split(/\s+/u).some((word) => word.startsWith(query)) ? 1 : 2 };
  });
  return scored.filter(({ score }) => score < 2).sort((a, b) => a.score - b.score).map(({ person }) => person);
}
