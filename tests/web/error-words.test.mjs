// What a person reads when something did not work: a sentence of the page's for every error, never the server's own.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mock, test } from "node:test";
import { fileURLToPath } from "node:url";

import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { inPlainWords } from "../../tutorwamp/web/page/error-words.mjs";
import english from "../../tutorwamp/web/page/words/en.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PAGE = `${ROOT}tutorwamp/web/page/`;
const SERVERS = "A sentence of the server.";
const errors = [...readFileSync(`${ROOT}docs/api/errors.md`, "utf8").matchAll(/^\| `([^`]+)` \|/gm)].map(([, uri]) => uri);
const ours = readFileSync(`${ROOT}tutorwamp/web/client/errors.mjs`, "utf8").matchAll(/"(tutorwamp\.client\.\w+|wamp\.close\.transport_lost|wamp\.error\.timeout)"/g);

for (const uri of [...errors, ...new Set([...ours].map(([, uri]) => uri))]) {
  test(`${uri} has a sentence`, () => {
    assert.ok(`error.${uri}` in english);
    const words = inPlainWords(new ClientError({ uri, message: SERVERS, requestId: "r-1" }));
    assert.ok(words.length > 10 && !words.includes(SERVERS) && !words.includes("{"), words);
  });
}

for (const action of ["retry", "reauth", "reload", "fix", "stop"]) {
  test(`an error of a later version that says ${action} has a sentence`, () => {
    const words = inPlainWords(new ClientError({ uri: "tutorwamp.error.of_a_later_version", message: SERVERS, action }));
    assert.equal(words, english[`error.action.${action}`]);
  });
}

test("what is left of an error is read as the error it was, such as a message's problem", () => {
  const left = JSON.parse(JSON.stringify(new ClientError({ uri: "tutorwamp.error.lesson.muted", details: { until: 1 }, requestId: "r" })));
  const { uri, action, details, requestId } = ClientError.from(left);
  assert.deepEqual([uri, action, details, requestId], ["tutorwamp.error.lesson.muted", "stop", { until: 1 }, "r"]);
});

test("what was kept of an error has its sentence, and a mistake has one", () => {
  const error = new ClientError({ uri: "tutorwamp.error.internal", message: SERVERS, requestId: "r-1" });
  assert.equal(inPlainWords(JSON.parse(JSON.stringify(error))), "Something went wrong on our side. Reference for support: r-1");
  const log = mock.method(console, "error", () => {});
  for (const mistake of [new TypeError("x"), "words of an older version", undefined, null]) assert.match(inPlainWords(mistake), /Reloading/);
  assert.equal(log.mock.callCount(), 4);
});

test("it says which rule, how long, and which fields", () => {
  const say = (uri, details) => inPlainWords(new ClientError({ uri, message: SERVERS, details }));
  assert.match(say("tutorwamp.error.lesson.muted", { rule: "chat" }), /Only tutors/);
  assert.match(say("tutorwamp.error.lesson.muted", { rule: "of a later version" }), /at the moment/);
  assert.match(say("tutorwamp.error.rate_limited", { retry_after_s: 2.1 }), /in 3 seconds/);
  assert.match(say("tutorwamp.error.rate_limited", {}), /in a second/);
  const fields = say("tutorwamp.error.invalid", [{ loc: ["password"], msg: SERVERS }, { loc: "title", msg: SERVERS }, { loc: ["nonce"], msg: SERVERS }, { msg: SERVERS }]);
  assert.ok(fields.includes(english["error.field.password"]) && fields.includes(english["error.field.title"]));
  assert.ok(!fields.includes("nonce") && !fields.includes(SERVERS));
});

test("no file of the page shows an error's own sentence", () => {
  for (const name of readdirSync(PAGE, { recursive: true }).filter((one) => one.endsWith(".mjs"))) {
    const source = readFileSync(PAGE + name, "utf8");
    assert.ok(!/inPlainWords[^;]*client\/errors\.mjs/.test(source), `${name}: take inPlainWords from page/error-words.mjs`);
    assert.ok(!/\b(?:error|problem|refusal)\.message\b/.test(source), `${name} shows the server's sentence`);
  }
});
