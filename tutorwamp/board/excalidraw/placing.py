"""A drawing's place on the page: what nobody would see there is moved, and made smaller where it is too large.

Excalidraw's paper has no end; the board's page has (``SHEET``). What the board exported itself stays where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from unicodedata import east_asian_width

from tutorwamp.board.contracts import LeftOut, Plain
from tutorwamp.board.elements import COORDINATE_AT_MOST
from tutorwamp.board.excalidraw.form import OURS
from tutorwamp.board.excalidraw.geometry import Box
from tutorwamp.board.excalidraw.opening import box_around, elements_of, moved

SHEET: Final = (1600.0, 1000.0)
"""Pixels, width and height of what a page shows (``web/page/board/board-view.mjs`` has the same)."""
MARGIN: Final = 20.0
"""Pixels that are left free around a drawing that was moved."""
LETTER: Final = 0.6
LINE_HEIGHT: Final = 1.2
"""In font sizes: about what a letter is wide, and a line high. An ideograph is as wide as it is high."""

_LENGTHS: Final = ("x", "y", "width", "height", "size", "stroke_width")


def within_reach(scene: Mapping[str, Any]) -> Mapping[str, Any]:
    """The scene; where it lies further out than a board reaches and would fit on one, the same around the middle.

    Raises Invalid where this is no scene.
    """
    elements = elements_of(scene)
    left, top, width, height = box_around(elements)
    is_near = max(abs(left), abs(top), abs(left + width), abs(top + height)) <= COORDINATE_AT_MOST
    if is_near or max(width, height) > 2 * COORDINATE_AT_MOST:
        return scene
    nearer = [moved(element, -left - width / 2, -top - height / 2) for element in elements]
    return {"type": "excalidraw", "elements": nearer, "files": scene.get("files"), "appState": scene.get("appState")}


def fitted(elements: Sequence[Plain], *, source: object, was_moved: bool = False) -> tuple[list[Plain], list[LeftOut]]:
    """The elements where they can be seen, and what is told of it. ``source`` is what the scene says it is from."""
    if not elements or (source == OURS and not was_moved):
        return list(elements), []
    left, top, width, height = _around(elements)
    inside = left >= 0 and top >= 0 and left + width <= SHEET[0] and top + height <= SHEET[1]
    if inside and not was_moved:
        return list(elements), []
    scale = min(1.0, (SHEET[0] - 2 * MARGIN) / max(width, 1), (SHEET[1] - 2 * MARGIN) / max(height, 1))
    across = _to_be_inside(left * scale, width * scale, SHEET[0])
    down = _to_be_inside(top * scale, height * scale, SHEET[1])
    smaller = f", and made smaller ({scale:.2g} of its size)," if scale < 1 else ""
    told = LeftOut(id="", kind="", reason=f"The drawing was moved{smaller} to be on the page.")
    return [_placed(element, scale, across, down) for element in elements], [told]


def _to_be_inside(start: float, length: float, room: float) -> float:
    """By how much to move it, at least."""
    return min(max(start, MARGIN), room - MARGIN - length) - start


def _around(elements: Sequence[Plain]) -> Box:
    corners = [corner for element in elements for corner in _corners(element)]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _corners(element: Plain) -> list[tuple[float, float]]:
    if "points" in element:
        return [(point[0], point[1]) for point in element["points"]]
    x, y = element["x"], element["y"]
    if element["kind"] == "text":
        lines, size = element["text"].split("\n"), element["size"]
        return [(x, y), (x + max(map(_width, lines)) * size, y + len(lines) * LINE_HEIGHT * size)]
    return [(x, y), (x + element["width"], y + element["height"])]


def _width(line: str) -> float:
    return sum(1.0 if east_asian_width(sign) in "WF" else LETTER for sign in line)


def _placed(element: Plain, scale: float, across: float, down: float) -> Plain:
    placed = dict(element)
    placed.update((key, element[key] * scale) for key in _LENGTHS if key in element)
    if "points" in element:
        placed["points"] = [[x * scale + across, y * scale + down, *more] for x, y, *more in element["points"]]
    else:
        placed["x"], placed["y"] = placed["x"] + across, placed["y"] + down
    return placed
