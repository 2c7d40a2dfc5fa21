// Lesson chat with Socket.IO: a member sends, the server keeps it durably, answers, and tells every member.
//
// node server.mjs sqlite FILE | postgresql URL-OF-A-SOCKET'S-FOLDER DATABASE | statement (as postgresql, in one statement)
//
// Prints its port. Who says "enter" with a lesson is a member of it; as in tutorwamp a lesson's messages are numbered
// without a gap, and the same client_id is not kept twice.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Database from "libsql";
import pg from "pg";
import { Server } from "socket.io";

const TABLES = `
CREATE TABLE IF NOT EXISTS lessons (id text PRIMARY KEY, head integer NOT NULL);
CREATE TABLE IF NOT EXISTS members (lesson_id text, user_id text, PRIMARY KEY (lesson_id, user_id));
CREATE TABLE IF NOT EXISTS messages (
  id text PRIMARY KEY, lesson_id text NOT NULL, seq integer NOT NULL, author_id text NOT NULL, body text NOT NULL,
  created_at text NOT NULL, client_id text NOT NULL,
  UNIQUE (lesson_id, seq), UNIQUE (lesson_id, author_id, client_id));`;

const MEMBER = "SELECT 1 FROM members WHERE lesson_id = $1 AND user_id = $2";
const NUMBER = "UPDATE lessons SET head = head + 1 WHERE id = $1 RETURNING head";
const KEEP = "INSERT INTO messages VALUES ($1, $2, $3, $4, $5, $6, $7)";
const IN_ONE = `
WITH numbered AS (
  UPDATE lessons SET head = head + 1
  WHERE id = $2 AND EXISTS (SELECT 1 FROM members WHERE lesson_id = $2 AND user_id = $3) RETURNING head)
INSERT INTO messages SELECT $1, $2, head, $3, $4, $5, $6 FROM numbered RETURNING seq`;

function inSqlite(file) {
  const database = new Database(file);
  database.pragma("journal_mode=WAL");
  database.pragma("synchronous=FULL");
  database.exec(TABLES);
  const [member, number, keep] = [MEMBER, NUMBER, KEEP].map((one) => database.prepare(one.replace(/\$\d/g, "?")));
  return {
    enter: async (lesson, user) => {
      database.prepare("INSERT OR IGNORE INTO lessons VALUES (?, 0)").run(lesson);
      database.prepare("INSERT OR IGNORE INTO members VALUES (?, ?)").run(lesson, user);
    },
    keep: database.transaction((message) => {
      if (!member.get(message.lesson_id, message.author.id)) throw new Error("not a member");
      const { head } = number.get(message.lesson_id);
      keep.run(
        message.id, message.lesson_id, head, message.author.id, message.body, message.created_at, message.client_id);
      return head;
    }),
  };
}

async function inPostgresql(host, database, inOne) {
  const pool = new pg.Pool({ host, port: 5432, user: "tutorwamp", database });
  await pool.query(TABLES);
  const named = (name, text, values) => ({ name, text, values });
  async function inFour(message) {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      const member = await client.query(named("member", MEMBER, [message.lesson_id, message.author.id]));
      if (!member.rowCount) throw new Error("not a member");
      const { head } = (await client.query(named("number", NUMBER, [message.lesson_id]))).rows[0];
      await client.query(named("keep", KEEP, [
        message.id, message.lesson_id, head, message.author.id, message.body, message.created_at, message.client_id]));
      await client.query("COMMIT");
      return head;
    } catch (error) {
      await client.query("ROLLBACK");
      throw error;
    } finally {
      client.release();
    }
  }
  async function atOnce(message) {
    const { rows } = await pool.query(named("in one", IN_ONE, [
      message.id, message.lesson_id, message.author.id, message.body, message.created_at, message.client_id]));
    return rows[0].seq;
  }
  return {
    enter: async (lesson, user) => {
      await pool.query("INSERT INTO lessons VALUES ($1, 0) ON CONFLICT DO NOTHING", [lesson]);
      await pool.query("INSERT INTO members VALUES ($1, $2) ON CONFLICT DO NOTHING", [lesson, user]);
    },
    keep: inOne ? atOnce : inFour,
  };
}

const [kind, place, name] = process.argv.slice(2);
const store = kind === "sqlite" ? inSqlite(place) : await inPostgresql(place, name, kind === "statement");
const server = createServer();
const io = new Server(server, { transports: ["websocket"] });

io.on("connection", (socket) => {
  const author = { id: randomUUID(), name: "Somebody", role: "student" };
  socket.on("enter", async (lesson, done) => {
    await store.enter(lesson, author.id);
    await socket.join(lesson);
    done({});
  });
  socket.on("send", async ({ lesson_id, body, client_id }, done) => {
    const created_at = new Date().toISOString();
    const message = {
      id: randomUUID(), lesson_id, seq: 0, author, body, reply_to: null, reactions: {}, created_at, edited_at: null,
      deleted_at: null, client_id,
    };
    message.seq = await store.keep(message);
    done(message);
    const event = { stream: lesson_id, seq: message.seq, type: "message.created", at: created_at, actor: author };
    io.to(lesson_id).emit("event", { ...event, data: message });
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
