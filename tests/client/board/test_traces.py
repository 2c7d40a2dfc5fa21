"""What one has done oneself, and the changes that take it back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.board.changes import ME, OTHER, append, box, changes, delete, line, put
from tests.client.board.model import PAGE, BoardModel, Plain
from tutorwamp.client.replica import Trace, cleared, confirmed, rebased, traced, undoing


class Drawing:
    """Somebody who draws on a model and can take it back, one submission after another."""

    def __init__(self, model: BoardModel) -> None:
        self.model = model
        self.steps: list[dict[str, Trace]] = []

    @property
    def elements(self) -> dict[str, Plain]:
        return {element["id"]: element for element in self.model.state()["elements"]}

    def draw(self, *asked: Plain) -> Plain:
        after = traced({}, asked, self.elements)
        answer = self.model.submit(ME, list(asked))
        self.steps.append(confirmed({}, after, answer))
        return answer

    def undo(self) -> Plain:
        step = self.steps.pop()
        answer = self.model.submit(ME, undoing(step, self.elements))
        # A tombstone's version cannot be seen: the board refuses where somebody else has deleted it again.
        assert {one["error"] for one in answer["rejected"]} <= {"tutorwamp.error.board.stale"}
        undone = [step[element_id] for element_id in answer["applied"]]
        self.steps = [rebased(older, undone) for older in self.steps]
        return answer


def look(element: Plain | None) -> Plain | None:
    """What of an element an undo restores."""
    if element is None:
        return None
    return {
        name: value for name, value in element.items() if name not in {"version", "created_at", "updated_at", "author"}
    }


def test_B30_a_created_element_is_deleted() -> None:
    me = Drawing(BoardModel())
    me.draw(put(box("a")))
    assert undoing(me.steps[-1], me.elements) == [delete("a", 1)]
    me.undo()
    assert me.elements == {}


def test_B30_a_replaced_element_is_put_back_in_its_place() -> None:
    me = Drawing(BoardModel())
    me.model.submit(OTHER, [put(box("a")), put(box("b"))])
    before = me.elements["a"]
    me.draw(put(box("a", x=9), version=1))
    assert undoing(me.steps[-1], me.elements) == [put(before, version=2)]
    me.undo()
    assert look(me.elements["a"]) == look(before)
    assert list(me.elements) == ["a", "b"]


def test_B30_a_deleted_element_is_brought_back_with_the_tombstones_version() -> None:
    me = Drawing(BoardModel())
    me.model.submit(OTHER, [put(box("a"))])
    before = me.elements["a"]
    me.draw(delete("a", 1))
    assert undoing(me.steps[-1], me.elements) == [put(before, version=2)]
    me.undo()
    assert look(me.elements["a"]) == look(before)


def test_B30_a_stroke_with_all_its_appends_is_one_change() -> None:
    model = BoardModel()
    traces: dict[str, Trace] = {}
    elements: dict[str, Plain] = {}  # nothing of it was told yet
    for change in (put(line("s")), append("s", 1, [1, 1]), append("s", 2, [2, 2], finished=True)):
        after = traced(traces, [change], elements)
        traces = confirmed(traces, after, model.submit(ME, [change]))
    now = {element["id"]: element for element in model.elements}
    assert undoing(traces, now) == [delete("s", 3)]


def test_B30_what_was_grown_by_us_and_begun_by_another_is_as_the_other_left_it() -> None:
    me = Drawing(BoardModel())
    me.model.submit(OTHER, [put(line("s", [0, 0]))])
    me.draw(append("s", 1, [1, 1]))
    me.undo()
    assert me.elements["s"]["points"] == [[0, 0]]


@pytest.mark.parametrize("others", [put(box("a", x=5), version=2), delete("a", 2)], ids=["replaced", "deleted"])
def test_B30_what_somebody_else_has_changed_since_is_left_alone(others: Plain) -> None:
    me = Drawing(BoardModel())
    me.model.submit(OTHER, [put(box("a"))])
    me.draw(put(box("a", x=9), version=1), put(box("b")))
    me.model.submit(OTHER, [others])
    left = me.elements.get("a")
    assert undoing(me.steps[-1], me.elements) == [delete("b", 1)]
    me.undo()
    assert me.elements.get("a") == left


def test_B30_what_somebody_else_has_brought_back_since_is_left_alone() -> None:
    me = Drawing(BoardModel())
    me.model.submit(OTHER, [put(box("a"))])
    me.draw(delete("a", 1))
    me.model.submit(OTHER, [put(box("a", x=5), version=2)])
    assert undoing(me.steps[-1], me.elements) == []


def test_B30_what_somebody_else_has_deleted_again_stays_deleted() -> None:
    me = Drawing(BoardModel())
    me.model.submit(OTHER, [put(box("a"))])
    me.draw(delete("a", 1))
    me.model.submit(OTHER, [put(box("a", x=5), version=2), delete("a", 3)])
    assert [one["id"] for one in me.undo()["rejected"]] == ["a"]
    assert me.elements == {}


def test_B30_what_we_have_brought_back_goes_again_and_then_comes_back() -> None:
    me = Drawing(BoardModel())
    me.model.submit(OTHER, [put(box("a"))])
    before = me.elements["a"]
    me.draw(delete("a", 1))
    me.draw(put(box("a", x=5), version=2))
    me.undo()
    assert me.elements == {}
    me.undo()
    assert look(me.elements["a"]) == look(before)


def test_B30_what_came_and_went_needs_no_undo() -> None:
    me = Drawing(BoardModel())
    me.draw(put(box("a")), delete("a", 1))
    assert undoing(me.steps[-1], me.elements) == []


def test_B30_what_was_rejected_is_not_undone() -> None:
    me = Drawing(BoardModel())
    me.model.submit(OTHER, [put(box("a")), put(box("b"))])
    me.model.submit(OTHER, [put(box("a", x=5), version=1)])
    me.draw(put(box("a", x=9), version=1), put(box("b", x=9), version=1))
    assert list(me.steps[-1]) == ["b"]


def test_B30_an_element_of_which_only_some_changes_were_applied_is_left_alone() -> None:
    me = Drawing(BoardModel())
    answer = me.draw(put(line("s"), finished=True), append("s", 1, [1, 1]))
    assert (answer["applied"], [one["id"] for one in answer["rejected"]]) == (["s"], ["s"])
    assert me.steps == [{}]


def test_B30_a_version_we_have_never_seen_cannot_be_put_back() -> None:
    seen = {"a": box("a", version=1)}
    assert traced({}, [put(box("a"), version=2)], seen) == {}
    assert traced({}, [delete("b", 1)], seen) == {}
    assert traced({}, [append("b", 1, [1, 1])], seen) == {}


def test_B30_what_was_cleared_comes_back_and_its_past_with_it() -> None:
    me = Drawing(BoardModel())
    me.model.add_page(OTHER, "page-2")
    me.draw(put(box("a")))
    me.draw(put(box("a", x=9), version=1))
    me.model.submit(OTHER, [put(box("b")), put(box("c", page="page-2"))])
    before = me.elements
    seq = me.model.clear(ME, PAGE)["seq"]
    me.steps.append(cleared(me.model.states[seq - 1], PAGE))
    assert list(me.elements) == ["c"]
    me.undo()
    assert {one: look(element) for one, element in me.elements.items()} == {
        one: look(element) for one, element in before.items()
    }
    me.undo()
    assert me.elements["a"]["x"] == 0
    me.undo()
    assert set(me.elements) == {"b", "c"}
    assert set(cleared(me.model.states[seq - 1], PAGE)) == {"a", "b"}
    assert set(cleared(me.model.states[seq - 1], None)) == {"a", "b", "c"}


@given(st.data())
def test_B30_all_of_ones_own_can_be_undone_and_nothing_else(data: st.DataObject) -> None:
    model = BoardModel()
    me = Drawing(model)
    untouched: dict[str, Plain | None] = dict.fromkeys("abcd")
    """Each element as it was before our first change since somebody else's last, or one we cannot be sure of."""
    for _ in range(data.draw(st.integers(1, 10))):
        asked = data.draw(st.lists(changes(model), min_size=1, max_size=3))
        ours = data.draw(st.booleans())
        answer = me.draw(*asked) if ours else model.submit(OTHER, asked)
        for element_id in set(answer["applied"]):
            if not ours or element_id in {one["id"] for one in answer["rejected"]}:
                untouched[element_id] = me.elements.get(element_id)
    while me.steps:
        me.undo()
    assert {one: look(me.elements.get(one)) for one in "abcd"} == {one: look(untouched[one]) for one in "abcd"}
