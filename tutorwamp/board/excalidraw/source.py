"""One element of a scene, read with care: it may be anything that JSON can say."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic.color import parse_str

from tutorwamp.board.contracts import Plain
from tutorwamp.board.elements import COORDINATE_AT_MOST, EXTENT_AT_MOST, POINTS_AT_MOST
from tutorwamp.board.excalidraw.form import DEFAULT_WIDTH, Point
from tutorwamp.board.excalidraw.geometry import Box

NUMBER_AT_MOST: Final = 1e9
"""Nothing further out is meant; products of such numbers are still exact enough."""
ROUNDING: Final = 1e-6
"""Pixels: what adding coordinates that are told from one another may be off."""
HAIR: Final = 0.1
"""Pixels: a line that is not meant to be seen."""
NAME_AT_MOST: Final = 64
"""Characters of an id, a kind or a colour."""

_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_DEFAULTS: Final = {"strokeColor": "#1e1e1e", "backgroundColor": "transparent"}


class Unusable(Exception):
    """Why an element or a picture cannot be on the board: the end of a sentence."""


def readable(text: str) -> str:
    """Composed, and without the characters the board takes in no text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (sign for sign in lines if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs"))
    return unicodedata.normalize("NFC", "".join(kept))


def name_of(value: object) -> str:
    """An id or a kind, to be repeated to the caller; empty where it is no text."""
    return readable(value[:NAME_AT_MOST]) if isinstance(value, str) else ""


def number_of(value: object, default: float = math.nan) -> float:
    """A number; the default for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= NUMBER_AT_MOST:
        return default
    return float(value)


def _sum(origin: float, way: float) -> float:
    """A point on the very edge of the board may come out beyond it; it is put back."""
    there = origin + way
    return math.copysign(COORDINATE_AT_MOST, there) if 0 < abs(there) - COORDINATE_AT_MOST <= ROUNDING else there


def require_on_board(*numbers: float) -> None:
    """Raise Unusable for a coordinate or a length that is none (NaN) or too large."""
    if not all(abs(number) <= COORDINATE_AT_MOST for number in numbers):
        raise Unusable("a coordinate is missing, or beyond a million.")


@dataclass(frozen=True)
class Source:
    """An element of a scene. Reading it notes what the board has nothing for; each note is a sentence."""

    raw: Mapping[str, Any]
    room: int
    """How many points may still come."""
    notes: list[str] = field(default_factory=list)

    def number(self, key: str, default: float) -> float:
        """The default also for what is not above 0."""
        number = number_of(self.raw.get(key), default)
        return number if number > 0 else default

    def angle(self) -> float:
        """Radians, clockwise."""
        return number_of(self.raw.get("angle"), 0)

    def line_width(self, factor: float = 1) -> float:
        """Pixels, if Excalidraw draws a line of this kind so many times as wide as it says."""
        return min(self.number("strokeWidth", DEFAULT_WIDTH) * factor, EXTENT_AT_MOST)

    def box(self) -> Box:
        """Before any turn. Raises Unusable."""
        x, y, width, height = (number_of(self.raw.get(key)) for key in ("x", "y", "width", "height"))
        box = min(x, x + width), min(y, y + height), abs(width), abs(height)
        require_on_board(*box)
        return box

    def points(self, *, from_box: bool = False) -> list[Point]:
        """On the page, before any turn; NaN for what is no number. Raises Unusable.

        ``from_box``: where there are none, from one corner of the box to the other, as Excalidraw does.
        """
        x, y, given = number_of(self.raw.get("x")), number_of(self.raw.get("y")), self.raw.get("points")
        if from_box and not (isinstance(given, list) and given) and {"width", "height"} & self.raw.keys():
            given = [[0, 0], [self.raw.get("width", 0), self.raw.get("height", 0)]]
        if not isinstance(given, list) or not given:
            raise Unusable("it has no points.")
        self.require_room(len(given))
        if not all(isinstance(point, list) and len(point) >= 2 for point in given):
            raise Unusable("a point is missing a coordinate.")
        return [[_sum(x, number_of(point[0])), _sum(y, number_of(point[1]))] for point in given]

    def require_room(self, count: int) -> None:
        """Raise Unusable where so many points are too many."""
        if count > self.room:
            raise Unusable("the scene has too many points.")

    def color(self, key: str) -> str | None:
        """``#rrggbb``, or null for what is transparent."""
        default = _DEFAULTS[key]
        given = self.raw.get(key, default)
        if given == "transparent":
            return None
        if not isinstance(given, str) or len(given) > NAME_AT_MOST:
            given = ""
        if _COLOR.fullmatch(given):
            return given
        try:
            rgba = parse_str(given)
        except ValueError:
            self.notes.append("Its colour is not known.")
            return None if default == "transparent" else default
        if rgba.alpha == 0:
            return None
        if rgba.alpha is not None and rgba.alpha < 1:
            self.notes.append("Its colour is not see-through any more.")
        return "#" + "".join(f"{round(part * 255):02x}" for part in (rgba.r, rgba.g, rgba.b))

    def line_color(self) -> str | None:
        """Of a line that is drawn without interruption, as freehand always is."""
        color = self.color("strokeColor")
        broken = self.raw.get("strokeStyle") in ("dashed", "dotted") and self.raw.get("type") != "freedraw"
        if color is not None and broken:
            self.notes.append("Its line is not broken any more.")
        return color

    def stroke_colors(self, *, closed: bool) -> tuple[str | None, str | None]:
        """Of what becomes a stroke, and of what lies within."""
        fill = self.color("backgroundColor") if closed else None
        if fill is not None and self.raw.get("fillStyle", "solid") != "solid":
            self.notes.append("Its fill is not hatched any more.")
        return self.line_color() or fill, fill

    def look(self, kind: str, color: str | None, **more: Any) -> Plain:
        """An element of the board, but for its id and page. Raises Unusable where there is nothing to see."""
        if color is None:
            raise Unusable("it is transparent.")
        opacity = min(max(number_of(self.raw.get("opacity"), 100) / 100, 0), 1)
        locked = {"locked": True} if self.raw.get("locked") is True else {}
        return {"kind": kind, "color": color, **({"opacity": opacity} if opacity < 1 else {}), **locked, **more}

    def filled(self, points: Sequence[Point], width: float, colors: tuple[str | None, str | None]) -> list[Plain]:
        """As ``strokes``, and filled. Where that takes many, the first one is the fill, coarser. Raises Unusable."""
        color, fill = colors
        strokes = self.strokes(points, width, color)
        if fill is None:
            return strokes
        if len(strokes) == 1:
            return [strokes[0] | {"fill": fill}]
        step = math.ceil(len(points) / POINTS_AT_MOST)
        inside = self.look("stroke", fill, points=list(points[::step]), width=HAIR, finished=True, fill=fill)
        return [inside, *strokes]

    def strokes(self, points: Sequence[Point], width: float, color: str | None) -> list[Plain]:
        """One stroke, or as many as so many points need; each begins where the one before ends. Raises Unusable."""
        self.require_room(len(points))
        require_on_board(*(number for point in points for number in point[:2]))
        starts = range(0, max(len(points) - 1, 1), POINTS_AT_MOST - 1)
        if len(starts) > 1:
            self.notes.append(f"It is {len(starts)} strokes now.")
        parts = [list(points[start : start + POINTS_AT_MOST]) for start in starts]
        return [self.look("stroke", color, points=part, width=width, finished=True) for part in parts]
