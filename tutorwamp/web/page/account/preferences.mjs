// How one is told of what: a table of kinds and channels, each cell kept as soon as it is changed.

import { h } from "../dom.mjs";
import { announce, notify } from "../notices.mjs";
import { refusalWords } from "../refusals.mjs";
import { t } from "../words.mjs";

const KINDS = ["lesson.invited", "lesson.changed", "lesson.cancelled", "lesson.starting", "chat.message"];
const CHANNELS = ["in_app", "web_push", "email"];

/** The table, filled by `call("…preferences")`. What a newer server knows besides is left out, and stays as it is there. */
export function preferencesTable(preferences, call) {
  const channels = CHANNELS.filter((channel) => KINDS.some((kind) => channel in (preferences[kind] ?? {})));
  const head = channels.map((channel) => h("th", { scope: "col" }, t(`account.channel.${channel}`)));
  const rows = KINDS.filter((kind) => preferences[kind]).map((kind) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, t(`account.kind.${kind}`)),
      channels.map((channel) => h("td", {}, cell(kind, channel, preferences[kind][channel], call))),
    ),
  );
  return h("table", {}, h("thead", {}, h("tr", {}, h("td"), head)), h("tbody", {}, rows));
}

function cell(kind, channel, isOn, call) {
  const box = h("input", {
    type: "checkbox",
    checked: isOn,
    disabled: isOn === undefined,
    "aria-label": t("account.told", { kind: t(`account.kind.${kind}`), channel: t(`account.channel.${channel}`) }),
    onchange: async () => {
      const wanted = box.checked;
      try {
        const { preferences } = await call("tutorwamp.notification.set_preferences", {
          preferences: { [kind]: { [channel]: wanted } },
        });
        box.checked = preferences[kind][channel];
        announce(t("account.kept"));
      } catch (error) {
        box.checked = !wanted;
        notify(refusalWords(error));
      }
    },
  });
  return box;
}
