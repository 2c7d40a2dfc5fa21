"""From a scene to elements of the board. A scene comes from anywhere: it is any JSON until it is read.

Lost without a word: deleted elements; how lines, corners, arrowheads and letters are styled; groups.
All else that is not as it was is told.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tutorwamp.board.contracts import LeftOut, Plain
from tutorwamp.board.elements import ELEMENT_BYTES_AT_MOST, EXTENT_AT_MOST
from tutorwamp.board.excalidraw import geometry
from tutorwamp.board.excalidraw.form import DOT, FREEHAND_WIDTH, Point
from tutorwamp.board.excalidraw.opening import elements_of
from tutorwamp.board.excalidraw.source import (
    NAME_AT_MOST,
    Source,
    Unusable,
    name_of,
    number_of,
    readable,
    require_on_board,
)
from tutorwamp.kernel.text import is_unseen

ELEMENTS_READ_AT_MOST: Final = 10_000
"""Of a scene, deleted ones included: more than twice what a page holds."""
POINTS_READ_AT_MOST: Final = 500_000
"""Of a scene, those of curves after they were made straight: fewer than a whole board holds."""
TEXT_BYTES_AT_MOST: Final = ELEMENT_BYTES_AT_MOST - 1024
"""Of a text, as JSON in UTF-8: the rest of the element needs room too."""

OPEN_AT_MOST: Final = 8
"""Pixels between the ends of a line that Excalidraw takes for closed, and fills."""
ARROW_AT_LEAST: Final = 20
"""Pixels of a bent arrow's last piece: room for the head."""
STRAIGHT: Final = 1e-6
"""Quarters of a turn: less is not seen."""

_DEFAULT_SIZE: Final = 20.0
_FONT_SIZE: Final = re.compile(r"(?<![\w.-])(\d{1,9}(?:\.\d{1,9})?)px\b", re.ASCII | re.IGNORECASE)
_WHITE: Final = frozenset({"#ffffff", "#fff", "white", "transparent", ""})


@dataclass(frozen=True)
class Translated:
    """A scene as the board can have it.

    ``elements`` are as for puts, lowest first, without versions. ``left_out`` tells, by the scene's own ids and kinds,
    what is missing ("Left out: …") or is not as it was.
    """

    elements: list[Plain]
    left_out: list[LeftOut]


def from_scene(
    scene: Mapping[str, Any], *, page: str, new_id: Callable[[], str], asset_ids: Mapping[str, str]
) -> Translated:
    """Read a scene, whatever it holds, for a page. ``asset_ids`` names the pictures that were kept, by file id.

    Raises Invalid where this is no scene.
    """
    read = Translated([], [])
    room = POINTS_READ_AT_MOST
    for raw in living(scene):
        source = Source(raw, room)
        try:
            looks = _looks(source, asset_ids)
        except Unusable as error:
            source.notes[:] = [f"Left out: {error}"]
            looks = []
        room -= sum(len(look.get("points", ())) for look in looks)
        read.elements.extend({"id": new_id(), "page": page, **look} for look in looks)
        if source.notes:
            reason = " ".join(dict.fromkeys(source.notes))
            read.left_out.append(LeftOut(id=name_of(raw.get("id")), kind=name_of(raw.get("type")), reason=reason))
    if (count := len(elements_of(scene)) - ELEMENTS_READ_AT_MOST) > 0:
        reason = f"Left out: {count} more elements; only {ELEMENTS_READ_AT_MOST} are read."
        read.left_out.append(LeftOut(id="", kind="", reason=reason))
    if (state := scene.get("appState")) and isinstance(state, Mapping):
        background = state.get("viewBackgroundColor", "")
        if not isinstance(background, str) or background.lower() not in _WHITE:
            read.left_out.append(LeftOut(id="", kind="", reason="The page is white: the scene's background is lost."))
    return read


def living(scene: object) -> Iterator[Mapping[str, Any]]:
    """The elements that are to be seen, or whatever stands in their place. Raises Invalid where this is no scene."""
    for raw in elements_of(scene)[:ELEMENTS_READ_AT_MOST]:
        element = raw if isinstance(raw, Mapping) else {}
        if element.get("isDeleted") is not True and element.get("type") != "selection":
            yield element


def _looks(source: Source, asset_ids: Mapping[str, str]) -> list[Plain]:
    """What the board shows in an element's place. Raises Unusable."""
    match source.raw.get("type"):
        case "freedraw":
            looks = _freehand(source)
        case "line" | "arrow" | "draw":
            looks = _line(source)
        case "rectangle" | "ellipse" | "diamond":
            looks = _shape(source)
        case "text":
            looks = [_text(source)]
        case "image":
            looks = [_image(source, asset_ids)]
        case "frame" | "magicframe":
            raise Unusable("the board has no frames. What is in it is not cut off any more.")
        case _:
            raise Unusable("the board has nothing of this kind.")
    if source.raw.get("link"):
        source.notes.append("Its link is lost.")
    return looks


def _freehand(source: Source) -> list[Plain]:
    points = source.points()
    if len(points) == 2 and math.dist(*points) <= 2 * DOT:
        points = points[:1]
    pressures = source.raw.get("pressures")
    if source.raw.get("simulatePressure") is not True and isinstance(pressures, list) and len(pressures) >= len(points):
        for point, pressure in zip(points, pressures, strict=False):
            point.append(min(max(number_of(pressure, 0.5), 0), 1))
    colors = source.stroke_colors(closed=_is_closed(points))
    return source.filled(geometry.turned(points, source.angle()), source.line_width(FREEHAND_WIDTH), colors)


