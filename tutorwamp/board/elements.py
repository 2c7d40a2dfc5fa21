"""What stands on a board: the form of each kind of element, and limits of single values."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from tutorwamp.kernel.contracts import Id, Readable, Value

POINTS_AT_MOST: Final = 500
"""Of a stroke."""
ELEMENT_BYTES_AT_MOST: Final = 64 * 1024
"""Of one element as JSON in UTF-8."""
COORDINATE_AT_MOST: Final = 1_000_000
"""Pixels from the middle; beyond, canvases and printers lose precision."""
EXTENT_AT_MOST: Final = 10_000
"""Pixels: widths of lines, sizes of text; ten times a screen."""


def _known_points(points: list[list[float]]) -> list[list[float]]:
    for point in points:
        if len(point) == 3 and not 0 <= point[2] <= 1:
            raise ValueError("a point's pressure is 0 to 1")
    return points


Coordinate = Annotated[float, Field(ge=-COORDINATE_AT_MOST, le=COORDINATE_AT_MOST, allow_inf_nan=False)]
Extent = Annotated[float, Field(gt=0, le=EXTENT_AT_MOST, allow_inf_nan=False)]
Length = Annotated[float, Field(ge=0, le=COORDINATE_AT_MOST, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Color = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
Points = Annotated[
    list[Annotated[list[Coordinate], Field(min_length=2, max_length=3)]],
    Field(min_length=1, max_length=POINTS_AT_MOST),
    AfterValidator(_known_points),
]
Ends = Annotated[
    list[Annotated[list[Coordinate], Field(min_length=2, max_length=2)]], Field(min_length=2, max_length=2)
]

OWNED_BY_SERVER: Final = frozenset({"author", "created_at", "updated_at"})
"""Fields that may come along in a put, because a client sends back what it read; they are ignored."""


class _Drawn(Value):
    """What every element has. Coordinates are pixels, y downwards; ``locked``: only the tutor changes it."""

    id: Id
    page: Id
    version: Version | None = None
    color: Color
    opacity: Share | None = None
    locked: bool = False
    author: Any = None
    created_at: Any = None
    updated_at: Any = None


class Stroke(_Drawn):
    """Freehand: ``[x, y]`` or ``[x, y, pressure]``; ``fill``: of what lies within."""

    kind: Literal["stroke"]
    points: Points
    width: Extent
    finished: bool = False
    fill: Color | None = None


class Line(_Drawn):
    """From one point to another."""

    kind: Literal["line", "arrow"]
    points: Ends
    width: Extent


class Shape(_Drawn):
    """A box, or the ellipse in it."""

    kind: Literal["rect", "ellipse"]
    x: Coordinate
    y: Coordinate
    width: Length
    height: Length
    stroke_width: Annotated[float, Field(ge=0, le=EXTENT_AT_MOST, allow_inf_nan=False)] | None = None
    fill: Color | None = None


class Words(_Drawn):
    """Text, several lines possible; ``size`` is the font's, in pixels."""

    kind: Literal["text"]
    x: Coordinate
    y: Coordinate
    text: Annotated[Readable, Field(min_length=1)]
    size: Extent


class Image(_Drawn):
    """A picture of this lesson in a box."""

    kind: Literal["image"]
    x: Coordinate
    y: Coordinate
    width: Length
    height: Length
    asset_id: Id


KINDS: Final = ("stroke", "line", "arrow", "rect", "ellipse", "text", "image")


def _of_known_kind(element: object) -> object:
    # pydantic's own message would repeat the kind it was given, however long.
    if isinstance(element, dict) and element.get("kind") not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    return element


Element = Annotated[Stroke | Line | Shape | Words | Image, Field(discriminator="kind"), BeforeValidator(_of_known_kind)]
