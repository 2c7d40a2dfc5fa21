// Addresses in what people write: http and https only, shown so that nobody is deceived about where they lead.

const BEGINS = /https?:\/\//giu;
// What cannot be part of one: white space, quotes and brackets of markup, controls, and characters that show nothing or turn round what follows.
const ENDS = /[\s<>"`\p{Cc}\p{Default_Ignorable_Code_Point}\u202a-\u202e\u2066-\u2069\p{Cs}]/u;
const CLOSES = { ")": "(", "]": "[", "}": "{" };
const PUNCTUATION = new Set([...".,;:!?'’”»*_~|…。，、；：！？）」』】"]);
const LETTER = /[\p{L}\p{N}_]/u;
// People read these as one alphabet: what is written in several of them, the ending (.com) included, may look like something else.
const ALPHABETS = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}]/u,
  /\p{Script=Hangul}/u,
  /\p{Script=Arabic}/u,
  /\p{Script=Hebrew}/u,
  /\p{Script=Devanagari}/u,
  /\p{Script=Thai}/u,
];

/** The addresses in a line, in their order: `{from, to, href, text}`, `text` as it is to be shown. */
export function linksIn(line) {
  const found = [];
  BEGINS.lastIndex = 0;
  for (let begin; (begin = BEGINS.exec(line)); ) {
    const from = begin.index;
    if (from > 0 && LETTER.test(line[from - 1])) continue; // "xhttp://"
    const rest = line.slice(from);
    const end = rest.search(ENDS);
    const to = from + trimmed(end < 0 ? rest : rest.slice(0, end));
    const link = linkOf(line.slice(from, to));
    if (link) found.push({ from, to, ...link });
    BEGINS.lastIndex = Math.max(to, from + begin[0].length); // also past one that is none: "https://https://…" is looked at once
  }
  return found;
}

// How long it is without the sentence's punctuation. A bracket belongs to it where it was opened in it.
function trimmed(text) {
  const count = {};
  for (const sign of text) if (sign in CLOSES || Object.values(CLOSES).includes(sign)) count[sign] = (count[sign] ?? 0) + 1;
  let length = text.length;
  for (; length > 0; length--) {
    const sign = text[length - 1];
    if (sign in CLOSES && count[sign] > (count[CLOSES[sign]] ?? 0)) count[sign]--;
    else if (!PUNCTUATION.has(sign)) break;
  }
  return length;
}

function linkOf(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  // A name before an "@" is there to look like a host.
  if (!["http:", "https:"].includes(url.protocol) || url.username || url.password || !url.hostname.includes(".") && url.hostname !== "localhost") return null;
  return { href: url.href, text: isDeceptive(text) ? url.href : text };
}

// As it was typed, unless the host has letters of several alphabets: then in the form that has Latin ones only (xn--…).
function isDeceptive(text) {
  const host = text.replace(/^https?:\/\//iu, "").split(/[/?#\\]/u)[0];
  if (/^[\x21-\x7e]*$/u.test(host)) return false;
  const used = ALPHABETS.filter((alphabet) => alphabet.test(host));
  const rest = [...host].filter((sign) => /\p{L}/u.test(sign) && !used.some((alphabet) => alphabet.test(sign)));
  return used.length !== 1 || rest.length > 0;
}
