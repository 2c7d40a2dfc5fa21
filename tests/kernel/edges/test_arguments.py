"""Arguments of a call: checked, bounded, and never a way to hurt us."""

from __future__ import annotations

import gc
import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from tutorwamp.accounts.contracts import LogIn
from tutorwamp.kernel.contracts import Line, Value
from tutorwamp.kernel.edges.arguments import ARGUMENTS_BYTES_AT_MOST, FAULTS_AT_MOST, check, size_of, spare_what_is_made
from tutorwamp.kernel.errors import Invalid, TooLarge


class Wanted(Value):
    name: Annotated[Line, Field(min_length=1)]
    number: int = 0
    inner: LogIn | None = None


def faults(arguments: Any, model: type[Value] = Wanted) -> list[dict[str, Any]]:
    with pytest.raises(Invalid) as caught:
        check(model, arguments)
    assert isinstance(caught.value.details, list)
    json.dumps(caught.value.details, ensure_ascii=False).encode()  # can be sent
    return caught.value.details


def test_good_arguments_become_the_model() -> None:
    assert check(Wanted, {"name": " Ada "}) == Wanted(name="Ada")


def test_every_fault_is_told_with_its_place() -> None:
    told = faults({"number": "1", "inner": {"email": "a@b.example"}, "more": 1})
    assert [fault["loc"] for fault in told] == [["name"], ["number"], ["inner", "password"], ["more"]]
    assert all(set(fault) == {"loc", "msg"} for fault in told)


def test_a_value_error_of_ours_is_told_in_our_words() -> None:
    assert faults({"name": "a\nb"}) == [{"loc": ["name"], "msg": "must be one line without tabs"}]


@pytest.mark.parametrize("inner", [1, "x", [], [{}]])
def test_a_missing_object_does_not_tell_the_name_of_our_class(inner: Any) -> None:
    assert faults({"name": "a", "inner": inner}) == [{"loc": ["inner"], "msg": "Input should be an object"}]


def test_what_was_sent_does_not_come_back() -> None:
    assert "secret" not in json.dumps(faults({"name": 1, "number": "secret", "inner": "secret"}))


def test_the_number_of_faults_is_bounded() -> None:
    assert len(faults({f"x{number}": 1 for number in range(1000)})) == FAULTS_AT_MOST


@pytest.mark.parametrize(
    "name", ["\ud800" * 100, "\0", "x" * 100_000, "self", "__class__", 7, b"a", ("a",), None, "\u202e"]
)
def test_a_hostile_name_is_refused_and_the_answer_stays_small(name: object) -> None:
    told = faults({"name": "a", name: 1})
    assert len(json.dumps(told)) < 1000


def deep(depth: int, kind: type) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if kind is list else {"a": value}
    return value


@pytest.mark.parametrize("kind", [list, dict])
@pytest.mark.parametrize("place", ["name", "unknown", "inner"])
def test_deep_nesting_is_refused_without_recursion(kind: type, place: str) -> None:
    with pytest.raises(Invalid):
        check(Wanted, {"name": "a", place: deep(100_000, kind)})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" * (ARGUMENTS_BYTES_AT_MOST + 1), id="text"),
        pytest.param(b"x" * (ARGUMENTS_BYTES_AT_MOST + 1), id="bytes"),
        pytest.param([0] * (ARGUMENTS_BYTES_AT_MOST // 5 + 1), id="numbers"),
        pytest.param([[]] * (ARGUMENTS_BYTES_AT_MOST // 2 + 1), id="empty lists"),
        pytest.param({"x" * ARGUMENTS_BYTES_AT_MOST: 0}, id="a name"),
        pytest.param(deep(ARGUMENTS_BYTES_AT_MOST, list), id="depth"),
    ],
)
def test_too_much_is_too_large(value: Any) -> None:
    with pytest.raises(TooLarge) as caught:
        check(Wanted, {"name": value})
    assert caught.value.details == {"bytes_at_most": ARGUMENTS_BYTES_AT_MOST}


def test_a_long_message_is_not_too_large() -> None:
    assert check(Wanted, {"name": "x" * (ARGUMENTS_BYTES_AT_MOST - 100)}).name.startswith("x")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()) | st.integers(), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["name", "number", "inner", "x"]) | st.text(), json_values, max_size=4))
def test_whatever_comes_is_the_model_or_invalid(arguments: dict[str, Any]) -> None:
    told: Any = None
    try:
        checked = check(Wanted, arguments)
    except Invalid as error:
        told = error.details
    assert told or isinstance(checked, Wanted)
    json.dumps(told, ensure_ascii=False).encode()  # can be sent


def test_size_is_near_the_wires() -> None:
    value = {"name": "x" * 100, "points": [[1, 2], [3, 4]], "on": True}
    assert 0.5 < size_of(value) / len(json.dumps(value)) < 2


def test_a_text_counts_by_its_bytes() -> None:
    assert [size_of(text * 100) for text in ("a", "ü", "漢", "😀", "\ud800")] == [102, 202, 302, 402, 302]


def test_what_is_made_when_a_node_is_ready_is_not_looked_through_again() -> None:
    made: list[object] = []
    made.append(made)
    try:
        spare_what_is_made()
        assert not any(one is made for one in gc.get_objects())
    finally:
        gc.unfreeze()
    assert any(one is made for one in gc.get_objects())