def _line(source: Source) -> list[Plain]:
    points = source.points(from_box=True)
    if len(points) < 2:
        raise Unusable("it has one point only.")
    colors, width = source.stroke_colors(closed=_is_closed(points)), source.line_width()
    color, fill = colors
    if source.raw.get("startBinding") or source.raw.get("endBinding"):
        source.notes.append("It is not bound to what it points at any more.")
    if len(points) > 2 and _is_round(source.raw) and source.raw.get("elbowed") is not True:
        source.require_room(len(points) * geometry.CURVE_STEPS)
        points = geometry.curve(points)
    points = geometry.turned(points, source.angle())
    require_on_board(*(number for point in points for number in point))
    head, points = _with_head_last(source, points)
    if not head and len(points) > 2:
        return source.filled(points, width, colors)
    if fill is not None:
        source.notes.append("Its fill is lost.")
    start = _last_piece(points)
    tail = source.strokes(points[: start + 1], width, color) if start else []
    return [*tail, source.look("arrow" if head else "line", color, points=[points[start], points[-1]], width=width)]


def _is_round(raw: Mapping[str, Any]) -> bool:
    """Files before the end of 2022 say it in another way."""
    return bool(raw.get("roundness") or raw.get("strokeSharpness") == "round")


def _is_closed(points: Sequence[Point]) -> bool:
    return len(points) > 2 and math.dist(points[0][:2], points[-1][:2]) <= OPEN_AT_MOST


def _with_head_last(source: Source, points: list[Point]) -> tuple[bool, list[Point]]:
    """Whether a line has an arrowhead, and its points in the order that puts the head at the end."""
    at_start = source.raw.get("startArrowhead")
    at_end = source.raw.get("endArrowhead", "arrow" if source.raw.get("type") == "arrow" else None)
    if at_start and at_end:
        source.notes.append("It has one head only.")
    return bool(at_start or at_end), points[::-1] if at_start and not at_end else points


def _last_piece(points: Sequence[Point]) -> int:
    """Where the last piece begins that is long enough for an arrowhead."""
    for start in range(len(points) - 2, 0, -1):
        if math.dist(points[start], points[-1]) >= ARROW_AT_LEAST:
            return start
    return 0


def _shape(source: Source) -> list[Plain]:
    kind, box, width = source.raw["type"], source.box(), source.line_width()
    quarters = source.angle() / (math.pi / 2)
    if kind == "diamond" or abs(quarters - round(quarters)) > STRAIGHT:
        source.notes.append("It is a stroke now.")
        outline = {"diamond": geometry.diamond, "ellipse": geometry.ellipse}.get(kind, geometry.rectangle)(box)
        return source.filled(geometry.turned(outline, source.angle()), width, source.stroke_colors(closed=True))
    x, y, across, down = box
    if round(quarters) % 2:
        x, y, across, down = x + (across - down) / 2, y + (down - across) / 2, down, across
        require_on_board(x, y)
    line, fill = source.line_color(), source.color("backgroundColor")
    if fill is not None and source.raw.get("fillStyle", "solid") != "solid":
        source.notes.append("Its fill is not hatched any more.")
    look = source.look("rect" if kind == "rectangle" else kind, line or fill, x=x, y=y, width=across, height=down)
    return [look | {"stroke_width": width if line else 0} | ({"fill": fill} if fill else {})]


def _text(source: Source) -> Plain:
    text = _words(source.raw.get("text"))
    x, y = (number_of(source.raw.get(key)) for key in "xy")
    require_on_board(x, y)
    for key, lost in (("angle", "It is upright now."), ("containerId", "It is not bound to its shape any more.")):
        if source.raw.get(key):
            source.notes.append(lost)
    if source.raw.get("textAlign", "left") != "left" and "\n" in text:
        source.notes.append("Its lines begin at the left now.")
    size = min(source.number("fontSize", _size_in(source.raw.get("font"))), EXTENT_AT_MOST)
    return source.look("text", source.color("strokeColor"), x=x, y=y, text=text, size=size)


def _size_in(font: object) -> float:
    """``36px Virgil``, as files of 2020 have it; the default where there is none."""
    found = _FONT_SIZE.search(font[:NAME_AT_MOST]) if isinstance(font, str) else None
    return (float(found[1]) if found else 0) or _DEFAULT_SIZE


def _words(given: object) -> str:
    """Raises Unusable."""
    if not isinstance(given, str):
        raise Unusable("it has no text.")
    # Every character takes its time: what is far too long is not looked at.
    text = readable(given) if len(given) <= TEXT_BYTES_AT_MOST else None
    if text is None or len(json.dumps(text, ensure_ascii=False).encode()) > TEXT_BYTES_AT_MOST:
        raise Unusable("it has too much text.")
    if not text or is_unseen(text):
        raise Unusable("it has no text.")
    return text


def _image(source: Source, asset_ids: Mapping[str, str]) -> Plain:
    file_id = source.raw.get("fileId")
    asset_id = asset_ids.get(file_id) if isinstance(file_id, str) else None
    if asset_id is None:
        raise Unusable("its picture was not taken.")
    x, y, width, height = source.box()
    if source.angle():
        source.notes.append("It is upright now.")
    if source.raw.get("crop"):
        source.notes.append("It is not cropped any more.")
    if source.raw.get("scale", [1, 1]) not in ([1, 1], None):
        source.notes.append("It is not mirrored any more.")
    return source.look(
        "image", source.color("strokeColor") or "#000000", x=x, y=y, width=width, height=height, asset_id=asset_id
    )
