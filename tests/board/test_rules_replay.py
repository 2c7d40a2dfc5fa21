"""B15 to B18: whatever several writers try, who replays what is told has the board, in the order it is drawn."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tutorwamp.board import rules
from tutorwamp.board.contracts import Change, Plain
from tutorwamp.board.rules import Replayed, WorkingBoard, Writer
from tutorwamp.kernel.contracts import instant_text
from tutorwamp.kernel.errors import TutorwampError

NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LESSON, PICTURE = (f"00000000-0000-7000-8000-00000000000{number}" for number in (1, 2))
PAGES = [LESSON, "00000000-0000-7000-8000-000000000003"]
IDS = [f"00000000-0000-7000-8000-00000000001{number}" for number in range(5)]
PEOPLE = [{"id": name, "name": name, "role": "student"} for name in ("anna", "ben", "tina")]


# what one event tells


def put(element_id: str, version: int, by: str = "anna", **more: Any) -> Plain:
    return {"op": "put", "by": by, "element": {"id": element_id, "version": version, "page": LESSON, **more}}


def append(element_id: str, version: int, *points: list[float], by: str = "anna", **more: Any) -> Plain:
    return {"op": "append", "by": by, "id": element_id, "version": version, "points": [*points], **more}


def delete(element_id: str, version: int, by: str = "anna") -> Plain:
    return {"op": "delete", "by": by, "id": element_id, "version": version}


def test_B16_a_put_and_what_follows_it_is_one_put_by_who_changed_it_last() -> None:
    told = [
        put("a", 1, points=[[0, 0]]),
        put("b", 1),
        append("a", 2, [1, 1]),
        append("a", 3, [2, 2], by="ben", finished=True),
    ]
    before = copy.deepcopy(told)
    whole = put("a", 3, by="ben", points=[[0, 0], [1, 1], [2, 2]], finished=True)
    assert rules.coalesce(told) == [whole, put("b", 1)]
    assert told == before, "what was told is the board's, and not changed"
    assert rules.coalesce([put("a", 1), put("a", 2, "ben"), put("b", 1)]) == [put("a", 2, "ben"), put("b", 1)]
    assert rules.coalesce([append("a", 2, [1, 1]), put("b", 1), put("a", 3)]) == [put("a", 3), put("b", 1)]


def test_B16_appends_are_one_append() -> None:
    told = [append("a", 4, [0, 0]), append("b", 2, [9, 9]), append("a", 5, [1, 1], [2, 2], by="ben", finished=True)]
    whole = append("a", 5, [0, 0], [1, 1], [2, 2], by="ben", finished=True)
    assert rules.coalesce(told) == [whole, append("b", 2, [9, 9])]


def test_B16_a_delete_is_told_and_what_follows_after_it() -> None:
    assert rules.coalesce([put("a", 1), delete("a", 2)]) == [delete("a", 2)]
    assert rules.coalesce([append("a", 3, [1, 1]), delete("a", 4)]) == [delete("a", 4)]
    back = [put("a", 3), put("b", 1), delete("a", 4), put("c", 1), put("a", 5, points=[[0, 0]]), append("a", 6, [1, 1])]
    whole = [put("b", 1), delete("a", 4), put("c", 1), put("a", 6, points=[[0, 0], [1, 1]])]
    assert rules.coalesce(back) == whole


def test_B18_a_reader_takes_pages_as_they_come_and_go() -> None:
    board = rules.replay(LESSON)
    assert board.plain(0) == {"pages": [{"id": LESSON}], "elements": [], "head": 0}
    board.take("page.added", "now", {"page": "two"})
    here, there = [put(name, 1, page=page)["element"] for name, page in (("a", LESSON), ("b", "two"))]
    changes = [put("a", 1, page=LESSON), put("b", 1, page="two")]
    board.take("board.changed", "now", {"changes": changes})
    assert board.plain(2) == {"pages": [{"id": LESSON}, {"id": "two"}], "elements": [here, there], "head": 2}
    board.take("board.cleared", "now", {"page": "two"})
    assert list(board.elements) == ["a"]
    board.take("board.changed", "now", {"changes": changes[1:]})
    board.take("page.removed", "now", {"page": LESSON})
    assert (board.pages, list(board.elements)) == (["two"], ["b"])
    board.take("board.cleared", "now", {"page": None})
    assert board.plain(9) == {"pages": [{"id": "two"}], "elements": [], "head": 9}


def test_elements_of_a_page_keep_their_order() -> None:
    elements = [put(name, 1, page=page)["element"] for name, page in (("a", "1"), ("b", "2"), ("c", "1"))]
    assert rules.elements_of(elements, "1") == [elements[0], elements[2]]


# whatever several writers try


@st.composite
def deeds(draw: st.DrawFn) -> Plain:
    """Somebody's wish: ``off`` is how far the version it names is from the real one; null names none."""
    op = draw(st.sampled_from(["put", "put", "put", "append", "append", "delete"]))
    off = draw(st.sampled_from([0, 0, 0, 0, 0, None, 1, -1]))
    points = draw(st.lists(st.sampled_from([[1.0, 2.0], [3.5, 4.0, 0.5]]), min_size=1, max_size=3))
    return {
        "op": op,
        "id": draw(st.sampled_from(IDS)),
        "off": off,
        "kind": draw(st.sampled_from(["stroke", "stroke", "stroke", "rect", "text", "image"])),
        "page": draw(st.sampled_from([*PAGES, PAGES[0], "00000000-0000-7000-8000-00000000000f"])),
        "points": points,
        "finished": draw(st.sampled_from([False, False, False, True])),
        "by": draw(st.integers(0, 2)),
        "may_draw": draw(st.sampled_from([True] * 9 + [False])),
        "moderates": draw(st.booleans()),
        "locked": draw(st.sampled_from([False] * 4 + [True])),
    }


