"""What may be drawn: the form of changes and elements, value by value."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.kernel.test_text import UNSEEN
from tutorwamp.board import rules
from tutorwamp.board.contracts import (
    CHANGES_AT_MOST,
    AddPage,
    Append,
    BoardAt,
    BoardPage,
    BoardState,
    ClearBoard,
    Exported,
    Put,
    RemovePage,
    SubmitChanges,
)
from tutorwamp.board.elements import COORDINATE_AT_MOST, EXTENT_AT_MOST, POINTS_AT_MOST
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.errors import Invalid, TooLarge

LESSON, PAGE, ID, PICTURE = (f"019af3a0-0000-7000-8000-00000000000{number}" for number in "abcd")
NAN, INFINITE = float("nan"), float("inf")
ALL: dict[str, Any] = {"id": ID, "page": PAGE, "color": "#1A2b3c"}
BOX: dict[str, Any] = {"x": 0, "y": -1.5, "width": 0, "height": 10}
GOOD: dict[str, dict[str, Any]] = {
    "stroke": {**ALL, "kind": "stroke", "points": [[0, 0], [1.5, 2, 0.5]], "width": 2},
    "line": {**ALL, "kind": "line", "points": [[0, 0], [1, 1]], "width": 2},
    "arrow": {**ALL, "kind": "arrow", "points": [[0, 0], [1, 1]], "width": 2},
    "rect": {**ALL, "kind": "rect", **BOX},
    "ellipse": {**ALL, "kind": "ellipse", **BOX},
    "text": {**ALL, "kind": "text", "x": 0, "y": 0, "text": "a\n\tb", "size": 12},
    "image": {**ALL, "kind": "image", **BOX, "asset_id": PICTURE},
}


def put(kind: str, /, **more: Any) -> Any:
    """Read it as the service does: the call first, then the change."""
    return read({"op": "put", "element": {**GOOD[kind], **more}})


def read(change: dict[str, Any]) -> Any:
    (raw,) = check(SubmitChanges, {"lesson_id": LESSON, "changes": [change]}).changes
    return rules.read_change(raw)


def refusal(attempt: Any, *arguments: Any, **more: Any) -> list[Any]:
    """The places of the faults."""
    with pytest.raises(Invalid) as refused:
        attempt(*arguments, **more)
    details: Any = refused.value.details
    assert all(len(fault["msg"]) < 300 for fault in details)
    return [fault["loc"] for fault in details]


@pytest.mark.parametrize("kind", GOOD)
def test_B14_every_kind_is_kept_as_it_came(kind: str) -> None:
    change = put(kind)
    assert isinstance(change, Put)
    assert rules.look_of(change) == {k: v for k, v in GOOD[kind].items() if k not in ("id", "page")}


@pytest.mark.parametrize(
    ("kind", "optional"),
    [
        *((kind, {"opacity": value}) for kind in GOOD for value in (0, 0.5, 1)),
        ("stroke", {"finished": True}),
        *((kind, {"stroke_width": 0, "fill": "#ffffff"}) for kind in ("rect", "ellipse")),
    ],
)
def test_B14_what_may_come_along_is_kept_and_is_not_there_where_it_is_not_given(
    kind: str, optional: dict[str, Any]
) -> None:
    look = rules.look_of(put(kind, **optional))
    assert {name: look[name] for name in optional} == optional
    bare = rules.look_of(put(kind, **{name: False if name == "finished" else None for name in optional}))
    assert not optional.keys() & bare.keys()


def test_B14_a_reader_may_send_back_what_it_read() -> None:
    read_before = {"author": {"id": ID, "name": "\0", "role": 7}, "created_at": None, "updated_at": "yesterday"}
    assert rules.look_of(put("rect", **read_before)) == rules.look_of(put("rect"))


NO_NUMBER: list[Any] = [None, "1", True, [], {}, b"1", NAN, INFINITE, -INFINITE, 10**400]
NO_COORDINATE = [*NO_NUMBER, COORDINATE_AT_MOST + 1, -COORDINATE_AT_MOST - 0.5, 2**70]
NO_EXTENT = [*NO_NUMBER, 0, -1, EXTENT_AT_MOST + 0.5]
NO_LENGTH = [*NO_NUMBER, -0.001, COORDINATE_AT_MOST + 1]
NO_COLOR = [7, "", "red", "#fff", "#1a2b3", "#1a2b3c4", "#1a2b3g", "#1a2b3c\n", " #1a2b3c", b"#1a2b3c", ["#1a2b3c"]]
NO_ID = [7, "", ID.upper(), ID[:-1], ID + "\n", ID.encode(), [ID], {"id": ID}]
FAULTS: list[tuple[str, str, list[Any]]] = [
    *((kind, "color", [*NO_COLOR, None]) for kind in GOOD),
    *((kind, "page", [*NO_ID, None]) for kind in GOOD),
    *((kind, "opacity", [*NO_NUMBER[1:], -0.01, 1.01]) for kind in GOOD),
    *((kind, "version", ["1", True, 1.5, 0, -1, 2**31, 10**400, [], {}]) for kind in GOOD),
    *((kind, "width", NO_EXTENT) for kind in ("stroke", "line", "arrow")),
    ("stroke", "finished", [None, 1, "true", []]),
    *((kind, name, NO_COORDINATE) for kind in ("rect", "ellipse", "text", "image") for name in ("x", "y")),
    *((kind, name, NO_LENGTH) for kind in ("rect", "ellipse", "image") for name in ("width", "height")),
    *((kind, "stroke_width", [*NO_NUMBER[1:], -1, EXTENT_AT_MOST + 1]) for kind in ("rect", "ellipse")),
    *((kind, "fill", NO_COLOR) for kind in ("rect", "ellipse")),
    ("text", "size", NO_EXTENT),
    (
        "text",
        "text",
        [None, 7, "", "a\0", "a\rb", "\x1b[2J", "\ud800", "e\N{COMBINING ACUTE ACCENT}", b"a", ["a"], *UNSEEN],
    ),
    ("image", "asset_id", [*NO_ID, None]),
]


@pytest.mark.parametrize(
    ("kind", "name", "value"), [(kind, name, value) for kind, name, values in FAULTS for value in values]
)
def test_B14_a_value_that_does_not_fit_is_named_by_its_place(kind: str, name: str, value: Any) -> None:
    assert refusal(put, kind, **{name: value}) == [["element", kind, name]]


@pytest.mark.parametrize("kind", ["stroke", "line", "arrow"])
@pytest.mark.parametrize(
    "points",
    [
        [],
        [[]],
        [[1], [1, 2]],
        [[1, 2], [1, 2, 0.5, 1]],
        [[1, 2], [NAN, 2]],
        [[1, 2], [1, INFINITE]],
        [[1, 2], [COORDINATE_AT_MOST + 1, 2]],
        [[1, 2], ["1", 2]],
        [[1, 2], [True, 2]],
        [[1, 2], [None, 2]],
        [[1, 2], {"x": 1, "y": 2}],
        [[1, 2], [1, 2, 1.01]],
        [[1, 2], [1, 2, -0.01]],
        [[1, 2], (1, 2)],
        {"0": [1, 2]},
        "[[1, 2], [1, 2]]",
        None,
        7,
    ],
)
def test_B14_points_are_pairs_of_numbers_and_a_pressure(kind: str, points: Any) -> None:
    (place,) = refusal(put, kind, points=points)
    assert place[:3] == ["element", kind, "points"]
    if kind == "stroke":
        (place,) = refusal(read, {"op": "append", "id": ID, "version": 1, "points": points})
        assert place[:1] == ["points"]


@pytest.mark.parametrize("kind", ["line", "arrow"])
@pytest.mark.parametrize("points", [[[1, 2]], [[1, 2]] * 3, [[1, 2], [1, 2, 0.5]]])
def test_B14_a_line_has_two_ends_and_no_pressure(kind: str, points: list[list[float]]) -> None:
    (place,) = refusal(put, kind, points=points)
    assert place[:3] == ["element", kind, "points"]


def test_B14_the_edges_are_inside() -> None:
    far = float(COORDINATE_AT_MOST)
    points = [[far, -far, 0], [far, -far, 1], [-0.0, 5e-324]]
    assert rules.look_of(put("stroke", points=points, width=5e-324))["points"] == points
    assert rules.look_of(put("line", width=EXTENT_AT_MOST))["width"] == EXTENT_AT_MOST
    assert rules.look_of(put("image", width=far, height=0))["width"] == far
    assert put("rect", version=2**31 - 1).element.version == 2**31 - 1


@pytest.mark.parametrize("kind", ["", "circle", "Rect", 7, None, [], {}, b"rect", True, "\ud800", "\0", "x" * 100_000])
def test_B14_other_kinds_are_refused_without_repeating_them(kind: Any) -> None:
    assert refusal(put, "rect", kind=kind) == [["element"]]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, name) for kind in GOOD for name in ("unknown", "\0", "look", "weight", "place")),
        ("rect", "points"),
        ("rect", "finished"),
        ("line", "finished"),
        ("line", "fill"),
        ("stroke", "stroke_width"),
        ("text", "width"),
        ("image", "fill"),
    ],
)
def test_B14_nothing_unknown_is_let_in(kind: str, name: str) -> None:
    (place,) = refusal(put, kind, **{name: 1})
    assert place[:2] == ["element", kind]


def test_B14_names_of_what_is_not_text_are_a_fault_of_that_change() -> None:
    for name in (1, b"x", None, (1, 2)):
        (place,) = refusal(read, {"op": "put", "element": {**GOOD["rect"], name: 1}})
        assert place[:2] == ["element", "rect"]


def test_B14_one_change_is_just_one_op() -> None:
    for change in (
        {"op": "delete", "id": ID, "version": 1, "element": GOOD["rect"]},
        {"op": "append", "id": ID, "version": 1, "points": [[1, 2]], "element": {}},
        {"op": "put", "element": GOOD["rect"], "version": 1},
        {"op": "delete", "id": ID},
        {"op": "append", "id": ID, "points": [[1, 2]]},
        {"op": "append", "id": ID, "version": 1},
    ):
        (place,) = refusal(read, change)
        assert place in (["element"], ["version"], ["points"])


NO_OP: list[Any] = ["", "PUT", "move", None, 7, [], {}, b"put", ["put"]]
UNNAMED: list[Any] = [
    {},
    {"op": "put"},
    {"op": "put", "element": None},
    {"op": "put", "element": []},
    {"op": "put", "element": {}},
    {"op": "put", "id": ID},
    *({"op": op, "id": ID, "element": GOOD["rect"]} for op in NO_OP),
    *({"op": "delete", "id": one, "version": 1} for one in [*NO_ID, None, 7, INFINITE, datetime.now(UTC)]),
    *({"op": "put", "element": {**GOOD["rect"], "id": one}} for one in [*NO_ID, None]),
]


@pytest.mark.parametrize("change", UNNAMED)
def test_B14_a_change_that_cannot_be_named_refuses_the_call_and_says_which(change: Any) -> None:
    good = {"op": "delete", "id": ID, "version": 1}
    with pytest.raises(Invalid) as refused:
        check(SubmitChanges, {"lesson_id": LESSON, "changes": [good, change]})
    ((fault),) = refused.value.details
    assert isinstance(fault, dict)
    assert fault["loc"] == ["changes"]
    assert fault["msg"].startswith("change 1: ")


@pytest.mark.parametrize("changes", [[], None, {}, "x", [None], [[]], ["put"], [{1: 2}], [{b"op": "put"}]])
def test_B14_changes_are_a_list_of_some(changes: Any) -> None:
    (place,) = refusal(check, SubmitChanges, {"lesson_id": LESSON, "changes": changes})
    assert place[0] == "changes"


def test_a_submission_has_two_hundred_changes_at_most() -> None:
    change = {"op": "delete", "id": ID, "version": 1}
    many = check(SubmitChanges, {"lesson_id": LESSON, "changes": [change] * CHANGES_AT_MOST})
    assert len(many.changes) == CHANGES_AT_MOST == 200
    assert refusal(check, SubmitChanges, {"lesson_id": LESSON, "changes": [*many.changes, change]}) == [["changes"]]


def test_B11_a_stroke_has_five_hundred_points_at_most() -> None:
    assert POINTS_AT_MOST == 500
    points = [[1.0, 2.0, 0.5]] * POINTS_AT_MOST
    assert len(put("stroke", points=points).element.points) == POINTS_AT_MOST
    grown = {"op": "append", "id": ID, "version": 1, "points": points}
    assert isinstance(read(grown), Append)
    points = [*points, [1.0, 2.0]]
    for attempt in ({**grown, "points": points}, {"op": "put", "element": {**GOOD["stroke"], "points": points}}):
        with pytest.raises(TooLarge) as refused:
            read(attempt)
        assert refused.value.details == {"points_at_most": POINTS_AT_MOST}


@pytest.mark.parametrize("letter", ["x", "ü", "€", "😀", "\n", '"'])
def test_B11_a_text_has_64_kib_as_json_at_most(letter: str) -> None:
    frame = len(json.dumps(rules.look_of(put("text", text="x")))) - 1
    one = len(json.dumps(letter, ensure_ascii=False).encode()) - 2
    fits = (64 * 1024 - frame) // one
    assert rules.look_of(put("text", text=letter * fits))["text"] == letter * fits
    with pytest.raises(TooLarge) as refused:
        put("text", text=letter * (fits + 1))
    assert refused.value.details == {"bytes_at_most": 64 * 1024}


def test_pages_are_named_by_uuid_and_positions_are_numbers() -> None:
    for model in (AddPage, RemovePage, ClearBoard):
        for page in NO_ID:
            assert refusal(check, model, {"lesson_id": LESSON, "page": page}) == [["page"]]
    assert refusal(check, RemovePage, {"lesson_id": LESSON}) == [["page"]]
    for seq in (-1, 1.0, True, "1", None, 2**53):
        assert refusal(check, BoardAt, {"lesson_id": LESSON, "seq": seq}) == [["seq"]]


@pytest.mark.parametrize("client_id", ["", "x" * 65, "\x7fours", "\0", 7, []])
def test_B21_nobody_can_choose_a_key_of_ours(client_id: Any) -> None:
    asked: dict[Any, dict[str, Any]] = {
        SubmitChanges: {"changes": [{"op": "delete", "id": ID, "version": 1}]},
        AddPage: {},
        RemovePage: {"page": PAGE},
        ClearBoard: {},
    }
    for model, more in asked.items():
        assert refusal(check, model, {"lesson_id": LESSON, "client_id": client_id, **more}) == [["client_id"]]


def test_large_answers_are_handed_on_as_they_are() -> None:
    elements = [{"id": ID}]
    state = BoardState(pages=[BoardPage(id=PAGE)], elements=elements, head=7)
    assert state.plain() == {"pages": [{"id": PAGE}], "elements": elements, "head": 7}
    exported = {"media_type": "image/png", "data": b"\x89PNG", "missing": ["日"]}
    assert Exported.model_validate(exported).plain() == exported
