// The parts of the package that are met only by who uses it: addresses, storages, what REST answers, who is not signed in.

import assert from "node:assert/strict";
import { test } from "node:test";

import { keysOf } from "../../tutorwamp/web/client/storage.mjs";
import { createClient, MemoryStorage, Session, WebStorage } from "../../tutorwamp/web/client/index.mjs";
import { Clock, Router } from "./router.mjs";
import { School } from "./school.mjs";

const clock = new Clock();

function clientAt(url, fetch) {
  const router = new Router();
  new School(router);
  return { router, client: createClient({ url, getToken: async () => "token", WebSocket: router.WebSocket, fetch, clock }) };
}

for (const [url, http, ws] of [
  ["http://school.test", "http://school.test/", "ws://school.test/ws"],
  ["https://school.test:8443/lessons?day=1#top", "https://school.test:8443/", "wss://school.test:8443/ws"],
  ["ws://school.test:80/ws", "http://school.test/", "ws://school.test/ws"],
  [new URL("WSS://School.test"), "https://school.test/", "wss://school.test/ws"],
]) {
  test(`a server at ${url} is asked at ${http} and ${ws}`, async () => {
    const asked = [];
    const { router, client } = clientAt(url, async (address) => {
      asked.push(String(address));
      return new Response(null, { status: 204 });
    });
    assert.equal(await client.request("GET", "/api/x", { query: { a: "1 2", none: null, not: undefined } }), null);
    client.connect().catch(() => {});
    await clock.tick(0);
    assert.deepEqual([asked, router.socket.url], [[`${http}api/x?a=1+2`], ws]);
    client.close();
  });
}

test("what REST answers comes as it was wished for, and an answer that breaks off is no connection", async () => {
  const answers = ['{"a": 1}', "words", "bytes", "whole", "{"];
  const { client } = clientAt("https://school.test", async () => new Response(answers.shift(), { status: 200 }));
  assert.deepEqual(await client.request("GET", "/a"), { a: 1 });
  assert.equal(await client.request("GET", "/a", { as: "text" }), "words");
  assert.equal(await (await client.request("GET", "/a", { as: "blob" })).text(), "bytes");
  assert.equal(await (await client.request("GET", "/a", { as: "response" })).text(), "whole");
  await assert.rejects(client.request("GET", "/a"), { uri: "wamp.close.transport_lost", action: "retry" });
});

test("what has no body says no kind of it and may take as long as a reading; a plain one goes as JSON, any other as it is", async () => {
  const asked = [];
  const fetch = (_, { headers, body, signal }) => {
    asked.push([headers["content-type"], body, signal]);
    return new Promise(() => {});
  };
  const router = new Router();
  const timeouts = { call: 1, read: 5 };
  const client = createClient({ url: "https://school.test", getToken: async () => "token", WebSocket: router.WebSocket, fetch, clock, timeouts });
  const blob = new Blob(["bytes"]);
  const ended = [];
  for (const body of [undefined, { a: 1 }, blob]) client.request(body ? "POST" : "GET", "/a", { body }).catch(() => ended.push(body));
  await clock.tick(10_000);
  assert.deepEqual(asked.map(([type, body]) => [type, body]), [[undefined, undefined], ["application/json", '{"a":1}'], [undefined, blob]]);
  assert.deepEqual(ended, [{ a: 1 }, undefined]); // and bytes may take minutes
  assert.deepEqual(asked.map(([, , signal]) => signal.aborted), [true, true, false]);
});

test("a refusal over REST is what the server says, and a proxy's is what its status says", async () => {
  const problem = JSON.stringify({ type: "tutorwamp.error.lesson.state", detail: "It is over.", action: "reload" });
  const answers = [[problem, 409], ["<h1>Bad Gateway</h1>", 502]];
  const { client } = clientAt("https://school.test", async () => {
    const [body, status] = answers.shift();
    return new Response(body, { status });
  });
  await assert.rejects(client.request("GET", "/a"), { uri: "tutorwamp.error.lesson.state", message: "It is over.", action: "reload" });
  await assert.rejects(client.request("GET", "/a"), { uri: "tutorwamp.error.unavailable", action: "retry" });
});

test("who is not signed in is told so, and by which name", async () => {
  const session = new Session({ url: "https://school.test" });
  await assert.rejects(session.accessToken(), { uri: "tutorwamp.error.unauthenticated", action: "reauth", message: "You are not signed in." });
});

test("a storage in memory is one like any other, and each gives its keys", () => {
  const memory = new MemoryStorage();
  memory.setItem("a.1", 7);
  memory.setItem("b.1", "x");
  memory.setItem("b.2", "y");
  memory.removeItem("a.2");
  assert.deepEqual([memory.getItem("a.1"), memory.getItem("c"), memory.length, memory.key(1), memory.key(9)], ["7", null, 3, "b.1", null]);
  const known = { getItem: (key) => memory.getItem(key), setItem: () => {}, removeItem: (key) => memory.removeItem(key) };
  const byPlace = { ...known, length: 3, key: (place) => memory.key(place), keys: "kept under this name" }; // as localStorage.keys
  for (const storage of [memory, new WebStorage(memory), new WebStorage({ ...known, keys: () => memory.keys() }), byPlace]) {
    assert.deepEqual([keysOf(storage), keysOf(storage, "b.")], [["a.1", "b.1", "b.2"], ["b.1", "b.2"]]);
  }
});
