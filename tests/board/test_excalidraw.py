"""Scenes of Excalidraw to elements and back: every kind, every limit, and anything else that JSON can say."""

from __future__ import annotations

import base64
import itertools
import json
import math
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tutorwamp.board import drawing
from tutorwamp.board.excalidraw import Translated, from_scene, pictures_in, to_scene
from tutorwamp.board.excalidraw.pictures import PICTURES_READ_AT_MOST
from tutorwamp.board.excalidraw.reading import ELEMENTS_READ_AT_MOST, POINTS_READ_AT_MOST
from tutorwamp.board.rules import read_change
from tutorwamp.kernel.errors import Invalid

PAGE_ID = "01a20a15-05e3-76a3-9f7a-e3e0d1dc0c31"
ASSET_ID = "01a20a15-05e3-76a3-9f7a-0000000000ff"
MADE = json.loads(Path(__file__).with_name("excalidraw").joinpath("made-by-excalidraw.excalidraw").read_text())

BASE: dict[str, Any] = {"id": "e1", "x": 10, "y": 20, "width": 100, "height": 50, "angle": 0, "strokeColor": "#1e1e1e"}
LINE = {**BASE, "type": "line", "points": [[0, 0], [100, 50]]}
RECTANGLE = {**BASE, "type": "rectangle"}
TEXT = {**BASE, "type": "text", "text": "Hello", "fontSize": 20}


def scene_of(*elements: Any, **more: Any) -> dict[str, Any]:
    return {"type": "excalidraw", "version": 2, "elements": list(elements), **more}


def read(scene: Any, asset_ids: dict[str, str] | None = None) -> Translated:
    ids = (f"01a20a15-05e3-76a3-9f7b-{number:012x}" for number in itertools.count(1))
    return from_scene(scene, page=PAGE_ID, new_id=ids.__next__, asset_ids=asset_ids or {})


def one(element: dict[str, Any]) -> dict[str, Any]:
    """What becomes of one element, if it is one and nothing was left out."""
    board = read(scene_of(element))
    assert board.left_out == []
    (found,) = board.elements
    return found


def told(*elements: Any, asset_ids: dict[str, str] | None = None) -> list[str]:
    return [each.reason for each in read(scene_of(*elements), asset_ids).left_out]


def exported(**look: Any) -> dict[str, Any]:
    """An element as the board has it."""
    return {
        "id": "01a20a15-05e3-76a3-9f7a-000000000001",
        "page": PAGE_ID,
        "version": 1,
        "author": {"id": PAGE_ID, "name": "Anna", "role": "tutor"},
        "created_at": "2026-11-24T10:00:00.000Z",
        "updated_at": "2026-11-24T10:00:01.500Z",
        "color": "#1971c2",
        **look,
    }


# out


def test_B28_the_same_page_gives_the_same_file() -> None:
    page = [exported(kind="line", points=[[1, 2], [3, 4]], width=2)]
    first, again = to_scene(page, {}), to_scene(page, {})
    assert first == again
    (line,) = first["elements"]
    assert (line["id"], line["updated"]) == (page[0]["id"], 1_795_514_401_500)
    other = exported(kind="line", points=[[1, 2], [3, 4]], width=2) | {"id": "01a20a15-05e3-76a3-9f7a-000000000002"}
    assert to_scene([other], {})["elements"][0]["seed"] != line["seed"]


def test_B28_a_file_has_the_pictures_it_shows_and_no_others() -> None:
    image = exported(kind="image", x=0, y=0, width=5, height=5, asset_id=ASSET_ID)
    scene = to_scene([image, image], {ASSET_ID: ("image/gif", b"GIF89a"), PAGE_ID: ("image/png", b"other")})
    assert scene["files"] == {
        ASSET_ID: {
            "id": ASSET_ID,
            "mimeType": "image/gif",
            "dataURL": "data:image/gif;base64,R0lGODlh",
            "created": 1_795_514_400_000,
        }
    }
    assert pictures_in(scene) == ({ASSET_ID: ("image/gif", b"GIF89a")}, [])
    assert to_scene([image], {})["files"] == {}, "a picture that is gone takes nothing else with it"


