// What people write, made fit for the server, which takes NFC without control characters and refuses the rest; and their
// names and titles, made fit to stand among our words.

// Windows' characters where they were read as Latin 1: U+0092 is an apostrophe, as it is for HTML. "\0": none.
const WINDOWS = "€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ";
const UNWANTED = /[\u0000-\u0008\u000b-\u001f\u007f]|\p{Cs}/gu; // pasted text brings them along
// The same as in tutorwamp/kernel/text.py.
const VISIBLE = /[^\s\p{Default_Ignorable_Code_Point}\u2800\u{16fe4}\u{1d159}\ufff9-\ufffc\u{13430}-\u{13440}]/u;
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g; // what follows them is turned round, until it is said to stop
const FROM_THE_RIGHT = /[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Several lines, as they are to be sent. */
export function written(typed) {
  const lines = typed.replace(/\r\n?/g, "\n").replace(/[\u0080-\u009f]/g, (sign) => WINDOWS[sign.charCodeAt(0) - 0x80]);
  return lines.replace(UNWANTED, "").normalize("NFC");
}

/** One line, such as a name, a title or a query. */
export function writtenLine(typed) {
  return written(typed).replace(/[\n\t]+/g, " ").trim();
}

/** Whether there is something to see. */
export function isVisible(text) {
  return VISIBLE.test(text);
}

/** Somebody's name or title where it stands alone. Its marks would reach beyond its element, also beyond a <bdi>. */
export function straight(text) {
  return text.replace(TURNS, "");
}

/** The same for a sentence of ours: it keeps its direction, and the sentence its own. */
export function isolated(text) {
  return FROM_THE_RIGHT.test(text) ? `\u2068${straight(text)}\u2069` : straight(text);
}

/** Whether a key belongs to an input method: it chooses characters, and the Enter that ends the choice sends nothing. */
export function isForInputMethod(event) {
  return event.isComposing || event.keyCode === 229; // Safari sends that Enter after compositionend, with this code only
}
