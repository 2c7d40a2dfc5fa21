"""Shapes as points: outlines, curves, turns. Pixels, y downwards; angles in radians, clockwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tutorwamp.board.excalidraw.form import Point

CURVE_STEPS: Final = 8
"""Straight pieces for each piece of a curve: no corner is seen."""
ELLIPSE_STEPS: Final = 64
"""Straight pieces of an ellipse, for the same reason."""

Box = tuple[float, float, float, float]
"""Left, top, width, height."""


def rectangle(box: Box) -> list[Point]:
    """Its outline, closed."""
    x, y, width, height = box
    return [[x, y], [x + width, y], [x + width, y + height], [x, y + height], [x, y]]


def diamond(box: Box) -> list[Point]:
    """Its outline, closed: from the middle of one side of the box to that of the next."""
    x, y, width, height = box
    middle, centre = x + width / 2, y + height / 2
    return [[middle, y], [x + width, centre], [middle, y + height], [x, centre], [middle, y]]


def ellipse(box: Box) -> list[Point]:
    """Its outline, closed, in short straight pieces."""
    x, y, width, height = box
    turns = [2 * math.pi * step / ELLIPSE_STEPS for step in range(ELLIPSE_STEPS)]
    outline = [[x + width / 2 * (1 + math.cos(turn)), y + height / 2 * (1 + math.sin(turn))] for turn in turns]
    return [*outline, outline[0]]


def curve(points: Sequence[Point]) -> list[Point]:
    """The Catmull-Rom spline through the points, as Excalidraw draws it, in short straight pieces."""
    padded = [points[0], *points, points[-1]]
    pieces = zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    steps = [step / CURVE_STEPS for step in range(CURVE_STEPS)]
    return [*(_between(*piece, part) for piece in pieces for part in steps), points[-1]]


def _between(before: Point, start: Point, end: Point, after: Point, part: float) -> Point:
    """A cubic Hermite curve from start to end whose tangents are half of the way between the neighbours."""
    rest = 1 - part
    at_start, at_end = (1 + 2 * part) * rest * rest, part * part * (3 - 2 * part)
    leaving, arriving = part * rest * rest / 2, part * part * rest / 2
    return [
        at_start * start[axis]
        + at_end * end[axis]
        + leaving * (end[axis] - before[axis])
        - arriving * (after[axis] - start[axis])
        for axis in (0, 1)
    ]


def turned(points: Sequence[Point], angle: float) -> list[Point]:
    """Turned about the middle of the box around them."""
    if angle == 0:
        return list(points)
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    return [
        [
            x + (point[0] - x) * cos - (point[1] - y) * sin,
            y + (point[0] - x) * sin + (point[1] - y) * cos,
            *point[2:],
        ]
        for point in points
    ]