def change_of(deed: Plain, board: WorkingBoard) -> Change:
    """The wish as a change of the board as it is now."""
    stored = board.elements.get(deed["id"])
    version = None if deed["off"] is None else max(1, (stored.version if stored else 1) + deed["off"])
    if deed["op"] == "put":
        new = stored is None and deed["off"] == 0
        return rules.read_change({"op": "put", "element": {**element_of(deed), "version": None if new else version}})
    raw = {"op": deed["op"], "id": deed["id"], "version": version or 1}
    if deed["op"] == "append":
        raw |= {"points": deed["points"], "finished": deed["finished"]}
    return rules.read_change(raw)


def element_of(deed: Plain) -> Plain:
    made = {"id": deed["id"], "page": deed["page"], "kind": deed["kind"], "color": "#000000", "locked": deed["locked"]}
    if deed["kind"] == "stroke":
        return {**made, "points": deed["points"], "width": 1, "finished": deed["finished"]}
    if deed["kind"] == "text":
        return {**made, "x": 0, "y": 0, "size": 1, "text": "ü" * len(deed["points"])}
    size = {"x": 0, "y": 0, "width": 1, "height": 1}
    return {**made, **size, **({"asset_id": PICTURE} if deed["kind"] == "image" else {})}


def state_of(board: WorkingBoard) -> list[Plain]:
    """What ``board.open`` would show of the elements."""
    alive = [stored for stored in board.elements.values() if stored.look is not None]
    shown = [stored.plain() for stored in sorted(alive, key=lambda stored: stored.place)]
    return [element for element in shown if element is not None]


def require_exact(board: WorkingBoard) -> None:
    """The sums kept are the sums there are."""
    alive = [stored for stored in board.elements.values() if stored.look is not None]
    standing = Counter(stored.page for stored in alive)
    assert board.counts == {page: standing[page] for page in board.counts}
    assert standing.total() == sum(board.counts.values())
    assert board.weight == sum(stored.weight for stored in alive)
    for stored in alive:
        assert stored.look is not None
        assert stored.weight == rules.weight_of(stored.look) + len(stored.author["name"].encode())
    assert all(stored.weight == 0 for stored in board.elements.values() if stored.look is None)
    places = [stored.place for stored in alive]
    assert len(set(places)) == len(places)
    assert max(places, default=0) <= board.placed


def tick(board: WorkingBoard, wishes: Iterable[Plain], now: datetime) -> list[Plain]:
    """Take what can be taken; what is told of it."""
    told = []
    for deed in wishes:
        before = copy.deepcopy(board)
        try:
            change = change_of(deed, board)
            writer = Writer(PEOPLE[deed["by"]], deed["may_draw"], now, moderates=deed["moderates"])
            told.append(rules.apply(board, change, writer))
        except TutorwampError:
            assert board == before, "a rejected change left a trace"
        else:
            versions = {**before.elements, **board.elements}
            was = before.elements[change.id].version if change.id in before.elements else 0
            looks = [one.elements[change.id].look for one in (before, board) if change.id in one.elements]
            assert deed["moderates"] or not any(look and look.get("locked") for look in looks), "B40"
            assert versions[change.id].version == was + 1
        require_exact(board)
    return told


def replayed(readers: Iterable[Replayed], changes: list[Plain], now: datetime) -> None:
    for reader in readers:
        reader.take("board.changed", instant_text(now), json.loads(json.dumps({"changes": changes})))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(deeds(), max_size=12), max_size=8))
def test_B8_B16_B18_who_replays_what_is_told_has_the_board(ticks: list[list[Plain]]) -> None:
    board = WorkingBoard({}, dict.fromkeys(PAGES, 0), 0, 0, {PICTURE})
    follower, early = Replayed([], {}), Replayed([], {})
    for number, wishes in enumerate(ticks):
        now = NOON + timedelta(seconds=number)
        opened = Replayed([], {element["id"]: element for element in copy.deepcopy(state_of(board))})
        told = tick(board, wishes, now)
        whole = copy.deepcopy(told)
        short = rules.coalesce(told)
        assert told == whole
        replayed([follower, opened], short, now)
        replayed([early], told, now)
        for reader in (follower, opened, early):
            assert list(reader.elements.values()) == state_of(board)
        require_short(short)


def require_short(changes: list[Plain]) -> None:
    """B16: of one element at most one thing is told that is not a delete, and it is told last."""
    ends: dict[str, str] = {}
    for change in changes:
        element_id = change["element"]["id"] if change["op"] == "put" else change["id"]
        assert ends.get(element_id) in (None, "delete")
        ends[element_id] = change["op"]
