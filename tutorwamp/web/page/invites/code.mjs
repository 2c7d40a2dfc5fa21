// Invite codes as people type them, as docs/rules/lessons.md (L29) has them: twelve letters and digits in three groups.

const LENGTH = 12;
const GROUP = 4;
const LOOK_ALIKES = { O: "0", I: "1", L: "1" };
const NOT_OF_A_CODE = /[^0-9A-HJKMNP-TV-Z]/;

/**
 * A code as the school writes it, `K7QD-93XM-4TFA`, however it was typed: in small letters, with or without spaces and hyphens of
 * any kind, in wide letters, as a whole link. Null where it is none.
 */
export function codeOf(typed) {
  const text = typed.normalize("NFKC");
  const ofLink = /[#?&]invite=([^&#\s]*)/.exec(text)?.[1];
  const bare = (ofLink ?? text).toUpperCase().replace(/[\s\p{Pd}\p{Default_Ignorable_Code_Point}_.]|%20/gu, "");
  const code = bare.replace(/[OIL]/g, (letter) => LOOK_ALIKES[letter]);
  if (code.length !== LENGTH || NOT_OF_A_CODE.test(code)) return null;
  return code.replace(new RegExp(`(.{${GROUP}})(?=.)`, "g"), "$1-");
}

/**
 * The link of an invitation. It is the server's, unless that names only this machine (nobody has told it its address, and people
 * have reached the page by another): then this page's own.
 */
export function linkOf({ url, code }, pageUrl) {
  const isHere = (address) => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(address).hostname);
  const page = isHere(url) ? new URL(pageUrl) : new URL(url);
  page.search = "";
  page.hash = `invite=${code}`;
  return page.href;
}
