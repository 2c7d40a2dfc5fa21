// Whether somebody is a tutor, as the server says it: a name can claim anything, the badge cannot.

import { h } from "../dom.mjs";
import { t } from "../words.mjs";

const ROLES = new Set(["tutor", "student", "admin"]);

/** Stands beside a name; null for a role that this page does not know. */
export function roleBadge({ role }) {
  return ROLES.has(role) ? h("span", { class: `role-badge ${role}` }, t(`role.${role}`)) : null;
}
