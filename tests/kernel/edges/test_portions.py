"""Large answers are written in portions. Rule S25."""

from __future__ import annotations

from random import Random
from typing import Any

import cbor2
import pytest
from twisted.internet import reactor

from tutorwamp.kernel.edges.portions import (
    PORTION_BYTES,
    Portioned,
    as_json,
    list_head,
    portions,
    values_in,
    with_rests,
)
from tutorwamp.kernel.edges.problems import to_json


def written(answer: dict[str, Any]) -> tuple[list[int], Portioned]:
    """The bytes of each portion, and all of it as the door hears it."""
    work, sizes = portions(answer), []
    while True:
        try:
            sizes.append(next(work))
        except StopIteration as done:
            return sizes, Portioned.read(cbor2.loads(cbor2.dumps(done.value.plain())))


def board(strokes: int, points: int = 100) -> dict[str, Any]:
    random = Random(strokes)
    elements = [
        {"id": f"é {number}", "points": [[random.random(), random.random()] for _ in range(points)], "fill": None}
        for number in range(strokes)
    ]
    return {"pages": [{"id": "one"}], "elements": elements, "head": 7}


def events(streams: int, count: int) -> dict[str, Any]:
    one = [{"seq": number, "data": {"changes": [{"points": [[0.5, 1]] * 9}]}} for number in range(count)]
    return {"streams": {f"stream {number}": {"complete": True, "events": one} for number in range(streams)}}


def put_back(portioned: Portioned, value: Any = None) -> Any:
    value = portioned.rest if value is None else value
    if isinstance(value, dict):
        return {key: put_back(portioned, part) if part is not None else None for key, part in value.items()}
    if isinstance(value, str) and value in portioned.lists:
        return [one for portion in portioned.lists[value] for one in values_in(portion)]
    return value


ANSWERS = [board(0), board(7), board(8), board(700), events(3, 40), {"items": list(range(70_000))}, {}]


@pytest.mark.parametrize("answer", ANSWERS)
async def test_S25_over_rest_it_is_the_same_text_as_in_one_step(answer: dict[str, Any]) -> None:
    seen: list[int] = []
    size, text = await with_rests(as_json(answer, to_json), reactor, seen.append)
    assert text == to_json(answer)
    assert size == seen[-1]
    assert len(seen) > len(text) / PORTION_BYTES / 2


@pytest.mark.parametrize("answer", ANSWERS)
def test_S25_what_is_written_in_portions_is_what_was_answered(answer: dict[str, Any]) -> None:
    sizes, portioned = written(answer)
    assert put_back(portioned) == answer
    assert sum(sizes) >= len(cbor2.dumps(answer))


def test_S25_no_portion_is_large() -> None:
    sizes, _ = written(board(1_000))
    assert len(sizes) > 40
    assert max(sizes) < 2 * PORTION_BYTES
    sizes, _ = written({"items": [0] * 70_000 + ["x" * 1_000] * 400})
    assert max(sizes) < 2 * PORTION_BYTES * 1_000  # as many as before, each of another size


@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256, 65_535, 65_536])
def test_a_list_begins_as_cbor_says(count: int) -> None:
    assert cbor2.dumps([None] * count) == list_head(count) + b"\xf6" * count
