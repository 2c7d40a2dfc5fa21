// Who has closed the client is held up by nothing: the program ends by itself, whatever was going on.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { test } from "node:test";
import { promisify } from "node:util";

const { WebSocketServer } = createRequire(import.meta.url)("ws"); // by NODE_PATH, where it is not beside us
const PROGRAM = new URL("ending.mjs", import.meta.url).pathname;
const AT_MOST_MS = 10_000; // to start and end a process on a busy machine; what would hold it up takes longer, or for ever

async function ends(...given) {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...given], { timeout: AT_MOST_MS });
  assert.equal(stdout, "closed\n");
}

const WHATS = [
  "without a token",
  "waiting to enter",
  "waiting to send",
  "reading polls",
  "missing events",
  "in doubt",
  "waiting for notifications",
  "doing everything",
];
for (const what of WHATS) test(`a client that is closed while it is ${what} keeps no program alive`, () => ends(what));

test("a client that is closed while it connects to a server that says nothing keeps no program alive", async () => {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  sockets.on("connection", (_, { socket }) => socket.pause());
  await new Promise((listening) => http.listen(0, "127.0.0.1", listening));
  try {
    await ends("connecting", `http://127.0.0.1:${http.address().port}`);
  } finally {
    for (const socket of sockets.clients) socket.terminate();
    http.close();
  }
});
