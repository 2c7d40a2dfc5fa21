"""The numbered rules of docs/rules/board.md, without anything around them."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest

from tutorwamp.board import rules
from tutorwamp.board.contracts import Plain
from tutorwamp.board.errors import Full, NoPen, Stale
from tutorwamp.board.rules import StoredElement, WorkingBoard, Writer
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import Conflict, Invalid, NotFound, TooLarge, TutorwampError

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(milliseconds=33)
NOON, MOMENT = "2026-11-23T09:00:00.000Z", "2026-11-23T09:00:00.033Z"
ONE, TWO, PICTURE = new_id(), new_id(), new_id()
ANNA = Writer({"id": new_id(), "name": "Anna", "role": "student"}, may_draw=True, now=NOW)
TINA = Writer({"id": new_id(), "name": "Tina", "role": "tutor"}, may_draw=True, now=LATER)
BEN = Writer({"id": new_id(), "name": "Ben", "role": "student"}, may_draw=False, now=NOW)


def board(**more: Any) -> WorkingBoard:
    """Two pages, a picture, nothing drawn."""
    return WorkingBoard(
        **{"elements": {}, "counts": {ONE: 0, TWO: 0}, "weight": 0, "placed": 0, "pictures": {PICTURE}, **more}
    )


def stroke(*points: list[float], **more: Any) -> Plain:
    points = points or ([0.0, 0.0], [1.0, 1.5])
    return {"kind": "stroke", "id": new_id(), "page": ONE, "color": "#000000", "width": 2, "points": [*points], **more}


def box(**more: Any) -> Plain:
    size = {"x": 1, "y": 2, "width": 3, "height": 4}
    return {"kind": "rect", "id": new_id(), "page": ONE, "color": "#000000", **size, **more}


def put(on: WorkingBoard, element: Plain, version: int | None = None, by: Writer = ANNA) -> Plain:
    return take(on, {"op": "put", "element": {**element, "version": version}}, by)


def append(on: WorkingBoard, to: Plain, version: int, *points: list[float], by: Writer = ANNA, **more: Any) -> Plain:
    return take(on, {"op": "append", "id": to["id"], "version": version, "points": [*points], **more}, by)


def delete(on: WorkingBoard, element: Plain, version: int, by: Writer = ANNA) -> Plain:
    return take(on, {"op": "delete", "id": element["id"], "version": version}, by)


def take(on: WorkingBoard, raw: Plain, by: Writer) -> Plain:
    return rules.apply(on, rules.read_change(raw), by)


def refused(error: type[TutorwampError], on: WorkingBoard, change: Any, *arguments: Any, **more: Any) -> TutorwampError:
    """The error; the board is as before."""
    before = copy.deepcopy(on)
    with pytest.raises(error) as caught:
        change(on, *arguments, **more)
    assert type(caught.value) is error
    assert on == before
    return caught.value


# one change


def test_B1_a_put_without_version_creates_version_1() -> None:
    on, element = board(), stroke(opacity=0.5)
    told = put(on, element)
    made = {**element, "version": 1, "author": ANNA.person, "created_at": NOON, "updated_at": NOON}
    assert told == {"op": "put", "by": ANNA.person["id"], "element": made}
    assert on.elements[element["id"]].plain() == made
    assert (on.counts, on.placed, on.touched) == ({ONE: 1, TWO: 0}, 1, {element["id"]})


def test_B1_an_id_that_is_known_is_stale_alive_and_as_a_tombstone() -> None:
    on, element = board(), box()
    put(on, element)
    assert refused(Stale, on, put, box(id=element["id"])).details == {"version": 1}
    delete(on, element, 1)
    assert refused(Stale, on, put, element).details == {"version": 2}


def test_B2_B17_a_put_with_the_version_replaces_it_as_a_whole_in_its_place() -> None:
    on, element, above = board(), stroke(opacity=0.5, finished=True), box()
    put(on, element)
    put(on, above)
    other = box(id=element["id"], color="#ffffff")
    told = put(on, other, 1, by=TINA)
    made = {**other, "version": 2, "author": ANNA.person, "created_at": NOON, "updated_at": MOMENT}
    assert told == {"op": "put", "by": TINA.person["id"], "element": made}
    assert on.elements[element["id"]].plain() == made
    assert on.elements[element["id"]].place < on.elements[above["id"]].place


@pytest.mark.parametrize("version", [1, 3, 2**31 - 1])
def test_B2_another_version_or_an_unknown_id_is_stale(version: int) -> None:
    on, element = board(), box()
    assert refused(Stale, on, put, element, version).details == {"version": None}
    put(on, element)
    put(on, element, 1)
    assert refused(Stale, on, put, element, version).details == {"version": 2}


def test_B3_a_delete_leaves_a_tombstone_one_version_higher() -> None:
    on, element = board(), box()
    put(on, element)
    assert delete(on, element, 1, by=TINA) == {
        "op": "delete",
        "by": TINA.person["id"],
        "id": element["id"],
        "version": 2,
    }
    tombstone = on.elements[element["id"]]
    assert (tombstone.plain(), tombstone.version, tombstone.updated_at) == (None, 2, LATER)
    assert (on.counts, on.weight) == ({ONE: 0, TWO: 0}, 0)


def test_B3_on_anything_but_that_version_a_delete_is_stale() -> None:
    on, element = board(), box()
    assert refused(Stale, on, delete, element, 1).details == {"version": None}
    put(on, element)
    assert refused(Stale, on, delete, element, 2).details == {"version": 1}
    delete(on, element, 1)
    for version in (1, 2, 3):
        assert refused(Stale, on, delete, element, version).details == {"version": 2}


def test_B4_a_put_with_the_tombstones_version_brings_it_back_on_top_as_ones_own() -> None:
    on, element, above = board(), box(), box()
    put(on, element)
    put(on, above)
    delete(on, element, 1)
    for version in (1, 3):
        assert refused(Stale, on, put, element, version).details == {"version": 2}
    told = put(on, element, 2, by=TINA)["element"]
    assert (told["version"], told["author"], told["created_at"]) == (3, TINA.person, MOMENT)
    assert on.elements[element["id"]].place > on.elements[above["id"]].place
    assert on.counts == {ONE: 2, TWO: 0}


def test_B5_an_append_adds_points_and_counts_up() -> None:
    on, element = board(), stroke([0.0, 0.0])
    put(on, element)
    told = append(on, element, 1, [1.0, 1.0], [2.0, 2.0, 0.5], by=TINA)
    points = [[1.0, 1.0], [2.0, 2.0, 0.5]]
    assert told == {"op": "append", "by": TINA.person["id"], "id": element["id"], "version": 2, "points": points}
    append(on, element, 2, [3.0, 3.0])
    grown = on.elements[element["id"]]
    assert grown.look is not None
    assert (grown.version, grown.look["points"]) == (3, [[0.0, 0.0], *points, [3.0, 3.0]])
    assert (grown.author, grown.created_at) == (ANNA.person, NOW)


def test_B5_on_another_version_an_append_is_stale_and_on_anything_but_a_stroke_invalid() -> None:
    on, element, other = board(), stroke(), box()
    refused(Stale, on, append, element, 1, [1, 1])
    put(on, element)
    put(on, other)
    for version in (2, 3):
        assert refused(Stale, on, append, element, version, [1, 1]).details == {"version": 1}
    assert refused(Invalid, on, append, other, 1, [1, 1]).uri == "tutorwamp.error.invalid"
    delete(on, element, 1)
    for version in (1, 2):
        assert refused(Stale, on, append, element, version, [1, 1]).details == {"version": 2}


def test_B6_a_stroke_is_finished_once() -> None:
    on, by_append, by_put = board(), stroke(), stroke(finished=True)
    put(on, by_append)
    put(on, by_put)
    assert append(on, by_append, 1, [1.0, 1.0], finished=True)["finished"] is True
    for element, version in ((by_append, 2), (by_put, 1)):
        shown = on.elements[element["id"]].plain()
        assert shown is not None
        assert shown["finished"] is True
        for more in ({}, {"finished": True}):
            assert refused(Conflict, on, append, element, version, [1, 1], **more).details == {"version": version}


def test_B9_without_the_pen_nothing_is_taken_whatever_it_is() -> None:
    on, element = board(), stroke()
    put(on, element)
    refused(NoPen, on, put, stroke(), by=BEN)
    refused(NoPen, on, put, element, 1, by=BEN)
    refused(NoPen, on, append, element, 1, [1, 1], by=BEN)
    assert refused(NoPen, on, delete, element, 7, by=BEN).uri == "tutorwamp.error.board.no_pen"


# limits


def test_B10_a_page_holds_four_thousand_living_elements() -> None:
    on = board(counts={ONE: 3_999, TWO: 3_999})
    kept, away = stroke(), box(page=TWO)
    put(on, kept)
    put(on, away)
    assert refused(Full, on, put, box()).details == {"elements_at_most": 4_000}
    put(on, box(id=kept["id"]), 1)  # replacing needs no room
    refused(Full, on, put, {**away, "page": ONE}, 1)  # moving does
    delete(on, kept, 2)
    put(on, {**away, "page": ONE}, 1)
    refused(Full, on, put, kept, 3)  # so does bringing back
    put(on, {**kept, "page": TWO}, 3)
    assert on.counts == {ONE: 4_000, TWO: 4_000}


def test_B10_B24_a_board_has_forty_pages_each_known_once() -> None:
    on = board()
    assert refused(Conflict, on, rules.add_page, ONE).uri == "tutorwamp.error.conflict"
    for number in range(38):
        rules.add_page(on, f"page {number}")
    assert list(on.counts)[:3] == [ONE, TWO, "page 0"]
    assert refused(Full, on, rules.add_page, "one more").details == {"pages_at_most": 40}
    assert refused(Conflict, on, rules.add_page, ONE).details == {}


def test_B11_a_stroke_grows_to_five_hundred_points() -> None:
    on, element = board(), stroke(*[[1.0, 1.0]] * 499)
    put(on, element)
    assert refused(TooLarge, on, append, element, 1, [2, 2], [3, 3]).details == {"points_at_most": 500}
    append(on, element, 1, [2, 2])
    refused(TooLarge, on, append, element, 2, [3, 3])


def test_B12_the_elements_of_a_board_weigh_twelve_mib_at_most() -> None:
    most = 12 * 1024 * 1024
    element = stroke([1.0, 1.0])
    probe = board()
    put(probe, element)
    on = board(weight=most - probe.weight + 1)
    assert refused(Full, on, put, element).details == {"bytes_at_most": most}
    on.weight -= 1
    put(on, element)
    assert on.weight == most
    assert refused(Full, on, append, element, 1, [1, 1]).details == {"bytes_at_most": most}
    assert refused(Full, on, put, {**element, "points": [[1, 1], [1, 1]]}, 1).details == {"bytes_at_most": most}
    put(on, element, 1)  # what is no heavier is taken, however full it is
    put(on, box(id=element["id"]), 2)
    assert on.weight < most
    put(on, element, 3)
    delete(on, element, 4)
    assert on.weight == most - probe.weight
    put(on, element, 5)
    assert on.weight == most
    on.weight += 1  # as if the limit had been another one
    put(on, element, 6)


KINDS: list[Plain] = [
    stroke(*[[1.5, 2.5, 0.5]] * 500, finished=True),
    stroke([1.5, 2.5]),
    {**stroke([1.5, 2.5], [3.5, 4.5]), "kind": "arrow"},
    box(stroke_width=1.5, fill="#ffffff"),
    {"kind": "image", "id": new_id(), "page": ONE, "color": "#000000", "x": 1.5, "y": 1.5, "width": 1.5, "height": 1.5,
     "asset_id": PICTURE},
    *({"kind": "text", "id": new_id(), "page": ONE, "color": "#000000", "x": 1.5, "y": 1.5, "size": 1.5, "text": text}
      for text in ("a", "ü" * 1_000, "😀" * 10_000)),
]  # fmt: skip


@pytest.mark.parametrize("name", ["A", "Ünsal", "😀" * 100])
@pytest.mark.parametrize("element", KINDS, ids=lambda element: element["kind"])
def test_B12_no_element_is_heavier_on_the_wire_than_it_is_counted(element: Plain, name: str) -> None:
    on, writer = board(), replace(TINA, person={**ANNA.person, "name": name})
    told = put(on, {**element, "opacity": 0.123}, by=writer)["element"]
    if element["kind"] == "stroke" and len(element["points"]) == 1:
        append(on, element, 1, *[[1.5, 2.5, 0.5]] * 499, finished=True)
        told = on.elements[element["id"]].plain()
    assert len(cbor2.dumps(told)) <= on.weight


def test_B12_an_element_weighs_what_its_author_does_not_what_its_last_writer_does() -> None:
    on, element, long = board(), box(), replace(TINA, person={**TINA.person, "name": "T" * 100})
    put(on, element, by=long)
    heavy = on.weight
    put(on, element, 1)
    assert on.weight == heavy
    delete(on, element, 2)
    put(on, element, 3)
    assert on.weight == heavy - 100 + len("Anna")


def test_B13_an_element_stands_on_a_page_and_shows_a_picture_that_are_there() -> None:
    on, nowhere = board(), new_id()
    assert refused(NotFound, on, put, box(page=nowhere)).uri == "tutorwamp.error.not_found"
    picture = box(kind="image", asset_id=PICTURE)
    assert refused(Invalid, on, put, {**picture, "asset_id": new_id()}).details == [
        {"loc": ["element", "asset_id"], "msg": "no such picture here"}
    ]
    put(on, picture)
    refused(NotFound, on, put, {**picture, "page": nowhere}, 1)
    refused(Invalid, on, put, {**picture, "asset_id": new_id()}, 1)
    put(on, {**picture, "page": TWO}, 1)
    assert on.counts == {ONE: 0, TWO: 1}


def test_B24_the_last_page_stays() -> None:
    rules.require_another({ONE: 0, TWO: 0})
    with pytest.raises(Conflict):
        rules.require_another({ONE: 7})
    rules.require_page({ONE: 0}, ONE)
    with pytest.raises(NotFound):
        rules.require_page({ONE: 0}, TWO)


def test_B19_a_snapshot_is_due_after_as_many_events_as_there_are_elements_and_at_least_500() -> None:
    for events, elements, weight, due in (
        (499, 0, 0, False),
        (500, 0, 0, True),
        (500, 500, 0, True),
        (500, 501, 0, False),
        (501, 501, 0, True),
        (500, 1, 501 * 4096, False),
        (501, 1, 501 * 4096, True),
        (3071, 1, rules.BOARD_WEIGHT_AT_MOST, False),
        (3072, 1, rules.BOARD_WEIGHT_AT_MOST, True),
    ):
        assert rules.snapshot_due(events, elements, weight) is due


def test_a_tombstone_shows_nothing() -> None:
    stored = StoredElement(ONE, TWO, 2, 1, ANNA.person, NOW, NOW, 0, None)
    assert stored.plain() is None
