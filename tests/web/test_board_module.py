"""The page's modules that need no page, run by the machine's Node.js; and its idea of a board beside the server's."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import npm
from tutorwamp.board import rules
from tutorwamp.board.rules import WorkingBoard, Writer
from tutorwamp.kernel.contracts import instant_text, new_id
from tutorwamp.kernel.errors import TutorwampError

HERE = Path(__file__).parent
NODE = shutil.which("node")
SUITES = sorted(path.name for path in HERE.glob("*.test.mjs"))
NODE_AT_LEAST = 20
PATIENCE_S = 120
SCENARIOS = 30
TICKS = 40

Plain = dict[str, Any]


def run(*arguments: str, lines: str = "", modules: str = "") -> subprocess.CompletedProcess[str]:
    assert NODE is not None
    return subprocess.run(  # noqa: S603  # our own files
        [NODE, "--no-warnings", *arguments],
        input=lines,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=HERE,
        env={**os.environ, "NODE_PATH": modules},
        check=False,
    )


def why_not() -> str | None:
    if NODE is None:
        return "Node.js is not installed"
    major = int(run("--version").stdout.removeprefix("v").split(".")[0])
    return None if major >= NODE_AT_LEAST else f"Node.js {major} is older than {NODE_AT_LEAST}"


WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@pytest.mark.parametrize("suite", SUITES)
def test_what_the_page_does_by_itself(suite: str) -> None:
    takes_from_npm = 'createRequire(import.meta.url)("' in (HERE / suite).read_text()
    modules = str(npm.folder() / "node_modules") if takes_from_npm else ""
    done = run("--test", "--test-reporter=tap", suite, modules=modules)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0\n" not in done.stdout


def some_element(dice: random.Random, page: str, **more: Any) -> Plain:
    element = {"id": new_id(), "page": page, "kind": "stroke", "color": "#102030", "width": 2, "points": [[0, 0]]}
    if dice.random() < 0.3:
        element = {"id": element["id"], "page": page, "kind": "rect", "color": "#102030", "x": 0, "y": 1}
        element |= {"width": dice.randrange(100), "height": 5}
    return element | more


def some_change(dice: random.Random, board: WorkingBoard) -> Plain:
    """Often one that is refused: by a wrong version, on what is gone, on what does not grow."""
    known = list(board.elements.values())
    page = dice.choice(list(board.counts))
    if not known or dice.random() < 0.3:
        return {"op": "put", "element": some_element(dice, page)}
    stored = dice.choice(known)
    version = max(1, stored.version - (dice.random() < 0.2))
    match dice.choice(["put", "append", "append", "delete"]):
        case "put":
            return {"op": "put", "element": some_element(dice, page, id=stored.id, version=version)}
        case "append":
            more = {"finished": True} if dice.random() < 0.1 else {}
            return {
                "op": "append",
                "id": stored.id,
                "version": version,
                "points": [[dice.randrange(9), 1, 0.5]],
                **more,
            }
        case _:
            return {"op": "delete", "id": stored.id, "version": version}


def turned(dice: random.Random, board: WorkingBoard) -> tuple[str, Plain]:
    """Something happens to pages; what stood there becomes tombstones, as the store does it."""
    pages = list(board.counts)
    kind = dice.choice(["page.added", "page.removed", "board.cleared"])
    if kind == "page.added" or len(pages) == 1:
        page = new_id()
        rules.add_page(board, page)
        return "page.added", {"page": page}
    gone = dice.choice(pages if kind == "page.removed" else [*pages, None])
    for stored in list(board.elements.values()):
        if gone in (None, stored.page) and stored.look is not None:
            deleted = rules.read_change({"op": "delete", "id": stored.id, "version": stored.version})
            rules.apply(board, deleted, Writer({"id": "somebody"}, may_draw=True, now=stored.updated_at))
    if kind == "page.removed":
        del board.counts[str(gone)]
    return kind, {"page": gone}


def some_events(dice: random.Random, lesson_id: str) -> list[Plain]:
    board = WorkingBoard(elements={}, counts=rules.first_page(lesson_id), weight=0, placed=0)
    now = datetime(2026, 11, 24, tzinfo=UTC)
    events: list[Plain] = []
    while len(events) < TICKS:
        now += timedelta(seconds=1)
        told = []
        if dice.random() < 0.15:
            kind, data = turned(dice, board)
        else:
            for _ in range(dice.randrange(1, 8)):
                writer = Writer({"id": dice.choice("ab"), "name": "A", "role": "tutor"}, may_draw=True, now=now)
                try:
                    told.append(rules.apply(board, rules.read_change(some_change(dice, board)), writer))
                except TutorwampError:
                    continue
            kind, data = "board.changed", {"changes": rules.coalesce(told)}
        if told or kind != "board.changed":
            events.append({"seq": len(events) + 1, "type": kind, "at": instant_text(now), "actor": None, "data": data})
    return events


def test_B18_the_page_makes_the_same_board_of_events_as_the_server() -> None:
    asked, expected = [], []
    for seed in range(SCENARIOS):
        lesson_id = new_id()
        events = some_events(random.Random(seed), lesson_id)
        replayed = rules.replay(lesson_id)
        asked.append({"start": replayed.plain(0), "events": events})
        states = []
        for event in events:
            replayed.take(event["type"], event["at"], event["data"])
            states.append(json.loads(json.dumps(replayed.plain(event["seq"]))))
        expected.append({"states": states})
    done = run("replay.mjs", lines="\n".join(map(json.dumps, asked)))
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected
