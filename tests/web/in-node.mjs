// A program in Node on the package, driven by a test over stdin and stdout, one JSON object a line.
//
//   in   {"url", "email", "password"}           who to be; then the client connects
//   out  {"event": name, "value"}                what the client tells: state, retry, lost, restored, arrived, pendingchange
//   in   {"id", "run": expression}               out  {"id", "result"} or {"id", "error": {"uri", "action", "message"}}
//
// An expression may be a promise, and knows `client`, `lesson` (once `open(id)` was run) and `tutorwamp`, the package.

import { createInterface } from "node:readline";

import * as tutorwamp from "../../tutorwamp/web/client/index.mjs";

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { url, email, password } = JSON.parse((await lines.next()).value);
const client = tutorwamp.createClient({ url, login: { email, password } });
for (const event of ["state", "retry", "lost", "restored", "arrived", "pendingchange"]) client.on(event, (value) => say({ event, value }));
let lesson = null;

async function open(id) {
  lesson = client.lesson(id);
  await lesson.join();
}

client.connect().catch(({ uri, action, message }) => say({ event: "failed", value: { uri, action, message } }));
for await (const line of lines) {
  const { id, run } = JSON.parse(line);
  const made = new Function("client", "lesson", "tutorwamp", "open", `return (async () => (${run}))()`);
  made(client, lesson, tutorwamp, open).then(
    (result) => say({ id, result: result ?? null }),
    ({ uri = null, action = null, message }) => say({ id, error: { uri, action, message } }),
  );
}
client.close();
setTimeout(() => process.exit(0), 500).unref(); // the goodbye is on its way