def test_B28_lines_of_text_are_as_far_apart_as_in_every_other_export() -> None:
    (text,) = to_scene([exported(kind="text", x=0, y=0, text="one\ntwo", size=10)], {})["elements"]
    assert text["lineHeight"] == drawing.LINE_HEIGHT
    assert text["height"] == 2 * 10 * drawing.LINE_HEIGHT


def test_B28_an_empty_page_is_a_scene_too() -> None:
    assert read(to_scene([], {})) == Translated([], [])


# there and back


coordinates = st.floats(-1_000_000, 1_000_000)
lengths = st.floats(0, 1_000_000)
widths = st.floats(1e-6, 10_000)
colors = st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True)
texts = (
    st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n\t"), min_size=1)
    .map(lambda text: unicodedata.normalize("NFC", text))
    .filter(bool)
)
boxes: dict[str, Any] = {"x": coordinates, "y": coordinates, "width": lengths, "height": lengths}


def looks(kind: str, optional: dict[str, Any] | None = None, **required: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"kind": st.just(kind), "color": colors, **required}, optional={"opacity": st.floats(0, 1), **(optional or {})}
    )


points = st.tuples(coordinates, coordinates).map(list)
pressed = st.tuples(coordinates, coordinates, st.floats(0, 1)).map(list)
ends = st.lists(points, min_size=2, max_size=2)
outline = {"stroke_width": st.floats(0, 10_000), "fill": colors}
anything_drawn = st.one_of(
    looks("stroke", {"finished": st.booleans()}, points=st.lists(points | pressed, min_size=1), width=widths),
    looks("line", points=ends, width=widths),
    looks("arrow", points=ends, width=widths),
    looks("rect", outline, **boxes),
    looks("ellipse", outline, **boxes),
    looks("text", x=coordinates, y=coordinates, text=texts, size=widths),
    looks("image", **boxes, asset_id=st.just(ASSET_ID)),
)


def to_the_eye(look: dict[str, Any]) -> dict[str, Any]:
    """The same drawing, said in one way: defaults spelled out, what is not seen left out."""
    seen = {"opacity": 1, **look}
    seen.pop("finished", None)
    if look["kind"] in ("rect", "ellipse"):
        seen.setdefault("stroke_width", 2)
        if seen["stroke_width"] == 0:
            seen["color"] = look.get("fill")
    if look["kind"] == "stroke":
        if len(look["points"]) == 2 and math.dist(look["points"][0][:2], look["points"][1][:2]) < 0.0003:
            seen["points"] = look["points"][:1]
        if any(len(point) == 3 for point in look["points"]):
            seen["points"] = [point if len(point) == 3 else [*point, 0.5] for point in seen["points"]]
    return seen


