"""A board from its events."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.board.changes import OTHER, append, box, delete, histories, line, put
from tests.client.board.model import PAGE, BoardModel, Plain
from tutorwamp.client import Outcome, Replica
from tutorwamp.client.replica import EARLY_AT_MOST

AT = "2026-11-24T10:00:00.000Z"


def opened(model: BoardModel, at: int = 0) -> Replica:
    replica = Replica()
    replica.open(deepcopy(model.states[at]))
    return replica


def told(seq: int, *changes: Plain) -> Plain:
    return {"seq": seq, "type": "board.changed", "at": AT, "actor": None, "data": {"changes": list(changes)}}


@given(histories(), st.data())
def test_B18_whatever_comes_in_whatever_order_is_the_board(model: BoardModel, data: st.DataObject) -> None:
    replica = Replica()
    arriving = data.draw(st.permutations(model.events + data.draw(subsets(model.events))))
    before_opening = data.draw(st.integers(0, len(arriving)))
    start = data.draw(st.integers(0, len(model.events)))
    for event in arriving[:before_opening]:
        assert replica.apply(deepcopy(event)) == (Outcome.GAP, [])
    replica.open(deepcopy(model.states[start]))
    for event in arriving[before_opening:]:
        head = replica.head
        outcome, applied = replica.apply(deepcopy(event))
        assert applied == model.events[head : replica.head]
        if event["seq"] <= head:
            assert outcome is Outcome.KNOWN
        else:
            assert outcome is (Outcome.APPLIED if event["seq"] == head + 1 else Outcome.GAP)
        assert replica.state() == model.states[replica.head]
    assert replica.state() == model.state()
    assert replica.head == len(model.events)


@given(histories(), st.data())
def test_B31_pages_that_are_read_one_after_another_make_the_board(model: BoardModel, data: st.DataObject) -> None:
    heads = sorted(data.draw(st.lists(st.integers(0, len(model.events)), min_size=1, max_size=5)))
    parts, wanted = [], [PAGE, *(page["id"] for page in model.states[heads[0]]["pages"] if page["id"] != PAGE)]
    replica = Replica()
    for page in wanted:
        state = deepcopy(model.states[heads.pop(0) if len(heads) > 1 else heads[0]])
        if page in {one["id"] for one in state["pages"]}:
            some = [one for one in state["elements"] if one["page"] == page]
            parts.append(([page], {**state, "elements": some}))
    if not parts:
        return
    for event in data.draw(st.permutations(model.events)):
        replica.apply(deepcopy(event))
    assert replica.open_in_parts(parts)
    assert (replica.pages, replica.head) == ([one["id"] for one in model.state()["pages"]], len(model.events))
    assert by_page(replica.state()) == by_page(model.state())


def by_page(state: Plain) -> dict[str, list[Plain]]:
    """Nobody sees which of two elements on different pages is above."""
    return {page["id"]: [one for one in state["elements"] if one["page"] == page["id"]] for page in state["pages"]}


def test_B31_between_two_pages_nothing_may_be_missing() -> None:
    model = BoardModel()
    model.add_page(OTHER, "other")
    for name in "abc":
        model.submit(OTHER, [put(box(name, page="other"))])
    first, later = ({**deepcopy(model.states[head]), "elements": []} for head in (1, 3))
    later["elements"] = deepcopy(model.states[3]["elements"])
    replica = Replica()
    for event in (model.events[1], model.events[3]):
        replica.apply(deepcopy(event))
    parts = [([PAGE], first), (["other"], later)]
    assert not replica.open_in_parts(parts)
    assert (replica.head, replica.elements) == (-1, {})
    replica.apply(deepcopy(model.events[2]))
    assert replica.open_in_parts(parts)
    assert replica.state() == model.state()


def subsets(events: Sequence[Plain]) -> st.SearchStrategy[list[Plain]]:
    return st.lists(st.sampled_from(events)) if events else st.just([])


# One rule at a time


def test_B18_a_put_replaces_in_place_and_a_new_one_goes_on_top() -> None:
    replica = Replica()
    replica.open({"pages": [{"id": PAGE}], "elements": [box("a", version=1), box("b", version=4)], "head": 7})
    replica.apply(told(8, put(box("a", version=2, x=9)), put(box("c", version=1))))
    assert [(one["id"], one["version"], one["x"]) for one in replica.elements.values()] == [
        ("a", 2, 9),
        ("b", 4, 0),
        ("c", 1, 0),
    ]
    assert replica.head == 8


def test_B18_an_append_adds_points_and_takes_version_time_and_finished() -> None:
    replica = Replica()
    before = line("s", [0, 0], version=1, updated_at="2026-11-24T09:00:00.000Z", author={"id": OTHER})
    replica.open({"pages": [{"id": PAGE}], "elements": [before], "head": 1})
    replica.apply(told(2, append("s", 3, [1, 1], [2, 2, 0.5])))
    after = {**before, "points": [[0, 0], [1, 1], [2, 2, 0.5]], "version": 3, "updated_at": AT}
    assert replica.elements["s"] == after
    replica.apply(told(3, append("s", 4, [3, 3], finished=True)))
    assert replica.elements["s"]["finished"] is True
    assert before["points"] == [[0, 0]]  # who has read it keeps what was read


def test_B16_an_element_that_came_and_went_within_one_event_is_told_as_a_delete() -> None:
    replica = opened(BoardModel())
    assert replica.apply(told(1, delete("never seen", 2)))[0] is Outcome.APPLIED
    assert replica.elements == {}


def test_B16_an_element_deleted_and_brought_back_within_one_event_is_on_top() -> None:
    replica = Replica()
    replica.open({"pages": [{"id": PAGE}], "elements": [box("a", version=1), box("b", version=1)], "head": 0})
    replica.apply(told(1, delete("a", 2), put(box("a", version=3))))
    assert list(replica.elements) == ["b", "a"]


@pytest.mark.parametrize(("page", "left"), [("page-2", ["a"]), (PAGE, ["b"]), (None, [])])
def test_B18_a_cleared_page_is_empty_and_stays(page: str | None, left: list[str]) -> None:
    model = BoardModel()
    model.add_page(OTHER, "page-2")
    model.submit(OTHER, [put(box("a")), put(box("b", page="page-2"))])
    replica = opened(model, 2)
    model.clear(OTHER, page)
    replica.apply(model.events[-1])
    assert list(replica.elements) == left
    assert replica.pages == [PAGE, "page-2"]


def test_B18_a_removed_page_goes_with_what_is_on_it() -> None:
    model = BoardModel()
    model.add_page(OTHER, "page-2")
    model.submit(OTHER, [put(box("a")), put(box("b", page="page-2"))])
    replica = opened(model, 2)
    model.remove_page(OTHER, PAGE)
    replica.apply(model.events[-1])
    assert (replica.pages, list(replica.elements)) == (["page-2"], ["b"])


def test_an_event_of_a_later_version_is_counted() -> None:
    replica = opened(BoardModel())
    later = {"seq": 1, "type": "board.framed", "at": AT, "data": {}}
    assert replica.apply(later) == (Outcome.APPLIED, [later])
    assert replica.apply(told(2, {"op": "frame", "id": "a"}))[0] is Outcome.APPLIED
    assert replica.head == 2


def test_B31_a_gap_is_told_until_it_is_filled() -> None:
    replica = opened(BoardModel())
    events = [told(seq, put(box(f"e{seq}", version=1))) for seq in range(1, 5)]
    assert replica.apply(events[2]) == (Outcome.GAP, [])
    assert replica.apply(events[0]) == (Outcome.APPLIED, [events[0]])
    assert (replica.head, list(replica.elements)) == (1, ["e1"])
    assert replica.apply(events[3]) == (Outcome.GAP, [])
    assert replica.apply(events[1]) == (Outcome.APPLIED, events[1:])
    assert replica.apply(events[3]) == (Outcome.KNOWN, [])
    assert (replica.head, list(replica.elements)) == (4, ["e1", "e2", "e3", "e4"])


def test_B31_while_it_is_opened_afresh_nothing_is_lost_and_nothing_is_old() -> None:
    model = BoardModel()
    for number in range(5):
        model.submit(OTHER, [put(box(f"e{number}"))])
    replica = opened(model, 1)
    replica.apply(model.events[4])
    replica.hold()
    # The state is read as it is at 2; what happens before its answer is there comes as events.
    for event in model.events[1:4]:
        assert replica.apply(event) == (Outcome.GAP, [])
    assert replica.state() == model.states[1]
    replica.open(deepcopy(model.states[2]))
    assert replica.state() == model.states[4]  # what came before is not waited for any more: it is in every state
    assert replica.apply(model.events[4])[0] is Outcome.APPLIED


def test_only_so_many_events_are_kept_for_later_and_the_oldest_go_first() -> None:
    replica = Replica()
    last = EARLY_AT_MOST + 3
    for seq in range(1, last + 1):
        replica.apply(told(seq, put(box("a", version=seq))))
    replica.open({"pages": [{"id": PAGE}], "elements": [], "head": 2})
    assert replica.head == 2
    assert replica.apply(told(3))[0] is Outcome.APPLIED
    assert (replica.head, replica.elements["a"]["version"]) == (last, last)


def test_what_fills_a_gap_is_taken_however_much_is_kept() -> None:
    replica = opened(BoardModel())
    for seq in range(2, EARLY_AT_MOST + 2):
        assert replica.apply(told(seq))[0] is Outcome.GAP
    assert replica.apply(told(1))[0] is Outcome.APPLIED
    assert replica.head == EARLY_AT_MOST + 1
