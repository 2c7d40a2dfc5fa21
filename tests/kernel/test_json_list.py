"""Lists whose values nobody reads on the way."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.gate.test_portions import whole
from tutorwamp.kernel.edges.portions import as_json, portions, read_out
from tutorwamp.kernel.json_list import JsonList

VALUES: list[object] = [{"a": [1.5, 2]}, None, "é \n \u2028", [], 2**53]


def written(values: Sequence[object]) -> JsonList:
    return JsonList([json.dumps(value, ensure_ascii=False) for value in values])


def test_it_is_the_list_of_its_values() -> None:
    made = written(VALUES)
    assert (len(made), list(made), made[0], made[-1]) == (5, VALUES, VALUES[0], VALUES[-1])
    assert made == VALUES
    assert VALUES == made == written(VALUES)
    assert made != VALUES[:1]
    assert made[1:3] == VALUES[1:3]
    assert json.loads(f"[{made.inside()}]") == VALUES
    assert repr(made) == repr(VALUES)
    with pytest.raises(IndexError):
        made[5]


@pytest.mark.parametrize("values", [[], VALUES, VALUES * 1_000])
def test_an_answer_with_one_is_written_like_any_other(values: Sequence[object]) -> None:
    answer = {"head": 1, "there": {"elements": written(values)}}
    assert json.loads(whole(as_json(answer, lambda value: json.dumps(value).encode()))) == answer
    assert read_out(answer) == {"head": 1, "there": {"elements": [*values]}}
    assert type(read_out(answer)["there"]["elements"]) is list
    sizes = [*portions(answer)]
    assert all(size < 2**16 for size in sizes)
