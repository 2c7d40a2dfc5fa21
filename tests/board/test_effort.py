"""Pages of which too much would have to be painted are drawn coarser or refused, before anybody begins. Rule B28."""

from __future__ import annotations

import io
import json
import math
import time
from random import Random
from typing import Any

import pytest
from PIL import Image

from tests.board.test_drawing import element
from tutorwamp.board import renderer
from tutorwamp.board.contracts import Plain
from tutorwamp.board.effort import COARSER_AT_MOST, DRAWN_AT_MOST_S, affordable
from tutorwamp.board.parcels import Parcel
from tutorwamp.board.rules import PAGE_ELEMENTS_AT_MOST
from tutorwamp.kernel.errors import TooLarge

SHEET = element("rect", x=0.0, y=0.0, width=3900.0, height=1900.0, fill="#ff0000", stroke_width=1.0)


def strokes(count: int, points: int, step: float, **more: Any) -> list[Plain]:
    """Scribbles on a page of 1600 by 1000 pixels."""
    random, made = Random(1), []
    for _ in range(count):
        x, y, line = random.uniform(0, 1600), random.uniform(0, 1000), []
        for _ in range(points):
            x, y = (
                min(max(x + random.uniform(-step, step), 0), 1600),
                min(max(y + random.uniform(-step, step), 0), 1000),
            )
            line.append([round(x, 2), round(y, 2)])
        made.append(element("stroke", points=line, width=3.0, **more))
    return made


def exported(file_format: str, *elements: Plain) -> bytes:
    part = json.dumps(elements).encode()
    return renderer.export(Parcel({"format": file_format, "pictures": []}, [part])).parts[0]


def size_of(file: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(file)).size


def test_B28_a_full_page_of_what_people_draw_is_as_fine_as_ever() -> None:
    full = strokes(PAGE_ELEMENTS_AT_MOST, 160, 12)
    assert affordable(full, 1.0) == 1.0
    assert affordable([], 0.3) == 0.3
    many = [element("text", x=0, y=0, size=24, text="three quarters of two thirds") for _ in range(4_000)]
    assert affordable([*many, *([{**SHEET, "width": 120, "height": 80}] * 4_000)], 1.0) == 1.0


@pytest.mark.parametrize(
    "elements",
    [
        [{**SHEET, "opacity": 0.5}] * 4_000,
        [{**SHEET, "kind": "ellipse", "opacity": 0.5}] * 4_000,
        strokes(4_000, 100, 800),
        strokes(4_000, 100, 300, fill="#00ff00", opacity=0.5),
        [element("text", x=0, y=0, size=4_000, text="w" * 5_000)],
    ],
)
def test_B28_a_page_that_would_take_a_minute_is_refused_at_once(elements: list[Plain]) -> None:
    began_s = time.process_time()
    with pytest.raises(TooLarge, match="as SVG or PDF") as refusal:
        affordable(elements, 1.0)
    assert time.process_time() - began_s < DRAWN_AT_MOST_S  # it was not drawn
    details: Any = refusal.value.details
    assert details["seconds"] > details["seconds_at_most"] == DRAWN_AT_MOST_S


def test_B28_what_is_in_between_is_drawn_coarser_and_only_as_png() -> None:
    sheets = [{**SHEET, "opacity": 0.5}] * 600
    scale = affordable(sheets, 1.0)
    assert COARSER_AT_MOST < scale < 1
    assert affordable(sheets, scale) == pytest.approx(scale)
    assert affordable([*sheets, SHEET], 1.0) < scale
    fine, coarse = size_of(exported("png", sheets[0])), size_of(exported("png", *sheets))
    assert max(abs(seen - math.floor(side * scale)) for seen, side in zip(coarse, fine, strict=True)) <= 1
    for file_format in ("svg", "pdf"):
        assert exported(file_format, *sheets)


def test_B28_what_is_looked_through_costs_more_than_what_covers() -> None:
    many = 1_200
    assert affordable([SHEET] * many, 1.0) > affordable([{**SHEET, "opacity": 0.9}] * (many // 3), 1.0)
    with pytest.raises(TooLarge):
        affordable([{**SHEET, "opacity": 0.9}] * many * 2, 1.0)
