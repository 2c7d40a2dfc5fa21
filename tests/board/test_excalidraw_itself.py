"""Files of Excalidraw on our board, and ours in Excalidraw: what it answered once, and what it answers now."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import math
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tutorwamp.board.excalidraw import Translated, from_scene, pictures_in, to_scene
from tutorwamp.board.rules import read_change

DATA = Path(__file__).with_name("excalidraw")
MADE, OURS = "made-by-excalidraw", "ours"

PAGE_ID = "01a20a15-05e3-76a3-9f7a-e3e0d1dc0c31"
ASSET_ID = "01a20a15-05e3-76a3-9f7a-0000000000ff"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WAVE = [[10 + 3.3 * i, 40 + 20 * math.sin(i / 3)] for i in range(40)]

LOOKS: list[dict[str, Any]] = [
    {"kind": "stroke", "points": WAVE, "width": 4},
    {"kind": "stroke", "points": [[x, y + 60, i / 40] for i, (x, y) in enumerate(WAVE)], "width": 4, "finished": True},
    {"kind": "stroke", "points": [[200.5, 20]], "width": 6},
    {"kind": "stroke", "points": [[220, 20, 0.75]], "width": 6},
    {"kind": "line", "points": [[10, 150], [200.25, 180]], "width": 3},
    {"kind": "arrow", "points": [[200, 160], [10, 130]], "width": 3, "opacity": 0.35},
    {"kind": "rect", "x": 10, "y": 200, "width": 100, "height": 50},
    {"kind": "rect", "x": 130, "y": 200, "width": 100, "height": 50, "stroke_width": 0, "fill": "#1971c2"},
    {"kind": "ellipse", "x": 250, "y": 200, "width": 100, "height": 50, "stroke_width": 5, "fill": "#FFC9C9"},
    {"kind": "rect", "x": 400, "y": 200, "width": 0, "height": 0, "stroke_width": 5},
    {"kind": "text", "x": 10, "y": 300, "text": "MMM WWW Ünï 数学 😀\n\tx² < y & z", "size": 28},
    {"kind": "image", "x": 10, "y": 400, "width": 60, "height": 40, "asset_id": ASSET_ID},
]
PAGE: list[dict[str, Any]] = [
    {
        "id": f"01a20a15-05e3-76a3-9f7a-{number:012x}",
        "page": PAGE_ID,
        "version": 3,
        "author": {"id": PAGE_ID, "name": "Anna", "role": "tutor"},
        "created_at": "2026-11-24T10:00:00.000Z",
        "updated_at": "2026-11-24T10:00:01.500Z",
        "color": "#1971c2",
        **look,
    }
    for number, look in enumerate(LOOKS, start=1)
]


def our_file() -> str:
    """What the board exports of the page."""
    return json.dumps(to_scene(PAGE, {ASSET_ID: ("image/png", PIXEL)}), ensure_ascii=False, indent=1)


def recorded(name: str) -> dict[str, Any]:
    """What Excalidraw made of a file."""
    answer: dict[str, Any] = json.loads((DATA / f"{name}.opened.json").read_text())
    return answer


def asked(*command: str, given: str = "") -> dict[str, Any]:
    """What Excalidraw says now."""
    folder = os.environ.get("TUTORWAMP_TEST_EXCALIDRAW")
    if not folder:
        pytest.skip("TUTORWAMP_TEST_EXCALIDRAW names no folder with Excalidraw (tests/board/excalidraw/README.md)")
    node = shutil.which("node")
    assert node, "Excalidraw needs Node.js"
    run = [node, str(DATA / "check.mjs"), folder, *command]
    done = subprocess.run(run, input=given, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603  # our own command
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@functools.cache
def opened_now(name: str) -> dict[str, Any]:
    return asked("open", given=(DATA / f"{name}.excalidraw").read_text())


@functools.cache
def drawn_now() -> dict[str, Any]:
    return asked("draw")


def drawn_once() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((DATA / f"{MADE}.excalidraw").read_text())
    return made


Opened = Callable[[str], dict[str, Any]]
opened_both = pytest.mark.parametrize("opened", [recorded, opened_now])
drawn_both = pytest.mark.parametrize("drawn", [drawn_once, drawn_now])


def read(scene: dict[str, Any], asset_ids: dict[str, str]) -> Translated:
    ids = (f"01a20a15-05e3-76a3-9f7b-{number:012x}" for number in itertools.count(1))
    return from_scene(scene, page=PAGE_ID, new_id=ids.__next__, asset_ids=asset_ids)


def box_of(elements: Sequence[dict[str, Any]], edge: float = 0) -> list[float]:
    """[left, top, right, bottom] of all of them, and an edge around that."""
    xs: list[float] = []
    ys: list[float] = []
    for element in elements:
        x, y = element.get("x", 0), element.get("y", 0)
        xs += [x, x + element["width"]] if "x" in element else [point[0] for point in element["points"]]
        ys += [y, y + element["height"]] if "x" in element else [point[1] for point in element["points"]]
    return [min(xs) - edge, min(ys) - edge, max(xs) + edge, max(ys) + edge]


# ours in Excalidraw


def test_B28_the_file_that_excalidraw_was_asked_about_is_still_what_we_export() -> None:
    assert json.loads((DATA / f"{OURS}.excalidraw").read_text()) == json.loads(our_file())


@opened_both
def test_B28_excalidraw_opens_our_file_and_changes_nothing(opened: Opened) -> None:
    ours, theirs = json.loads(our_file()), opened(OURS)
    # Excalidraw numbers the order itself, which counts as a new version.
    own = {"index", "version", "versionNonce", "updated"}
    assert [{k: v for k, v in element.items() if k not in own} for element in theirs["elements"]] == [
        {k: v for k, v in element.items() if k not in own} for element in ours["elements"]
    ]
    assert theirs["files"] == ours["files"]


@opened_both
def test_B28_excalidraw_draws_every_element_of_ours_where_it_is(opened: Opened) -> None:
    theirs = opened(OURS)
    for element, exported in zip(PAGE, theirs["elements"], strict=True):
        ink = theirs["ink"][element["id"]]
        if element["kind"] == "text":
            box = box_of([exported])
            slack = element["size"] / 4
            assert ink[:2] == pytest.approx(box[:2], abs=slack)
            assert ink[2] <= box[2], "Excalidraw cuts off a text that is wider than it says"
            assert ink[3] <= box[3] + slack
        else:
            # The width of a line counts for freehand only; that is smoothed, and thinner where the pen is light.
            # An arrow's head is wider than its line.
            edge = element["width"] / 2 if element["kind"] == "stroke" else 0
            slack = {"stroke": 2.5, "arrow": 10}.get(element["kind"], 0.1)
            assert ink == pytest.approx(box_of([element], edge), abs=slack), element


@opened_both
def test_B29_our_file_comes_back_from_excalidraw_as_it_was(opened: Opened) -> None:
    back = read({"type": "excalidraw", **opened(OURS)}, {ASSET_ID: ASSET_ID})
    assert back.left_out == []
    for was, now in zip(LOOKS, back.elements, strict=True):
        expected: dict[str, Any] = {"color": "#1971c2", **was}
        if was["kind"] == "stroke":
            expected["finished"] = True
        if was["kind"] in ("rect", "ellipse"):
            expected.setdefault("stroke_width", 2)
        if was.get("width") == was.get("height") == 0:
            expected.update(width=pytest.approx(0, abs=0.001), height=pytest.approx(0, abs=0.001))
        for key, value in expected.items():
            if key == "points":
                assert now[key] == [pytest.approx(point) for point in value]
            else:
                assert now[key] == (pytest.approx(value) if isinstance(value, float) else value), key


# Excalidraw's on the board


@drawn_both
def test_B29_a_file_made_by_excalidraw_opens_on_the_board(drawn: Callable[[], dict[str, Any]]) -> None:
    scene = drawn()
    pictures, missing = pictures_in(scene)
    assert (pictures, missing) == ({"picture": ("image/png", PIXEL)}, [])
    board = read(scene, {"picture": ASSET_ID})
    for element in board.elements:
        read_change({"op": "put", "element": element})
    # The mouse's one of 520 points needs two strokes; an arrow with a corner is a stroke and its last piece.
    assert [element["kind"] for element in board.elements] == [
        *["stroke"] * 5,
        *["rect", "ellipse", "stroke", "arrow", "line", "stroke", "stroke", "stroke", "arrow", "arrow", "text", "text"],
        *["stroke", "rect", "stroke", "image", "rect", "text", "text"],
    ]
    known = {element["id"] for element in scene["elements"] if len(element["id"]) < 15}
    told = {each.id if each.id in known else each.kind: each.reason for each in board.left_out}
    assert told == {
        "freedraw": "It is 2 strokes now.",
        "round": "Its fill is not hatched any more.",
        "diamond": "It is a stroke now. Its line is not broken any more.",
        "bound": "It is not bound to what it points at any more.",
        "turned-text": "It is upright now.",
        "turned": "It is a stroke now.",
        "turned-round": "It is a stroke now.",
        "framed": "Its link is lost.",
        "embedded": "Left out: the board has nothing of this kind.",
        "frame": "Left out: the board has no frames. What is in it is not cut off any more.",
        "text": "It is not bound to its shape any more.",
    }


@drawn_both
def test_B29_what_excalidraw_drew_looks_the_same(drawn: Callable[[], dict[str, Any]]) -> None:
    board = read(drawn(), {"picture": ASSET_ID}).elements
    by_mouse, at_pen, dot = board[0], board[3], board[4]
    assert all(len(point) == 2 for point in by_mouse["points"]), "a mouse has no pressure"
    *pressures, lifted = [point[2] for point in at_pen["points"]]
    assert (pressures[0], pressures == sorted(pressures), lifted) == (pytest.approx(0.2), True, 0)
    assert len(dot["points"]) == 1
    assert board[1]["points"][-1] == board[2]["points"][0], "strokes that were one join"
    box, ellipse, upright = board[5], board[6], board[18]
    assert (box["fill"], box["stroke_width"], ellipse["opacity"]) == ("#a5d8ff", 2, 0.4)
    assert (upright["stroke_width"], upright["fill"]) == (0, "#ffc9c9")
    backwards, words, label = board[14], board[15], board[22]
    assert backwards["points"][0][0] > backwards["points"][1][0], "the head is at the end"
    assert (words["text"], words["size"], words["color"]) == ("x² + y²\n= z²", 28, "#1971c2")
    assert label["text"] == "start"


@opened_both
def test_B29_everything_is_where_excalidraw_puts_its_ink(opened: Opened) -> None:
    theirs = opened(MADE)
    checked = 0
    for element in theirs["elements"]:
        # Letters are as wide as the browser's font, heads wider than their arrows; the last two are not taken.
        if element["type"] in ("text", "arrow", "frame", "embeddable"):
            continue
        ours = read({"type": "excalidraw", "elements": [element]}, {"picture": ASSET_ID}).elements
        freehand = element["type"] == "freedraw"
        box = box_of(ours, ours[0]["width"] / 2 if freehand else 0)
        # Lines tremble; freehand is smoothed, swells and thins.
        assert theirs["ink"][element["id"]] == pytest.approx(box, abs=5 if freehand else 2.5), element["id"]
        checked += 1
    assert checked == 15
