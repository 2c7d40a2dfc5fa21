"""What Excalidraw writes, in each of its forms: a file, what it copies, a library. Found in them: the elements.

A library's items have no place of their own; they are laid out in rows, as Excalidraw does that adds them all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tutorwamp.board.excalidraw.geometry import Box
from tutorwamp.board.excalidraw.source import number_of
from tutorwamp.board.scenes import LIBRARY, SCENES
from tutorwamp.kernel.errors import Invalid

GAP: Final = 40.0
"""Pixels between the items of a library."""


def elements_of(scene: object) -> list[Any]:
    """All of them, deleted ones included, lowest first. Raises Invalid where this is nothing of Excalidraw's."""
    kind = scene.get("type") if isinstance(scene, Mapping) else None
    if isinstance(scene, Mapping) and isinstance(kind, str):
        if kind in SCENES and isinstance(elements := scene.get("elements"), list):
            return elements
        # Since 2021 an item has a name and a state beside its elements; before, it was the list of them.
        items = scene.get("libraryItems", scene.get("library")) if kind == LIBRARY else None
        if isinstance(items, list):
            return _laid_out([_elements_in(item) for item in items])
    fault = {"loc": ["scene"], "msg": 'must have the type "excalidraw" and a list of elements'}
    raise Invalid("This is no scene of Excalidraw.", details=[fault])


def _elements_in(item: object) -> list[Any]:
    """Of an item of a library; what is none is an element that nothing is known of, to be told."""
    elements = item.get("elements") if isinstance(item, Mapping) else item
    return elements if isinstance(elements, list) else [None]


def _laid_out(items: Sequence[list[Any]]) -> list[Any]:
    """The items' elements, each item moved to its place."""
    boxes = [box_around(item) for item in items]
    in_a_row = math.ceil(math.sqrt(len(items)))
    elements: list[Any] = []
    x = y = height = 0.0
    for number, (item, (left, top, across, down)) in enumerate(zip(items, boxes, strict=True)):
        if number % in_a_row == 0 and number:
            x, y, height = 0.0, y + height + GAP, 0.0
        elements += (moved(element, x - left, y - top) for element in item)
        x, height = x + across + GAP, max(height, down)
    return elements


def box_around(elements: Sequence[Any]) -> Box:
    """About where they are, before any turn; what has no place is left out of it."""
    corners = [corner for element in elements for corner in _corners(element)]
    if not corners:
        return 0.0, 0.0, 0.0, 0.0
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _corners(element: Any) -> Iterator[tuple[float, float]]:
    if not isinstance(element, Mapping) or element.get("isDeleted") is True:
        return
    x, y = number_of(element.get("x")), number_of(element.get("y"))
    points = element.get("points")
    ways = [point for point in points if isinstance(point, list)] if isinstance(points, list) else []
    for way in [[0, 0], *(ways or [[element.get("width"), element.get("height")]])]:
        corner = (x + number_of(way[0]), y + number_of(way[1])) if len(way) > 1 else (math.nan, math.nan)
        if all(map(math.isfinite, corner)):
            yield corner


def moved(element: Any, across: float, down: float) -> Any:
    """The element at another place; what has none stays as it is."""
    if not isinstance(element, Mapping):
        return element
    place = {"x": number_of(element.get("x")) + across, "y": number_of(element.get("y")) + down}
    return {**element, **{axis: value for axis, value in place.items() if math.isfinite(value)}}
