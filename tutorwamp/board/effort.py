"""How long a page takes to be made of pixels, before anybody begins; a page that takes long is made coarser. Pure.

The figures are those of the machine on which the printer was measured (docs/performance/steps.md); where another one is
much slower, the renderer's own limit ends the job.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from tutorwamp.kernel.errors import TooLarge

DRAWN_AT_MOST_S: Final = 5.0
"""Of the renderer's eight: a slower machine has some time to spare, too."""
COARSER_AT_MOST: Final = 0.5
"""Pixels of the side for one: what is written in the size of a page can still be read."""
POINT_S: Final = 3e-6
"""Of a line, however short."""
LENGTH_S: Final = 1e-7
"""Of a pixel of a line's length: its edges are smoothed."""
COVERED_S: Final = 0.5e-9
"""Of a pixel that is painted over."""
MIXED_S: Final = 2e-9
"""Of one that shows what is below."""
SHOWN_S: Final = 6e-9
"""Of one of a picture."""

Element = Mapping[str, Any]


def affordable(elements: Iterable[Element], scale: float) -> float:
    """The scale at which the page takes no longer than it may: the one given, or a smaller one. Raises TooLarge."""
    points = length = area = 0.0
    for element in elements:
        more = _effort(element)
        points, length, area = points + more[0], length + more[1], area + more[2]
    left_s, length_s, area_s = DRAWN_AT_MOST_S - points, length * scale, area * scale * scale
    if length_s + area_s <= left_s:
        return scale
    # length_s * f + area_s * f^2 = left_s, for the f of what is left
    root = math.sqrt(length_s * length_s + 4 * area_s * max(0.0, left_s))
    coarser = (root - length_s) / (2 * area_s) if area_s else max(0.0, left_s) / length_s
    if coarser < COARSER_AT_MOST:
        took_s = round(points + length_s + area_s, 1)
        raise TooLarge(
            "So much lies above one another on this page that it would take too long. Export it as SVG or PDF, or put "
            "fewer or smaller elements on it.",
            details={"seconds": took_s, "seconds_at_most": DRAWN_AT_MOST_S},
        )
    return scale * coarser


def _effort(element: Element) -> tuple[float, float, float]:
    """Seconds for its points, for its length and for its area, these two at a pixel of the file for one of the page."""
    pixel_s = MIXED_S if "opacity" in element else COVERED_S
    match element["kind"]:
        case "stroke" | "line" | "arrow":
            return _line(element, element["points"], pixel_s)
        case "rect" | "ellipse":
            width, height = element["width"], element["height"]
            border = 2 * (width + height)
            inside = width * height if element.get("fill") else 0.0
            edge = min(border * element.get("stroke_width", 1), width * height)
            return POINT_S, border * LENGTH_S, (inside + edge) * pixel_s
        case "text":
            size = element["size"]
            # A letter has some twenty points and is longer than it is high.
            return 0.0, 0.0, len(element["text"]) * size * size * pixel_s
        case _:
            return 0.0, 0.0, element["width"] * element["height"] * SHOWN_S


def _line(element: Element, points: Sequence[Sequence[float]], pixel_s: float) -> tuple[float, float, float]:
    length = sum(abs(x - u) + abs(y - v) for (u, v, *_), (x, y, *_) in pairwise(points))
    across, down = [point[0] for point in points], [point[1] for point in points]
    box = (max(across) - min(across)) * (max(down) - min(down))
    covered = min(length * element["width"], box + length * element["width"] / len(points))
    return len(points) * POINT_S, length * LENGTH_S, (covered + (box if element.get("fill") else 0.0)) * pixel_s
