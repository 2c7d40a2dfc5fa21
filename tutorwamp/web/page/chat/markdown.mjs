// A safe part of Markdown, read into a tree of plain values: nobody's words become markup by way of a string. Each line is
// looked at once, so that no text, however it was made, costs more than its length.

import { linksIn } from "./links.mjs";
import { mentionsIn } from "./mentions.mjs";

const FENCE = /^\s{0,3}```/u;
const QUOTE = /^\s{0,3}> ?/u;
const BULLET = /^\s{0,3}[-*•]\s+(?=\S)/u;
const NUMBER = /^\s{0,3}(\d{1,9})[.)]\s+(?=\S)/u;
const MARKS = { "**": "strong", "*": "em", _: "em" };

/**
 * Blocks: `{type: "p" | "quote", lines}`, `{type: "list", ordered, start, items}` and `{type: "code", text}`; a line and an item
 * are pieces: `{type: "text" | "code", text}`, `{type: "strong" | "em", children}`, `{type: "link", href, text}` and
 * `{type: "mention", text, ids}`. `called`: whom an "@" may name (mentions.mjs).
 */
export function read(text, called = []) {
  const lines = text.split("\n");
  const lastFence = lines.findLastIndex((line) => FENCE.test(line));
  const blocks = [];
  for (let place = 0; place < lines.length; ) {
    const line = lines[place];
    if (FENCE.test(line) && place < lastFence) place = readCode(lines, place, blocks);
    else if (QUOTE.test(line)) place = readLines(lines, place, blocks, { is: QUOTE, type: "quote", called });
    else if (BULLET.test(line) || NUMBER.test(line)) place = readList(lines, place, blocks, called);
    else {
      const last = blocks.at(-1);
      const pieces = readLine(line, called);
      if (last?.type === "p") last.lines.push(pieces);
      else blocks.push({ type: "p", lines: [pieces] });
      place++;
    }
  }
  return blocks.filter((block) => block.type !== "p" || block.lines.some((pieces) => pieces.length > 0));
}

// From a fence to the next one; there is one, or it would not be code.
function readCode(lines, first, blocks) {
  let end = first + 1;
  while (!FENCE.test(lines[end])) end++;
  const text = lines.slice(first + 1, end).join("\n");
  if (text.trim()) blocks.push({ type: "code", text });
  else blocks.push({ type: "p", lines: lines.slice(first, end + 1).map((line) => [{ type: "text", text: line }]) });
  return end + 1;
}

function readLines(lines, first, blocks, { is, type, called }) {
  let end = first;
  while (end < lines.length && is.test(lines[end])) end++;
  blocks.push({ type, lines: lines.slice(first, end).map((line) => readLine(line.replace(is, ""), called)) });
  return end;
}

function readList(lines, first, blocks, called) {
  const ordered = NUMBER.test(lines[first]);
  const is = ordered ? NUMBER : BULLET;
  let end = first;
  while (end < lines.length && is.test(lines[end])) end++;
  const items = lines.slice(first, end).map((line) => readLine(line.replace(is, ""), called));
  blocks.push({ type: "list", ordered, start: ordered ? Number(NUMBER.exec(lines[first])[1]) : null, items });
  return end;
}

/** The pieces of one line. */
export function readLine(line, called = []) {
  return join(tokensOf(line, called));
}

// What stands for itself (code, links, names) first; between them text and the marks in it.
function tokensOf(line, called) {
  const taken = [...linksIn(line).map((link) => ({ ...link, type: "link" })), ...mentionsIn(line, called).map((mention) => ({ ...mention, type: "mention", text: line.slice(mention.from, mention.to) }))];
  taken.sort((a, b) => a.from - b.from);
  const tokens = [];
  let place = 0;
  let text = place;
  let next = 0; // of `taken`
  const flush = (to) => text < to && tokens.push({ type: "text", text: line.slice(text, to) });
  while (place < line.length) {
    while (taken[next]?.from < place) next++; // within code
    const sign = line[place];
    if (taken[next]?.from === place) {
      const { from, to, ...token } = taken[next++];
      flush(from);
      tokens.push(token);
      text = place = to;
    } else if (sign === "`") {
      const end = line.indexOf("`", place + 1);
      if (end < 0) break; // no mark after it needs a look, but what stands for itself does
      if (end > place + 1) {
        flush(place);
        tokens.push({ type: "code", text: line.slice(place + 1, end) });
        text = end + 1;
      }
      place = end + 1;
    } else if (sign === "*" || sign === "_") {
      let end = place;
      while (line[end] === sign) end++;
      const marks = marksOf(sign, end - place);
      if (marks) {
        flush(place);
        const sides = sidesOf(line, place, end);
        for (const mark of marks) tokens.push({ type: "mark", mark, ...sides });
        text = end;
      }
      place = end;
    } else place++;
  }
  return finish(tokens, line, { text, next, taken });
}

