// Which files the page is made of, each with a fingerprint; the gate makes the same (tutorwamp/gate/built.py).

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";

const SUFFIXES = new Set([".mjs", ".css", ".html", ".svg", ".png", ".webmanifest"]);

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

/** `{path: fingerprint}` of every source below `web`, but of nothing that was made of them in `folder`. */
export function digests(web, folder) {
  const isOurs = (path) => !path.startsWith(`${folder}/`) && !path.startsWith("_") && !path.split("/").includes("node_modules");
  const isSource = (path) => SUFFIXES.has(extname(path)) && isOurs(path);
  const paths = readdirSync(web, { recursive: true }).filter(isSource).sort();
  return Object.fromEntries(paths.map((path) => [path, sha256(readFileSync(`${web}${path}`)).toString("hex").slice(0, 16)]));
}
