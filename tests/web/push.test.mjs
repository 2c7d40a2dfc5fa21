// Notifications of the operating system: asked for, given up, and whose they are, in a browser of few lines.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { Push } from "../../tutorwamp/web/page/account/push.mjs";

const KEY = "BAEC-_8"; // base64url of the bytes 4 1 2 251 255
const BYTES = [4, 1, 2, 251, 255];

class Device {
  permission = "default";
  answer = "granted"; // what the person says when they are asked
  subscription = null;
  made = 0;
  stored = new Map();
  hasWorker = true;

  get scope() {
    const pushManager = {
      getSubscription: async () => this.subscription,
      subscribe: async ({ userVisibleOnly, applicationServerKey }) => {
        assert.equal(userVisibleOnly, true);
        const current = this.subscription && new Uint8Array(this.subscription.options.applicationServerKey);
        if (current && String(current) !== String(applicationServerKey))
          throw new DOMException("another key", "InvalidStateError");
        return (this.subscription ??= this.#subscription(applicationServerKey));
      },
    };
    return {
      Notification: { permission: this.permission, requestPermission: async () => (this.permission = this.answer) },
      localStorage: {
        getItem: (key) => this.stored.get(key) ?? null,
        setItem: (key, value) => this.stored.set(key, value),
        removeItem: (key) => this.stored.delete(key),
      },
      navigator: {
        serviceWorker: {
          getRegistration: async () => (this.hasWorker ? {} : undefined),
          ready: this.hasWorker ? Promise.resolve({ pushManager }) : new Promise(() => {}), // as browsers do
        },
      },
    };
  }

  #subscription(key) {
    const endpoint = `https://push.example/${++this.made}`;
    return {
      endpoint,
      options: { applicationServerKey: key.buffer },
      toJSON: () => ({ endpoint, keys: { p256dh: "p", auth: "a" } }),
      unsubscribe: async () => (this.subscription = null),
    };
  }
}

function serverOf({ key = KEY } = {}) {
  const asked = [];
  const ask = async (method, path, { body } = {}) => {
    asked.push([method, path, body]);
    if (path === "/api/push/key" && key === null) throw new ClientError({ uri: "tutorwamp.error.not_found" });
    return path === "/api/push/key" ? { key } : null;
  };
  return { ask, asked, sent: () => asked.filter(([, path]) => path !== "/api/push/key") };
}

test("a device is turned on and off, and the server knows it", async () => {
  const [device, server] = [new Device(), serverOf()];
  const push = () => new Push({ ask: server.ask, user: "stan", scope: device.scope });
  assert.equal(await push().state(), "off");
  assert.equal(await push().turnOn(), "on");
  assert.deepEqual([...new Uint8Array(device.subscription.options.applicationServerKey)], BYTES);
  const { endpoint } = device.subscription;
  assert.equal(await push().state(), "on");
  assert.equal(await push().turnOff(), "off");
  assert.equal(device.subscription, null);
  assert.deepEqual(server.sent(), [
    ["POST", "/api/push/subscriptions", { endpoint, keys: { p256dh: "p", auth: "a" }, expirationTime: null }],
    ["DELETE", "/api/push/subscriptions", { endpoint }],
  ]);
});

test("a new login registers the device again, where it was on, and of nobody else", async () => {
  const [device, server] = [new Device(), serverOf()];
  const push = (user) => new Push({ ask: server.ask, user, scope: device.scope });
  await push("stan").renew();
  assert.deepEqual(server.sent(), []);
  await push("stan").turnOn();
  await push("stan").renew();
  await push("ada").renew();
  const [registered, renewed, ...more] = server.sent();
  assert.deepEqual(renewed, registered);
  assert.deepEqual(more, []);
});

test("who comes next on the same device is not told of the first one's lessons, and does not end them", async () => {
  const [device, server] = [new Device(), serverOf()];
  await new Push({ ask: server.ask, user: "stan", scope: device.scope }).turnOn();
  const ada = new Push({ ask: server.ask, user: "ada", scope: device.scope });
  assert.equal(await ada.state(), "off");
  assert.equal(ada.isOn, false);
  await ada.turnOff();
  assert.ok(device.subscription, "it is stan's");
  assert.equal(await ada.turnOn(), "on");
  assert.equal(await new Push({ ask: server.ask, user: "stan", scope: device.scope }).state(), "off");
});

test("where the server has another key now, it is off, and turned on with the new one", async () => {
  const device = new Device();
  await new Push({ ask: serverOf({ key: "AQID" }).ask, user: "stan", scope: device.scope }).turnOn();
  const push = new Push({ ask: serverOf().ask, user: "stan", scope: device.scope });
  assert.equal(await push.state(), "off");
  assert.equal(await push.turnOn(), "on");
  assert.equal(device.made, 2);
});

test("why not is said: the browser, the person, or the school", async () => {
  const without = new Device();
  without.hasWorker = false;
  assert.equal(await new Push({ ask: serverOf().ask, user: "stan", scope: without.scope }).state(), "unable");
  const denying = new Device();
  denying.answer = "denied";
  const push = () => new Push({ ask: serverOf().ask, user: "stan", scope: denying.scope });
  assert.equal(await push().turnOn(), "denied");
  assert.equal(await push().state(), "denied");
  const later = new Device();
  later.answer = "default"; // the question was put away
  assert.equal(await new Push({ ask: serverOf().ask, user: "stan", scope: later.scope }).turnOn(), "off");
  assert.equal(await new Push({ ask: serverOf({ key: null }).ask, user: "stan", scope: new Device().scope }).state(), "unserved");
  assert.equal(await new Push({ ask: serverOf().ask, user: "stan", scope: { navigator: {} } }).state(), "unable");
});

test("a device that the server did not take is off, and other failures are told", async () => {
  const device = new Device();
  const ask = async (method) => {
    if (method === "POST") throw new ClientError({ uri: "tutorwamp.error.unavailable" });
    return { key: KEY };
  };
  const push = new Push({ ask, user: "stan", scope: device.scope });
  await assert.rejects(push.turnOn(), ClientError);
  assert.equal(await push.state(), "off");
});