def same(one: Any, other: Any, slack: float = 1e-9) -> bool:
    """Equal, but for the rounding of floats."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key], slack) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other, itertools.repeat(slack)))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=slack)
    return bool(one == other)


@given(look=anything_drawn)
@example({"kind": "line", "color": "#000000", "points": [[-48_576.99999999988, 0], [1e6, 0]], "width": 1})
def test_B29_what_goes_out_comes_back(look: dict[str, Any]) -> None:
    # Through JSON, as a file does.
    scene = json.loads(json.dumps(to_scene([exported(**look)], {}), allow_nan=False))
    back = read(scene, {ASSET_ID: ASSET_ID})
    seen = to_the_eye(look)
    if seen["color"] is None:
        assert [each.reason for each in back.left_out] == ["Left out: it is transparent."]
        return
    assert back.left_out == []
    (found,) = back.elements
    assert found.pop("id") != exported()["id"], "an import makes new elements"
    assert found.pop("page") == PAGE_ID
    nothing = look.get("width") == look.get("height") == 0
    assert same(to_the_eye(found), seen, slack=0.001 if nothing else 1e-9)


def test_B29_a_page_comes_back_in_its_order() -> None:
    page = [exported(kind="text", x=0, y=0, text=word, size=9) for word in ("below", "between", "above")]
    assert [element["text"] for element in read(to_scene(page, {})).elements] == ["below", "between", "above"]


# in: one kind after the other


def test_B29_a_deleted_element_is_not_mentioned() -> None:
    assert read(scene_of({**RECTANGLE, "isDeleted": True}, {**BASE, "type": "selection"})) == Translated([], [])


@pytest.mark.parametrize("kind", ["embeddable", "iframe", "frame", "magicframe", "hologram", None, 7, [], {}])
def test_B29_what_the_board_has_nothing_for_is_told(kind: Any) -> None:
    board = read(scene_of({**BASE, "type": kind}, RECTANGLE))
    assert len(board.elements) == 1
    (missing,) = board.left_out
    assert (missing.id, missing.kind) == ("e1", kind if isinstance(kind, str) else "")
    assert missing.reason.startswith("Left out: ")


def test_B29_freehand_keeps_its_width_and_the_pressure_of_a_pen() -> None:
    pen = {**BASE, "type": "freedraw", "strokeWidth": 2, "points": [[0, 0], [10, 0], [20, 0]]}
    pressed = {**pen, "pressures": [0.25, 7, None], "simulatePressure": False}
    assert one(pressed)["points"] == [[10, 20, 0.25], [20, 20, 1], [30, 20, 0.5]]
    assert one(pressed)["width"] == 12, "Excalidraw draws freehand six times as wide as lines"
    turned = one({**pressed, "angle": math.pi / 2})["points"]
    assert turned == [pytest.approx(point) for point in ([20, 10, 0.25], [20, 20, 1], [20, 30, 0.5])]
    without: dict[str, Any]
    for without in ({"simulatePressure": True}, {"pressures": []}, {"pressures": [0.5, 0.5]}, {"pressures": None}):
        assert one({**pressed, **without})["points"] == [[10, 20], [20, 20], [30, 20]]
    around = {**pressed, "points": [[0, 0], [10, 0], [8, 0]], "pressures": [0, 0, 0.1], "backgroundColor": "#ff0000"}
    assert one(around)["fill"] == "#ff0000"
    assert "fill" not in one({**around, "points": [[0, 0], [10, 0], [9, 0]]}), "an open one has none"


def test_B29_a_line_with_corners_is_a_stroke() -> None:
    stroke = one({**LINE, "points": [[0, 0], [10, 0], [10, 10]], "strokeWidth": 3})
    assert (stroke["kind"], stroke["width"], stroke["finished"]) == ("stroke", 3, True)
    assert stroke["points"] == [[10, 20], [20, 20], [20, 30]]


def test_B29_a_curve_is_drawn_as_excalidraw_draws_it() -> None:
    given = [[0, 0], [60, 80], [140, -20], [150, 10]]
    stroke = one({**LINE, "x": 0, "y": 0, "points": given, "roundness": {"type": 2}})
    assert stroke["kind"] == "stroke"
    drawn = stroke["points"]
    assert [drawn[0], drawn[8], drawn[16], drawn[24]] == [pytest.approx(point) for point in given]
    # The middle of a cubic Bézier curve whose handles are a sixth of the way between the neighbours.
    for axis in (0, 1):
        before, start, end, after = (point[axis] for point in given)
        leaving, arriving = start + (end - before) / 6, end - (after - start) / 6
        assert drawn[12][axis] == pytest.approx((start + 3 * leaving + 3 * arriving + end) / 8)
    straight = one({**LINE, "points": given, "roundness": {"type": 2}, "elbowed": True})
    assert len(straight["points"]) == len(given)


def test_B29_the_head_of_a_bent_arrow_stays_an_arrow() -> None:
    arrow = {**LINE, "type": "arrow", "x": 0, "y": 0, "points": [[0, 0], [100, 0], [100, 50], [100, 55]]}
    tail, head = read(scene_of(arrow)).elements
    assert (tail["kind"], tail["points"]) == ("stroke", [[0, 0], [100, 0]])
    assert (head["kind"], head["points"]) == ("arrow", [[100, 0], [100, 55]]), "long enough for a head"
    (short,) = read(scene_of({**arrow, "points": [[0, 0], [1, 1], [5, 5]]})).elements
    assert (short["kind"], short["points"]) == ("arrow", [[0, 0], [5, 5]])


@pytest.mark.parametrize(
    ("heads", "kind", "points"),
    [
        ({}, "arrow", [[10, 20], [110, 70]]),
        ({"endArrowhead": "dot"}, "arrow", [[10, 20], [110, 70]]),
        ({"endArrowhead": None}, "line", [[10, 20], [110, 70]]),
        ({"endArrowhead": None, "startArrowhead": "bar"}, "arrow", [[110, 70], [10, 20]]),
    ],
)
def test_B29_an_arrow_has_its_head_where_it_was(heads: dict[str, Any], kind: str, points: list[Any]) -> None:
    arrow = one({**LINE, "type": "arrow", **heads})
    assert (arrow["kind"], arrow["points"]) == (kind, points)


def test_B29_what_is_turned_by_a_quarter_stays_what_it_is() -> None:
    rect = one({**RECTANGLE, "angle": -math.pi / 2})
    assert rect["kind"] == "rect"
    assert [rect[key] for key in ("x", "y", "width", "height")] == pytest.approx([35, -5, 50, 100])
    over = one({**RECTANGLE, "type": "ellipse", "angle": math.pi})
    assert [over[key] for key in ("kind", "x", "y", "width", "height")] == ["ellipse", 10, 20, 100, 50]


@pytest.mark.parametrize("angle", [None, "1", True, math.nan, math.inf, 10**400])
def test_B29_an_angle_that_is_none_turns_nothing(angle: Any) -> None:
    assert one({**RECTANGLE, "angle": angle})["kind"] == "rect"


def test_B29_what_is_turned_otherwise_is_drawn_turned() -> None:
    line = one({**LINE, "x": 0, "y": 0, "points": [[0, 0], [10, 0]], "angle": math.pi / 2})
    assert line["points"] == [pytest.approx([5, -5]), pytest.approx([5, 5])]
    (box,) = read(scene_of({**RECTANGLE, "x": 0, "y": 0, "width": 10, "height": 10, "angle": math.pi / 4})).elements
    half = math.sqrt(50)
    assert (box["kind"], len(box["points"]), box["points"][0]) == ("stroke", 5, box["points"][-1])
    assert box["points"][0] == pytest.approx([5, 5 - half])
    (oval,) = read(scene_of({**RECTANGLE, "type": "ellipse", "angle": 1})).elements
    assert (oval["kind"], oval["points"][0]) == ("stroke", oval["points"][-1])
    assert told({**TEXT, "angle": 1}, {**RECTANGLE, "angle": 1}) == ["It is upright now.", "It is a stroke now."]


def test_B29_a_diamond_is_its_outline() -> None:
    (diamond,) = read(scene_of({**RECTANGLE, "type": "diamond"})).elements
    assert diamond["points"] == [[60, 20], [110, 45], [60, 70], [10, 45], [60, 20]]
    filled = {**RECTANGLE, "type": "diamond", "strokeColor": "transparent", "backgroundColor": "#ff0000"}
    (diamond,) = read(scene_of(filled)).elements
    assert (diamond["color"], diamond["fill"]) == ("#ff0000", "#ff0000")


def test_B29_a_box_drawn_backwards_is_put_right() -> None:
    rect = one({**RECTANGLE, "width": -100, "height": -50})
    assert [rect[key] for key in ("x", "y", "width", "height")] == [-90, -30, 100, 50]


@pytest.mark.parametrize(
    ("given", "color"),
    [
        ("#A1b2C3", "#A1b2C3"),
        ("#f80", "#ff8800"),
        ("#11223380", "#112233"),
        ("red", "#ff0000"),
        ("MidnightBlue", "#191970"),
        ("rgb(1, 2, 3)", "#010203"),
        ("hsl(120, 100%, 50%)", "#00ff00"),
        ("no such colour", "#1e1e1e"),
        (None, "#1e1e1e"),
        (["#ff0000"], "#1e1e1e"),
        ("#ff0000" + " " * 1_000_000, "#1e1e1e"),
        ("#ff0000\n", "#ff0000"),
    ],
)
def test_B14_a_colour_becomes_six_digits(given: Any, color: str) -> None:
    (line,) = read(scene_of({**LINE, "strokeColor": given})).elements
    assert line["color"] == color


def test_B29_a_colour_that_changes_is_told() -> None:
    assert told({**LINE, "strokeColor": "lava"}) == ["Its colour is not known."]
    assert told({**LINE, "strokeColor": "#11223380"}) == ["Its colour is not see-through any more."]
    assert told({**LINE, "strokeColor": "red"}, {**LINE, "strokeColor": "#ff0000ff"}) == []


@pytest.mark.parametrize("nothing", ["transparent", "#ff000000", "#0000"])
def test_B29_what_cannot_be_seen_is_left_out(nothing: str) -> None:
    unseen = {"strokeColor": nothing, "backgroundColor": nothing}
    for element in (LINE, RECTANGLE, TEXT):
        assert told({**element, **unseen}) == ["Left out: it is transparent."]
    assert one({**RECTANGLE, **unseen, "strokeStyle": "dashed", "backgroundColor": "#ff0000"})["stroke_width"] == 0
    assert "fill" not in one({**RECTANGLE, **unseen, "strokeColor": "#ff0000"})


@pytest.mark.parametrize(("given", "opacity"), [(40, 0.4), (0, 0), (100, None), (150, None), (-3, 0), (math.nan, None)])
def test_B29_opacity_is_a_share(given: Any, opacity: float | None) -> None:
    assert one({**LINE, "opacity": given}).get("opacity") == opacity


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ({**RECTANGLE, "strokeStyle": "dotted"}, "Its line is not broken any more."),
        ({**LINE, "strokeStyle": "dashed"}, "Its line is not broken any more."),
        ({**LINE, "type": "freedraw", "strokeStyle": "dashed"}, None),
        ({**RECTANGLE, "backgroundColor": "#ff0000", "fillStyle": "zigzag"}, "Its fill is not hatched any more."),
        ({**RECTANGLE, "link": "https://example.org/"}, "Its link is lost."),
        (
            {**LINE, "points": [[0, 0], [9, 0], [9, 9], [1, 1]], "backgroundColor": "#ff0000", "fillStyle": "hachure"},
            "Its fill is not hatched any more.",
        ),
        ({**LINE, "type": "arrow", "startArrowhead": "arrow"}, "It has one head only."),
        ({**LINE, "type": "arrow", "endBinding": {}}, None),
        (
            {**LINE, "type": "arrow", "endBinding": {"elementId": "e2"}},
            "It is not bound to what it points at any more.",
        ),
        ({**TEXT, "containerId": "e2"}, "It is not bound to its shape any more."),
        ({**TEXT, "text": "one\ntwo", "textAlign": "right"}, "Its lines begin at the left now."),
        ({**TEXT, "textAlign": "right"}, None),
        ({**RECTANGLE, "fillStyle": "hachure", "roughness": 2, "roundness": {"type": 3}, "groupIds": ["g"]}, None),
    ],
)
def test_B29_what_was_simplified_is_told(element: dict[str, Any], reason: str | None) -> None:
    board = read(scene_of(element))
    assert len(board.elements) == 1
    assert [each.reason for each in board.left_out] == ([reason] if reason else [])


def test_B29_a_picture_needs_one_that_was_kept() -> None:
    image = {**BASE, "type": "image", "fileId": "f1", "strokeColor": "transparent", "scale": [1, 1], "crop": None}
    (found,) = read(scene_of(image), {"f1": ASSET_ID}).elements
    assert (found["kind"], found["asset_id"], found["width"]) == ("image", ASSET_ID, 100)
    for other in ("f2", None, 7, ["f1"]):
        assert told({**image, "fileId": other}, asset_ids={"f1": ASSET_ID}) == ["Left out: its picture was not taken."]
    changed = {**image, "angle": 1, "crop": {"x": 1}, "scale": [-1, 1]}
    reasons = "It is upright now. It is not cropped any more. It is not mirrored any more."
    assert told(changed, asset_ids={"f1": ASSET_ID}) == [reasons]


# in: limits


@pytest.mark.parametrize(("count", "sizes"), [(500, [500]), (501, [500, 2]), (999, [500, 500]), (1_000, [500, 500, 2])])
def test_B11_a_long_stroke_is_split_into_strokes_that_join(count: int, sizes: list[int]) -> None:
    freedraw = {**BASE, "type": "freedraw", "points": [[i, 0] for i in range(count)]}
    board = read(scene_of(freedraw))
    assert [len(stroke["points"]) for stroke in board.elements] == sizes
    for before, after in itertools.pairwise(board.elements):
        assert before["points"][-1] == after["points"][0]
    assert board.elements[-1]["points"][-1] == [10 + count - 1, 20]
    assert bool(board.left_out) == (len(sizes) > 1)


@pytest.mark.parametrize("bad", [1_000_101, -1_000_101, 1e300, 10**400, math.nan, math.inf, None, "7", True, [7]])
def test_B14_a_coordinate_that_is_none_leaves_the_element_out(bad: Any) -> None:
    elements = [{**element, "x": bad} for element in (LINE, RECTANGLE, TEXT, {**LINE, "type": "freedraw"})]
    elements += [{**LINE, "points": [[0, 0], [bad, 0]]}, {**LINE, "points": [[0, 0], [0, bad], [1, 1]]}]
    elements += [{**RECTANGLE, "height": bad}]
    assert told(*elements) == ["Left out: a coordinate is missing, or beyond a million."] * len(elements)


def test_B14_turning_may_not_carry_anything_off_the_board() -> None:
    assert told({**RECTANGLE, "x": 999_999, "width": 1_000_000, "height": 0, "angle": math.pi / 2}) == [
        "Left out: a coordinate is missing, or beyond a million."
    ]


@pytest.mark.parametrize("bad", [None, 0, -1, math.nan, "4", 10**400])
def test_B14_a_width_or_size_that_is_none_is_excalidraws_own(bad: Any) -> None:
    assert one({**LINE, "strokeWidth": bad})["width"] == 2
    assert one({**TEXT, "fontSize": bad})["size"] == 20


def test_B14_widths_and_sizes_end_at_ten_thousand() -> None:
    assert one({**LINE, "strokeWidth": 20_000})["width"] == 10_000
    assert one({**LINE, "type": "freedraw", "strokeWidth": 5_000})["width"] == 10_000
    assert one({**TEXT, "fontSize": 20_000})["size"] == 10_000


def test_B14_text_is_composed_and_readable() -> None:
    assert one({**TEXT, "text": "e\x00\u0301\r\n\ta\x85\ud800\rb"})["text"] == "é\n\tab".replace("ab", "a\nb")


def test_B11_a_text_fits_into_an_element() -> None:
    for text in ("x" * 64_000, "é" * 32_000, "\n" * 32_000):
        read_change({"op": "put", "element": one({**TEXT, "text": text})})
        assert told({**TEXT, "text": text + text[:1_000]}) == ["Left out: it has too much text."]
    assert told({**TEXT, "text": "\x00" * 65_000 + "a"}) == ["Left out: it has too much text."], "not looked at"
    for nothing in ("", "\x00", None, ["a"], "\u200b", "\u3164 \u2800"):
        assert told({**TEXT, "text": nothing}) == ["Left out: it has no text."]


@pytest.mark.parametrize("bad", [[[1]], [[1, 2], 3], [[1, 2], None]])
def test_B14_a_line_with_half_a_point_is_left_out(bad: Any) -> None:
    for kind in ("line", "arrow", "freedraw"):
        assert told({**LINE, "type": kind, "points": bad}) == ["Left out: a point is missing a coordinate."]
    assert told({**LINE, "points": [[1, 2]]}) == ["Left out: it has one point only."]


def test_B29_of_a_scene_so_many_elements_are_read() -> None:
    board = read(scene_of(*[{"type": "selection"}] * (ELEMENTS_READ_AT_MOST - 1), RECTANGLE, TEXT, TEXT))
    assert [element["kind"] for element in board.elements] == ["rect"]
    assert [each.reason for each in board.left_out] == ["Left out: 2 more elements; only 10000 are read."]


def test_B29_of_a_scene_so_many_points_are_read() -> None:
    quarter = {**LINE, "points": [[i % 7, i] for i in range(POINTS_READ_AT_MOST // 4)]}
    board = read(scene_of(*[{**quarter, "id": f"e{number}"} for number in range(5)], LINE))
    assert {each.id: each.reason for each in board.left_out if each.reason.startswith("Left out")} == {
        "e3": "Left out: the scene has too many points.",  # splitting the others took some
        "e4": "Left out: the scene has too many points.",
    }
    assert board.elements[-1]["kind"] == "line", "what is small enough still comes"
    eighth = {**quarter, "points": quarter["points"][: POINTS_READ_AT_MOST // 8 + 1], "roundness": {"type": 2}}
    assert told(eighth) == ["Left out: the scene has too many points."], "a curve has eight times as many"
    oval = {**RECTANGLE, "type": "ellipse", "angle": 1}
    full = {**quarter, "points": quarter["points"][:499] * (POINTS_READ_AT_MOST // 499)}
    assert told(full, oval)[1:] == ["Left out: the scene has too many points."]


def test_B29_so_many_pictures_are_read() -> None:
    count = PICTURES_READ_AT_MOST + 1
    files = {f"f{number}": {"dataURL": "data:image/png;base64,AAAA"} for number in range(count)}
    pictures, missing = pictures_in(scene_of(*({"type": "image", "fileId": name} for name in files), files=files))
    assert len(pictures) == PICTURES_READ_AT_MOST
    assert [(each.id, each.reason) for each in missing] == [("f200", "Left out: the scene has too many pictures.")]


# in: pictures


@pytest.mark.parametrize("form", ["png", "jpeg", "gif", "webp"])
def test_B29_pictures_are_taken_out_of_their_urls(form: str) -> None:
    url = f"data:image/{form};base64,{base64.b64encode(b'content').decode()}"
    shown = [{"type": "image", "fileId": "f1"}] * 2 + [{"type": "image", "fileId": "f2", "isDeleted": True}]
    scene = scene_of(*shown, files={"f1": {"dataURL": url}, "f2": {"dataURL": url}, "f3": {"dataURL": url}})
    assert pictures_in(scene) == ({"f1": (f"image/{form}", b"content")}, [])


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (None, "the picture is not in the scene."),
        ({}, "the picture is not in the scene."),
        ({"dataURL": 7}, "the picture is not in the scene."),
        ({"dataURL": "https://example.org/a.png"}, "a picture is PNG, JPEG, GIF or WebP, as a data URL in base64."),
        (
            {"dataURL": "data:image/svg+xml;base64,AAAA"},
            "a picture is PNG, JPEG, GIF or WebP, as a data URL in base64.",
        ),
        ({"dataURL": "data:image/png,AAAA"}, "a picture is PNG, JPEG, GIF or WebP, as a data URL in base64."),
        ({"dataURL": "data:image/png;base64,AA*AA"}, "the picture's base64 is broken."),
        ({"dataURL": "data:image/png;base64,AAA"}, "the picture's base64 is broken."),
        ({"dataURL": "data:image/png;base64,ÄÄÄÄ"}, "the picture's base64 is broken."),
    ],
)
def test_B29_a_picture_that_is_none_is_told(file: Any, reason: str) -> None:
    pictures, missing = pictures_in(scene_of(*[{"type": "image", "fileId": "f1"}] * 2, files={"f1": file}))
    assert pictures == {}
    assert [(each.id, each.kind, each.reason) for each in missing] == [("f1", "file", f"Left out: {reason}")]


@pytest.mark.parametrize("name", ["f" * 65, "f\ud800", "f\x00", "e\u0301"])
def test_B29_a_pictures_id_can_be_told(name: str) -> None:
    files = {name: {"dataURL": "data:image/png;base64,AAAA"}}
    pictures, missing = pictures_in(scene_of({"type": "image", "fileId": name}, files=files))
    assert pictures == {}
    assert [each.reason for each in missing] == ["Left out: the picture's id is too long, or cannot be read."]
    assert len(missing[0].id.encode()) <= 64


@pytest.mark.parametrize("files", [None, [], "files", {"f2": {}}])
def test_B29_a_scene_may_have_no_pictures(files: Any) -> None:
    assert pictures_in(scene_of({"type": "image", "fileId": "f1"}, files=files))[0] == {}


# in: anything


@pytest.mark.parametrize(
    "scene",
    [
        *({}, [], None, "scene", 7, {"type": "excalidraw"}, {"type": "excalidraw", "elements": {}}),
        *({"type": "excalidrawlib", "elements": []}, {"elements": []}, {"type": ["excalidraw"], "elements": []}),
    ],
)
def test_B29_what_is_no_scene_is_refused(scene: Any) -> None:
    for reading in (read, pictures_in):
        with pytest.raises(Invalid) as refused:
            reading(scene)
        assert refused.value.details == [
            {"loc": ["scene"], "msg": 'must have the type "excalidraw" and a list of elements'}
        ]


def require_ready(board: Translated) -> None:
    """Every element is one that a put takes; and all of it can be told."""
    for element in board.elements:
        read_change({"op": "put", "element": element})
    json.dumps([each.plain() for each in board.left_out], ensure_ascii=False).encode()


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[]))
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
KEYS = sorted({key for element in MADE["elements"] for key in element})
KINDS = sorted({element["type"] for element in MADE["elements"]})
numbers = st.floats(-2e6, 2e6) | st.integers() | st.floats()
likely = (
    st.sampled_from(KINDS)
    | numbers
    | st.lists(st.lists(numbers, max_size=3), max_size=9)
    | st.sampled_from(["transparent", "#ff0000", "red", "#12345678", "picture", "dashed", "arrow", "#", "x\x00\ud800"])
    | anything
)
mutants = st.builds(
    lambda element, changes: {**element, **changes},
    st.sampled_from(MADE["elements"]),
    st.dictionaries(st.sampled_from(KEYS), likely, max_size=6),
)
inventions = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS)}, optional=dict.fromkeys([key for key in KEYS if key != "type"], likely)
)


@given(scene=anything | st.fixed_dictionaries({"type": st.just("excalidraw"), "elements": anything, "files": anything}))
def test_B29_anything_is_a_scene_or_refused(scene: Any) -> None:
    for reading in (read, pictures_in):
        try:
            board = reading(scene)
        except Invalid:
            continue
        if isinstance(board, Translated):
            require_ready(board)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(elements=st.lists(mutants | inventions | anything, max_size=5), files=anything)
def test_B29_whatever_stands_in_a_scene_what_is_taken_can_be_put(elements: list[Any], files: Any) -> None:
    scene = scene_of(*elements, files=files)
    pictures_in(scene)
    board = read(scene, {"picture": ASSET_ID})
    require_ready(board)
    living = [each for each in elements if not isinstance(each, dict) or each.get("isDeleted") is not True]
    assert len(board.left_out) <= len(living)
