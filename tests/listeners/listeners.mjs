// Everybody's JavaScript clients, each with each serializer it has, in one lesson; one JSON object a line.
//
//   in   {"folder", "url", "token", "user", "lesson_id"}    where the clients are installed; who to be and where to go
//   out  {"ready": [names]}                                  when all of them hear all topics of the lesson
//   out  {"listener", "topic", "kwargs", "publisher"}        whenever one hears an event
//   out  {"listener", "closed": reason}                      when one has lost its session
//   in   {"calls": [procedure, kwargs]}                      out  {"answers": {name: result or {"error"}}}
//
// It ends when stdin does.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

import { createClient } from "../../tutorwamp/web/client/index.mjs";

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { folder, url, token, user, lesson_id } = JSON.parse((await lines.next()).value);
const require = createRequire(`${folder}/`);
const socketUrl = `${url.replace("http", "ws")}/ws`;
const ticket = { realm: "tutor", authid: user.id, authmethods: ["ticket"] };

const { Wampy } = require("wampy");
const { CborSerializer } = require("wampy/CborSerializer.js");
const { MsgpackSerializer } = require("wampy/MsgpackSerializer.js");
const autobahn = require("autobahn");

/** Each gives {call(procedure, kwargs), subscribe(topic, heard), unsubscribe(topic)}. */
async function withWampy(serializer, closed) {
  const options = serializer ? { serializer } : {};
  const wampy = new Wampy(socketUrl, {
    ...ticket,
    ...options,
    onChallenge: () => token,
    ws: WebSocket,
    uriValidation: "loose",
    autoReconnect: false,
    onClose: () => closed(null),
  });
  await wampy.connect();
  return {
    call: async (procedure, kwargs) => (await wampy.call(procedure, { argsDict: kwargs })).argsList[0],
    subscribe: (topic, heard) => wampy.subscribe(topic, ({ argsDict, details }) => heard(argsDict, details.publisher_authid)),
    unsubscribe: ({ subscriptionId }) => wampy.unsubscribe(subscriptionId),
  };
}

function withAutobahn(Serializer, closed) {
  const connection = new autobahn.Connection({
    ...ticket,
    url: socketUrl,
    serializers: [new Serializer()],
    onchallenge: () => token,
    max_retries: 0,
  });
  return new Promise((resolve) => {
    connection.onopen = (session) =>
      resolve({
        call: (procedure, kwargs) => session.call(procedure, [], kwargs),
        subscribe: (topic, heard) => session.subscribe(topic, (_, kwargs, details) => heard(kwargs, details.publisher_authid)),
        unsubscribe: (subscription) => session.unsubscribe(subscription),
      });
    connection.onclose = (reason, details) => closed(details.reason ?? reason);
    connection.open();
  });
}

async function withOurClient(closed) {
  const client = createClient({ url, getToken: () => token, user: () => user });
  await client.connect();
  client.on("state", ({ new: state }) => closed(state));
  return {
    call: (procedure, kwargs) => client.call(procedure, kwargs),
    subscribe: (topic, heard) => client.subscribe(topic, heard),
    unsubscribe: (stop) => stop(),
  };
}

const CLIENTS = {
  "page json": withOurClient,
  "wampy json": (closed) => withWampy(null, closed),
  "wampy cbor": (closed) => withWampy(new CborSerializer(), closed),
  "wampy msgpack": (closed) => withWampy(new MsgpackSerializer(), closed),
  "autobahn-js json": (closed) => withAutobahn(autobahn.serializer.JSONSerializer, closed),
  "autobahn-js cbor": (closed) => withAutobahn(autobahn.serializer.CBORSerializer, closed),
  "autobahn-js msgpack": (closed) => withAutobahn(autobahn.serializer.MsgpackSerializer, closed),
};

async function enter(listener, make) {
  const client = await make((reason) => say({ listener, closed: reason }));
  const { topics } = await client.call("tutorwamp.lesson.join", { lesson_id });
  for (const [topic, uri] of Object.entries(topics)) {
    // Twice: a client must be able to take its word back.
    await client.unsubscribe(await client.subscribe(uri, () => {}));
    await client.subscribe(uri, (kwargs, publisher) => say({ listener, topic, kwargs, publisher: publisher ?? null }));
  }
  const beat = () => client.call("tutorwamp.session.heartbeat", {});
  const { interval_s } = await beat();
  setInterval(beat, interval_s * 1000);
  return [listener, client];
}

const clients = await Promise.all(Object.entries(CLIENTS).map(([listener, make]) => enter(listener, make)));
say({ ready: clients.map(([listener]) => listener) });

for await (const line of lines) {
  const [procedure, kwargs] = JSON.parse(line).calls;
  const asked = clients.map(async ([listener, client]) => {
    const answer = await client.call(procedure, kwargs).catch((error) => ({ error: error.error ?? error.errorUri ?? error.uri ?? `${error}` }));
    return [listener, answer];
  });
  say({ answers: Object.fromEntries(await Promise.all(asked)) });
}
process.exit(0);
