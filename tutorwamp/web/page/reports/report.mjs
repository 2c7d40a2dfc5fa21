// Telling the admins of a message: asked why, and said what happens with it.

import { inPlainWords } from "../error-words.mjs";
import { isolated, isVisible, written } from "../../client/writing.mjs";
import { announce, notify } from "../notices.mjs";
import { askForWords } from "../tools/ask.mjs";
import { t } from "../words.mjs";

const REASON_AT_MOST = 1000; // docs/rules/chat.md, C20

/** `call(procedure, kwargs)`. Reporting twice is reporting once. */
export async function report(message, call) {
  const asked = { title: t("report.title", { name: isolated(message.author.name) }), words: t("report.words"), label: t("report.reason"), yes: t("report.send"), maxLength: REASON_AT_MOST };
  const reason = written((await askForWords(asked)) ?? "").trim();
  if (!isVisible(reason)) return;
  try {
    await call("tutorwamp.chat.report", { message_id: message.id, reason });
    notify(t("report.done"), { kind: "news" });
    announce(t("report.done"));
  } catch (error) {
    notify(inPlainWords(error));
  }
}
