// What the package gives: a client, and what comes with it.

export { Board } from "./board/board.mjs";
export { PenStroke } from "./board/stroke.mjs";
export { Client, createClient } from "./client.mjs";
export { systemClock } from "./clock.mjs";
export { ClientError, Refusal } from "./errors.mjs";
export { Lesson } from "./lesson.mjs";
export { TIMEOUTS } from "./limits.mjs";
export { Session } from "./session.mjs";
export { MemoryStorage, WebStorage } from "./storage.mjs";
export { written } from "./writing.mjs";
