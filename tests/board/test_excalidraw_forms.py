"""What Excalidraw wrote and writes besides today's scenes: older files, the clipboard, libraries, paper without end."""

from __future__ import annotations

import base64
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

import tutorwamp.web
from tests.board.test_excalidraw import (
    BASE,
    LINE,
    PAGE_ID,
    RECTANGLE,
    TEXT,
    exported,
    one,
    read,
    require_ready,
    scene_of,
    told,
)
from tutorwamp.board import renderer
from tutorwamp.board.drawing import svg
from tutorwamp.board.excalidraw import pictures_in, to_scene
from tutorwamp.board.excalidraw.placing import MARGIN, SHEET
from tutorwamp.board.parcels import Parcel
from tutorwamp.kernel.errors import Invalid

CORNERS = [[0, 0], [60, 80], [140, -20], [150, 10]]
NOTHING = {"id": "old", "x": 10, "y": 20, "strokeColor": "#000000"}
OFF_THE_BOARD = "Left out: a coordinate is missing, or beyond a million."


def brought(scene: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """What the renderer's process makes of a scene."""
    job = Parcel({"page": PAGE_ID, "seed": "s", "asset_ids": {}, "locks": True}, [json.dumps(scene).encode()])
    done = renderer.scene_elements(job)
    return json.loads(done.parts[0]), [each["reason"] for each in done.values["left_out"]]


# files before 2023


@pytest.mark.parametrize("kind", ["line", "arrow", "draw"])
def test_B37_what_was_round_before_2023_is_a_curve(kind: str) -> None:
    def outline(**look: Any) -> Any:
        bent = {**LINE, "type": kind, "points": CORNERS, **look}
        return [element["points"] for element in read(scene_of(bent)).elements]

    assert outline(strokeSharpness="round") == outline(roundness={"type": 2}) != outline()
    for sharp in ("sharp", None, "ROUND", 7, ["round"]):
        assert outline(strokeSharpness=sharp) == outline()


@pytest.mark.parametrize(
    ("font", "size"),
    [
        *(("36px Virgil", 36), ("16.5px Cascadia", 16.5), ("bold 28px Helvetica", 28), ("20000px x", 10_000)),
        *(("0px Virgil", 20), ("Virgil", 20), ("-36px Virgil", 20), ("1e5px", 20), ("", 20), (36, 20), (None, 20)),
        *(([], 20), ("9" * 400 + "px", 20), ("x" * 100 + "36px", 20), ("٣٦px", 20)),
    ],
)
def test_B37_a_text_of_2020_has_its_size_in_its_font(font: Any, size: float) -> None:
    old = {**NOTHING, "type": "text", "text": "Hi", "font": font}
    assert one(old)["size"] == size
    assert one({**old, "fontSize": 12})["size"] == 12
    assert one({**old, "fontSize": math.nan})["size"] == size


@pytest.mark.parametrize("kind", ["line", "arrow", "draw"])
@pytest.mark.parametrize("points", ["missing", None, [], {}, "ab"])
def test_B37_a_line_without_points_goes_across_its_box(kind: str, points: Any) -> None:
    bare = {**NOTHING, "type": kind} | ({} if points == "missing" else {"points": points})
    for width, height in ((100, 50), (-100, 50), (100, -50), (0, 50), (-100, 0)):
        line = one({**bare, "width": width, "height": height})
        assert line["kind"] == ("arrow" if kind == "arrow" else "line")
        assert line["points"] == [[10, 20], [10 + width, 20 + height]], "backwards, where it is less than nothing"
    assert one({**bare, "width": 7})["points"] == [[10, 20], [17, 20]]
    for hostile in (math.nan, math.inf, 10**400, 1e300, 3e6, "7", True, None, [7]):
        assert told({**bare, "width": hostile, "height": 50}) == [OFF_THE_BOARD]
        assert told({**bare, "width": 50, "height": hostile}) == [OFF_THE_BOARD]
    assert told(bare) == ["Left out: it has no points."]
    assert told({**bare, "type": "freedraw", "width": 9, "height": 9}) == ["Left out: it has no points."]


# pictures


@pytest.mark.parametrize(
    ("label", "media_type"),
    [
        *((f"data:image/{name};base64", "image/jpeg") for name in ("jpg", "jfif", "pjpeg", "JPG", "jpeg", "JFIF")),
        *((f"data:image/{name};base64", "image/png") for name in ("PNG", "x-png")),
        ("data:image/png;charset=utf-8;base64", "image/png"),
        ("data:image/jpeg;name=a.jpg;charset=UTF-8;base64", "image/jpeg"),
        ("DATA:image/WebP;BASE64", "image/webp"),
        ("data: image/gif ; base64 ", "image/gif"),
        ("data:application/octet-stream;base64", "application/octet-stream"),
        ("data:;base64", "application/octet-stream"),
    ],
)
def test_B37_a_picture_is_taken_whatever_it_is_labelled(label: str, media_type: str) -> None:
    encoded = base64.b64encode(b"content" * 9).decode()
    for content in (encoded, encoded[:40] + "\r\n" + encoded[40:] + "\n"):
        scene = scene_of({"type": "image", "fileId": "f1"}, files={"f1": {"dataURL": f"{label},{content}"}})
        assert pictures_in(scene) == ({"f1": (media_type, b"content" * 9)}, [])


@pytest.mark.parametrize(
    "label",
    [
        *("data:image/svg+xml;charset=utf-8;base64", "data:text/html;base64", "data:image/png;base64;x", "data:"),
        *("https://example.org/a;base64", "data:image/png;" + "x" * 300 + ";base64", "data:image/bmp;base64", ""),
    ],
)
def test_B37_what_says_to_be_something_else_is_told(label: str) -> None:
    scene = scene_of({"type": "image", "fileId": "f1"}, files={"f1": {"dataURL": f"{label},AAAA"}})
    assert [each.reason for each in pictures_in(scene)[1]] == [
        "Left out: a picture is PNG, JPEG, GIF or WebP, as a data URL in base64."
    ]


# what is told


def test_B37_the_papers_colour_is_told_where_it_is_lost() -> None:
    states: list[Any] = [{}, None, [], {"viewBackgroundColor": "#FFFFFF"}, {"viewBackgroundColor": "transparent"}]
    for state in states:
        assert read(scene_of(RECTANGLE, appState=state)).left_out == []
    for color in ("#121212", "#fffce8", 7, ["#ffffff"]):
        (lost,) = read(scene_of(RECTANGLE, appState={"viewBackgroundColor": color})).left_out
        assert lost.reason == "The page is white: the scene's background is lost."


# filled polygons

TRIANGLE = {**LINE, "x": 100, "y": 100, "points": [[0, 0], [90, 0], [50, 80], [0, 0]], "backgroundColor": "#ffec99"}


@pytest.mark.parametrize(
    "drawn",
    [
        *(TRIANGLE, {**TRIANGLE, "roundness": {"type": 2}}, {**TRIANGLE, "strokeSharpness": "round", "type": "draw"}),
        *({**TRIANGLE, "type": "freedraw"}, {**TRIANGLE, "polygon": True}, {**TRIANGLE, "angle": 1}),
        *({**RECTANGLE, "type": "diamond", "backgroundColor": "#ffec99"},),
        *({**RECTANGLE, "type": kind, "angle": 1, "backgroundColor": "#ffec99"} for kind in ("rectangle", "ellipse")),
    ],
)
def test_B37_what_is_closed_is_filled(drawn: dict[str, Any]) -> None:
    (stroke,) = read(scene_of(drawn)).elements
    assert (stroke["kind"], stroke["color"], stroke["fill"]) == ("stroke", "#1e1e1e", "#ffec99")
    assert not any("fill" in reason for reason in told(drawn))
    require_ready(read(scene_of(drawn)))
    back = to_scene([exported(**{key: stroke[key] for key in ("kind", "points", "width", "fill")})], {})
    assert one(back["elements"][0])["fill"] == "#ffec99", "and comes back so"
    assert svg([{**stroke, "opacity": 0.5}], {}).count('fill="#ffec99"') == 1


def test_B37_an_open_line_is_not_filled_and_a_bent_arrow_says_that_its_fill_is_lost() -> None:
    assert "fill" not in one({**TRIANGLE, "points": [[0, 0], [90, 0], [50, 80]]})
    assert told({**TRIANGLE, "type": "arrow"}) == ["Its fill is lost."]


def test_B37_a_polygon_of_many_points_is_filled_under_its_outline() -> None:
    around = [[500 + 300 * math.cos(step / 200), 500 + 300 * math.sin(step / 200)] for step in range(1257)]
    board = read(scene_of({**TRIANGLE, "points": around}))
    inside, *outline = board.elements
    assert (inside["fill"], inside["color"], len(inside["points"]) <= 500) == ("#ffec99", "#ffec99", True)
    assert [("fill" in stroke, stroke["color"]) for stroke in outline] == [(False, "#1e1e1e")] * 3
    require_ready(board)


# the clipboard and libraries


@pytest.mark.parametrize("kind", ["excalidraw/clipboard", "excalidraw-api/clipboard"])
def test_B37_what_excalidraw_copies_can_be_brought(kind: str) -> None:
    files = {"f1": {"dataURL": "data:image/png;base64,AAAA"}}
    copied = {"type": kind, "elements": [RECTANGLE, {**BASE, "type": "image", "fileId": "f1"}], "files": files}
    assert pictures_in(copied)[0] == {"f1": ("image/png", b"\0\0\0")}
    assert [element["kind"] for element in read(copied, {"f1": PAGE_ID}).elements] == ["rect", "image"]


def test_B37_a_librarys_items_lie_beside_each_other() -> None:
    items = [[{**RECTANGLE, "x": place}, {**TEXT, "x": place}] for place in (0, 500, -70_000, 3, 9e8)]
    old = {"type": "excalidrawlib", "version": 1, "library": items}
    named = [{"id": "i", "status": "published", "created": 1, "name": "n", "elements": item} for item in items]
    new = {"type": "excalidrawlib", "version": 2, "source": "https://excalidraw.com", "libraryItems": named}
    board = read(old)
    assert board == read(new)
    assert board.left_out == []
    places = [(element["x"], element["y"]) for element in board.elements if element["kind"] == "rect"]
    assert places == [(0, 0), (140, 0), (280, 0), (0, 90), (140, 90)]
    assert [element["x"] for element in board.elements[::2]] == [element["x"] for element in board.elements[1::2]]
    assert brought(new)[1] == []


@pytest.mark.parametrize("item", [None, 7, "item", {}, {"elements": None}, {"elements": {}}, [None], [[7]]])
def test_B37_an_item_that_is_none_is_told(item: Any) -> None:
    board = read({"type": "excalidrawlib", "libraryItems": [item, [RECTANGLE]]})
    assert [element["kind"] for element in board.elements] == ["rect"]
    assert [each.reason for each in board.left_out] == ["Left out: the board has nothing of this kind."]


@pytest.mark.parametrize(
    "library",
    [
        *({}, {"library": {}}, {"libraryItems": None}, {"libraryItems": "x", "library": []}, {"elements": [RECTANGLE]}),
        *({"type": "excalidraw", "library": []}, {"type": "excalidraw/clipboard", "elements": None}),
    ],
)
def test_B37_what_is_no_library_is_refused(library: dict[str, Any]) -> None:
    for reading in (read, pictures_in):
        with pytest.raises(Invalid):
            reading({"type": "excalidrawlib", **library})


# paper without end


def test_B38_a_drawing_on_the_page_stays_where_it_is() -> None:
    elements, reasons = brought(scene_of(RECTANGLE, {**LINE, "x": 1400, "y": 900}))
    assert (elements[0]["x"], elements[0]["y"], elements[1]["points"][0]) == (10, 20, [1400, 900])
    assert reasons == []


@pytest.mark.parametrize("place", [(-500, 20), (5_000, 3_000), (4e6, -9e8), (1_000_100, 1_000_100), (9.99e8, 0)])
def test_B38_a_drawing_beside_the_page_is_moved_onto_it_as_it_is(place: tuple[float, float]) -> None:
    x, y = place
    elements, reasons = brought(scene_of({**RECTANGLE, "x": x, "y": y}, {**LINE, "x": x + 100, "y": y + 50}))
    rect, line = elements
    assert reasons == ["The drawing was moved to be on the page."]
    assert (rect["width"], rect["height"], line["width"]) == (100, 50, 2)
    assert line["points"][0] == pytest.approx([rect["x"] + 100, rect["y"] + 50], abs=1e-6)
    assert MARGIN <= rect["x"] <= SHEET[0] - MARGIN - 200 + 1e-6
    assert MARGIN <= rect["y"] <= SHEET[1] - MARGIN - 100 + 1e-6


def test_B38_one_point_far_out_is_moved_too_and_said_so() -> None:
    bare = {"type": "text", "text": "a", "x": 5e8, "y": 5e8}
    (text,), reasons = brought(scene_of(bare))
    assert (text["x"], text["y"], reasons) == (MARGIN, MARGIN, ["The drawing was moved to be on the page."])


@pytest.mark.parametrize("size", [2_000, 30_000, 900_000])
def test_B38_a_drawing_larger_than_the_page_is_made_smaller(size: float) -> None:
    wide = {**RECTANGLE, "x": -size / 2, "width": size, "strokeWidth": 4}
    pen = {**BASE, "type": "freedraw", "points": [[0, 0], [9, 9]], "pressures": [0.5, 0.25]}
    elements, reasons = brought(scene_of(wide, pen, TEXT))
    (rect, stroke, text), scale = elements, (SHEET[0] - 2 * MARGIN) / size
    assert rect["x"] == pytest.approx(MARGIN)
    assert (rect["width"], rect["stroke_width"]) == pytest.approx((SHEET[0] - 2 * MARGIN, 4 * scale))
    assert (text["size"], stroke["width"]) == pytest.approx((20 * scale, 12 * scale))
    assert [point[2] for point in stroke["points"]] == [0.5, 0.25]
    assert reasons == [f"The drawing was moved, and made smaller ({scale:.2g} of its size), to be on the page."]


def test_B38_one_element_beyond_every_board_does_not_take_the_others_along() -> None:
    elements, reasons = brought(scene_of(RECTANGLE, {**RECTANGLE, "x": 9e8}))
    assert [(element["x"], element["width"]) for element in elements] == [(10, 100)]
    assert reasons == [OFF_THE_BOARD]


def test_B38_what_the_board_exported_comes_back_to_its_place() -> None:
    far = exported(kind="line", points=[[-5_000, 9], [999_999, 9]], width=2)
    elements, reasons = brought(to_scene([far], {}))
    assert (elements[0]["points"], reasons) == (far["points"], [])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 10**400, 1e300, None, "7", True, [], {}])
@pytest.mark.parametrize("key", ["x", "y", "width", "height", "points", "strokeWidth", "fontSize", "angle", "opacity"])
def test_B38_hostile_numbers_harm_nothing_beside_them(key: str, bad: Any) -> None:
    spoilt = [{**element, key: bad} for element in (RECTANGLE, LINE, TEXT, {**LINE, "type": "freedraw"})]
    for scene in (scene_of(*spoilt, RECTANGLE), {"type": "excalidrawlib", "library": [spoilt, [RECTANGLE]]}):
        board = read(scene)
        require_ready(board)
        elements, reasons = brought(scene)
        assert (elements[-1]["width"], elements[-1]["height"]) == (100, 50)
        assert len(elements) + sum(reason.startswith("Left out: ") for reason in reasons) == 5


def test_B38_the_page_is_as_large_as_the_one_that_is_shown() -> None:
    view = Path(tutorwamp.web.__path__[0]).joinpath("client/board/camera.mjs").read_text()
    found = re.search(r"SHEET = \{ width: (\d+), height: (\d+) \}", view)
    assert found is not None
    assert tuple(map(float, found.groups())) == SHEET
