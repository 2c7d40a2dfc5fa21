// The second person of the journey: somebody with another language's client, driven by the test over stdin and stdout,
// one JSON object a line. Run with `node --experimental-websocket person.mjs FOLDER`; the folder has wampy.
//
//   in   {"url", "email", "password", "lesson_id"}             who to be and where to go; without lesson_id: nowhere
//   out  {"ready": true, "user", "lesson", "participants", "topics", "heads"}
//        {"failed": {"uri", "kwargs"}}                          and exit code 1, where one cannot get that far
//   in   {"id", "call": procedure, "kwargs"}                    out  {"id", "result"} or {"id", "error": {"uri", "kwargs"}}
//   in   {"id", "subscribe": topic, "options": {"match"}}       out  {"id", "result": {}} or an error
//   in   {"id", "publish": topic, "kwargs"}                     out  {"id", "result": {}} or an error
//   in   {"bye": true}                                          out  {"closed"} and exit code 0
//   out  {"event": topic, "kwargs", "publisher"}                whenever one is heard
//        {"closed": true}                                       and exit code 0, when the session is over

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Wampy } = createRequire(`${process.argv[2]}/`)("wampy");
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// ERROR of a call, a subscription or a publication; ABORT keeps its text in the details; REST answers with a problem.
function asError(error) {
  if (error.problem) return { uri: error.problem.type, kwargs: error.problem };
  if (error.errorUri) return { uri: error.errorUri, kwargs: error.argsDict ?? error.details ?? {} };
  return { uri: null, kwargs: { message: `${error.name}: ${error.message}` } };
}

async function logIn({ url, email, password }) {
  const response = await fetch(new URL("/api/auth/login", url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password }),
  });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.title), { problem: answer });
  return answer;
}

async function connect({ url }, { access_token, user }) {
  const webSocketUrl = new URL("/ws", url);
  webSocketUrl.protocol = webSocketUrl.protocol === "https:" ? "wss:" : "ws:";
  const wampy = new Wampy(webSocketUrl.href, {
    realm: "tutor",
    authid: user.id, // without it wampy offers no authentication at all
    authmethods: ["ticket"],
    onChallenge: () => access_token,
    ws: WebSocket, // in Node wampy does not find a WebSocket by itself
    uriValidation: "loose", // "strict" refuses the hyphens of a UUID in a topic
    autoReconnect: false, // or onClose is never called
    onClose: () => {
      say({ closed: true });
      process.exit(0);
    },
  });
  await wampy.connect();
  return wampy;
}

class Person {
  constructor(wampy) {
    this.wampy = wampy;
  }

  /** A procedure returns one dict, which is the first positional result; its arguments go by keyword. */
  async call(procedure, kwargs = {}) {
    const { argsList } = await this.wampy.call(procedure, { argsDict: kwargs });
    return argsList[0];
  }

  async subscribe(topic, options) {
    const heard = ({ argsDict, details }) => say({ event: topic, kwargs: argsDict ?? {}, publisher: details.publisher_authid ?? null });
    await this.wampy.subscribe(topic, heard, options);
    return {};
  }

  async publish(topic, kwargs = {}) {
    await this.wampy.publish(topic, { argsDict: kwargs }); // wampy always asks for an acknowledgement
    return {};
  }

  /** Join first, subscribe after: joining is what opens the lesson's topics. */
  async enter(lesson_id) {
    const joined = await this.call("tutorwamp.lesson.join", { lesson_id });
    await Promise.all(Object.values(joined.topics).map((topic) => this.subscribe(topic)));
    return joined;
  }

  async obey(command) {
    if (command.call) return this.call(command.call, command.kwargs);
    if (command.subscribe) return this.subscribe(command.subscribe, command.options);
    if (command.publish) return this.publish(command.publish, command.kwargs);
    throw new Error(`not understood: ${JSON.stringify(command)}`);
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const task = JSON.parse((await lines.next()).value);
let person;
try {
  const tokens = await logIn(task);
  person = new Person(await connect(task, tokens));
  const joined = task.lesson_id ? await person.enter(task.lesson_id) : {};
  say({ ready: true, user: tokens.user, ...joined });
} catch (error) {
  say({ failed: asError(error) });
  process.exit(1);
}

for await (const line of lines) {
  const command = JSON.parse(line);
  if (command.bye) break;
  // Not awaited: the test may have several things under way at once, and finds the answers by their id.
  person.obey(command).then(
    (result) => say({ id: command.id, result }),
    (error) => say({ id: command.id, error: asError(error) }),
  );
}
// Also when the test has ended without a bye and stdin is closed.
await person.wampy.disconnect();