// The rest of a line after a backtick that stands alone: text, links and names.
function finish(tokens, line, { text, next, taken }) {
  for (const { from, to, ...token } of taken.slice(next)) {
    if (from < text) continue;
    if (text < from) tokens.push({ type: "text", text: line.slice(text, from) });
    tokens.push(token);
    text = to;
  }
  if (text < line.length) tokens.push({ type: "text", text: line.slice(text) });
  return tokens;
}

// `***` is both; longer rows of marks are somebody's line or joke.
function marksOf(sign, count) {
  if (count === 1) return [sign];
  if (sign === "_") return null; // __init__ is a name
  return { 2: ["**"], 3: ["**", "*"] }[count] ?? null;
}

// A mark opens before a word and closes after one: `2*3*4`, `a * b` and `snake_case` stay what they are.
function sidesOf(line, from, to) {
  const [before, after] = [line[from - 1] ?? " ", line[to] ?? " "];
  const isSpace = (sign) => /\s/u.test(sign);
  const isWord = (sign) => /[\p{L}\p{N}\ud800-\udfff]/u.test(sign);
  return { opens: !isSpace(after) && !isWord(before), closes: !isSpace(before) && !isWord(after) };
}

// Marks find their partners by a stack. Of each mark one is open at a time, so it is never deeper than there are marks.
function join(tokens) {
  const stack = [{ mark: null, children: [] }];
  const put = (piece) => stack.at(-1).children.push(piece);
  const isOpen = (mark) => stack.some((frame) => frame.mark === mark);
  const dropTop = () => {
    const { mark, children } = stack.pop();
    put({ type: "text", text: mark });
    for (const child of children) put(child);
  };
  // Where `***` closes, its two marks do so in the other order.
  for (const token of closingInOrder(tokens, stack)) {
    if (token.type !== "mark") put(token);
    else if (token.closes && isOpen(token.mark) && !isEmpty(stack, token.mark)) {
      while (stack.at(-1).mark !== token.mark) dropTop();
      const { mark, children } = stack.pop();
      put({ type: MARKS[mark], children: merged(children) });
    } else if (token.opens && !isOpen(token.mark)) stack.push({ mark: token.mark, children: [] });
    else put({ type: "text", text: token.mark });
  }
  while (stack.length > 1) dropTop();
  return merged(stack[0].children);
}

function isEmpty(stack, mark) {
  const top = stack.at(-1);
  return top.mark === mark && top.children.length === 0;
}

function* closingInOrder(tokens, stack) {
  for (let place = 0; place < tokens.length; place++) {
    const [token, after] = [tokens[place], tokens[place + 1]];
    const both = token.mark === "**" && after?.mark === "*" && token.closes && after.closes;
    if (both && stack.at(-1).mark === "*") {
      yield after;
      yield token;
      place++;
    } else yield token;
  }
}

// Neighbouring texts are one: fewer nodes, and words stay together.
function merged(pieces) {
  const found = [];
  for (const piece of pieces) {
    const last = found.at(-1);
    if (piece.type === "text" && last?.type === "text") last.parts.push(piece.text);
    else found.push(piece.type === "text" ? { type: "text", parts: piece.parts ?? [piece.text] } : piece);
  }
  return found.map((piece) => (piece.parts ? { type: "text", text: piece.parts.join("") } : piece));
}
