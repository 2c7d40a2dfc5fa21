"""One page of the board as an SVG file (B28). Pure: nothing is read or fetched.

What people wrote gets into the file through ``_tag`` and ``_written`` alone, so it can neither end a text or an
attribute nor name anything outside the file.
A pen's pressure is not drawn: a stroke is as wide as its ``width`` all along.
"""

from __future__ import annotations

import cmath
import math
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from io import BytesIO
from itertools import pairwise
from typing import Any, Final

from PIL import Image, ImageOps
from PIL.ExifTags import Base as ExifTag

MARGIN: Final = 20
"""Pixels around what is drawn: nothing touches the edge of the paper."""
EMPTY: Final = (1280.0, 720.0)
"""Pixels, width and height of a page with nothing on it: a small screen."""
SIDE_AT_MOST: Final = 4000
"""Pixels of the file's longer side; a board may be 500 times as wide, and who shows the file needs memory for it."""
AREA_AT_MOST: Final = 8_000_000
"""Pixels of the whole file: 32 MB of memory as a picture, and fine enough to be printed on A3."""

PICTURE_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What can be inside the file. Not SVG: it could name other files."""
PHOTO_QUALITY: Final = 90
"""Of a JPEG that is made anew, of 100: nobody sees a difference, and it is no larger than a telephone's."""

BORDER: Final = 2.0
"""Pixels: the width of a shape's border where none is given, and of a missing picture's frame."""
HEAD: Final = 4
"""Length of an arrow's head, in widths of the arrow."""
HEAD_AT_LEAST: Final = 12
"""Pixels: the head of a thin arrow is seen as one."""
HEAD_ANGLE: Final = math.pi / 6
"""Between the arrow and each side of its head, in radians."""

FONTS: Final = "Libertinus Serif, sans-serif"
"""The first is inside the library that prints; others who show the file take what they have."""
LINE_HEIGHT: Final = 1.2
"""From one line of text to the next, in font sizes: what browsers take."""
BASELINE: Final = 0.95
"""Below the top of a line, in font sizes: letters then stand in its middle."""
NARROW: Final = frozenset(
    "abcdefghijklnopqrstuvxyz0123456789 .,:;!?'\"()[]{}|_*-/$абвгдезийклнопрстухцчьэяёіїαβγδεζηθικλμνξοπρςστυφχάέήίόύ"
)
"""Characters up to ``NARROW_WIDTH`` wide in common fonts; nearly all others fit into a square."""
NARROW_WIDTH: Final = 0.65
"""In font sizes."""
BROAD: Final = re.compile(r"[\u0600-\u1fff\u2030-\u2dff\ua000-\uabff\ufb00-\ufdff\ufe70-\ufeff\U00010000-\U0001ffff]")
"""Emoji, and scripts with broad letters; ideographs are as wide as they are high."""
BROAD_WIDTH: Final = 1.3
"""In font sizes."""

Element = Mapping[str, Any]
"""As on the wire, its form checked."""
Pictures = Mapping[str, tuple[str, bytes]]
"""Media type and content by asset id."""
Use = tuple[str, float, float]
"""A picture by its asset id, and the width and height it is shown in, in pixels of the board."""
ANY_SIZE: Final = (0.0, 0.0)
"""Of a picture that is inside the file as it is."""
Points = Sequence[Sequence[float]]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
Drawn = tuple[str, Box]
"""Markup, and the place it takes."""

_NOT_IN_XML: Final = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Sheet:
    """A page that is drawn, but for what is in its pictures."""

    elements: Sequence[str]
    """Markup, lowest first."""
    frame: Box
    """Left, top, width and height on the board."""
    scale: float
    """Pixels of the file for one of the board."""
    ids: Mapping[Use, str]
    """Of the pictures inside the file."""
    shown: Sequence[tuple[Use, tuple[int, int]]]
    """Each picture wherever it is shown, with its width and height in pixels of the file, at least 1."""

    def file(self, pictures: Mapping[Use, tuple[str, bytes]], *, fitted: bool = False) -> str:
        """The whole of it. ``fitted``: the pictures have the very pixels that are shown."""
        left, top, width, height = self.frame
        inside = (_picture(self.ids[use], *pictures[use], fitted=fitted) for use in self.ids if use in pictures)
        return _tag(
            "svg",
            _tag("defs", "".join(inside)),
            _tag("rect", x=left, y=top, width=width, height=height, fill="#ffffff"),
            *self.elements,
            xmlns="http://www.w3.org/2000/svg",
            width=max(1, math.floor(width * self.scale)),
            height=max(1, math.floor(height * self.scale)),
            viewBox=" ".join(map(_written, (left, top, width, height))),
        )


def svg(elements: Sequence[Element], pictures: Pictures) -> str:
    """Draw the elements of one page, lowest first. A picture that is missing becomes a crossed-out frame.

    The file shows all that is drawn, in a size of at most ``SIDE_AT_MOST`` and ``AREA_AT_MOST`` pixels.
    """
    sheet = draw(elements, pictures)
    return sheet.file({use: (pictures[use[0]][0], _as_seen(pictures[use[0]][1])) for use in sheet.ids})


def draw(
    elements: Sequence[Element],
    pictures: Pictures,
    *,
    sized: bool = False,
    coarser: Callable[[Sequence[Element], float], float] = lambda _, scale: scale,
) -> Sheet:
    """As ``svg`` does, without what is in the pictures. ``sized``: one picture in two sizes is two.

    ``coarser`` may choose a smaller scale.
    """
    ids = _picture_ids(elements, pictures, sized=sized)
    drawn = [_draw(element, ids) for element in elements]
    left, top, width, height = _frame([box for _, box in drawn])
    scale = min(1.0, SIDE_AT_MOST / max(width, height), math.sqrt(AREA_AT_MOST / (width * height)))
    scale = coarser(elements, scale)
    uses = [use for use in map(_use, _images(elements)) if use in ids]
    shown = [(use, (_whole(use[1] * scale), _whole(use[2] * scale))) for use in uses]
    return Sheet([markup for markup, _ in drawn], (left, top, width, height), scale, ids, shown)


def _images(elements: Sequence[Element]) -> Iterator[Element]:
    return (element for element in elements if element["kind"] == "image")


def _whole(pixels: float) -> int:
    return max(1, math.ceil(pixels))


def _frame(boxes: Sequence[Box]) -> Box:
    """Left, top, width and height of what holds them all."""
    if not boxes:
        return (0, 0, *EMPTY)
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    left, top = min(lefts) - MARGIN, min(tops) - MARGIN
    return left, top, max(rights) + MARGIN - left, max(bottoms) + MARGIN - top


def _draw(element: Element, ids: Mapping[Use, str]) -> Drawn:
    match element["kind"]:
        case "stroke" | "line":
            return _line(element, element["points"])
        case "arrow":
            return _line(element, element["points"], _head(element))
        case "rect" | "ellipse":
            return _shape(element)
        case "text":
            return _text(element)
        case _:
            return _image(element, ids.get(_use(element)) or ids.get((element["asset_id"], *ANY_SIZE)))


def _line(element: Element, points: Points, head: Points = ()) -> Drawn:
    """A curve through the points, and an arrow's head in the same path: where they overlap is no darker."""
    width = element["width"]
    box = _around([*points, *head], width / 2)
    path = _curve(points)
    if path is None:
        x, y = points[0][:2]
        return _tag("circle", cx=x, cy=y, r=width / 2, fill=element["color"], **_opacity(element, "fill")), box
    d = path + ("M{} {}L{} {}L{} {}".format(*_numbers(head[0], points[-1], head[1])) if head else "")
    paints = ("stroke", "fill") if element.get("fill") else ("stroke",)
    return _tag("path", d=d, **_pen(element, width), **_opacity(element, *paints)), box


def _curve(points: Points) -> str | None:
    """Quadratic curves from middle to middle of neighbouring points, or None where all are in one place.

    Relative and in hundredths of a pixel: a full board stays below what can be sent at once.
    """
    hundredths = [(round(point[0] * 100), round(point[1] * 100)) for point in points]
    if len(set(hundredths)) == 1:
        return None
    (x, y), *later = hundredths
    parts = [f"M{x / 100:.12g} {y / 100:.12g}"]
    for (over_x, over_y), (next_x, next_y) in pairwise(later):
        end_x, end_y = (over_x + next_x) // 2, (over_y + next_y) // 2
        over = f"{(over_x - x) / 100:.12g} {(over_y - y) / 100:.12g}"
        parts.append(f"q{over} {(end_x - x) / 100:.12g} {(end_y - y) / 100:.12g}")
        x, y = end_x, end_y
    last_x, last_y = hundredths[-1]
    parts.append(f"l{(last_x - x) / 100:.12g} {(last_y - y) / 100:.12g}")
    return "".join(parts).replace(" -", "-")


def _head(arrow: Element) -> Points:
    """Where the two sides of the head end; none for an arrow without a direction."""
    tail, tip = (complex(*point[:2]) for point in arrow["points"])
    length = abs(tail - tip)
    if not length:
        return ()
    back = (tail - tip) / length * min(length, max(HEAD_AT_LEAST, HEAD * arrow["width"]))
    sides = [tip + back * cmath.rect(1, angle) for angle in (-HEAD_ANGLE, HEAD_ANGLE)]
    return [(side.real, side.imag) for side in sides]


def _shape(element: Element) -> Drawn:
    x, y, width, height = (element[key] for key in ("x", "y", "width", "height"))
    border = element.get("stroke_width", BORDER)
    paint = {
        "fill": element.get("fill", "none"),
        "stroke": element["color"],
        "stroke_width": border,
        **_opacity(element, "fill", "stroke"),
    }
    box = _around([(x, y), (x + width, y + height)], border / 2)
    if element["kind"] == "rect":
        return _tag("rect", x=x, y=y, width=width, height=height, **paint), box
    return _tag("ellipse", cx=x + width / 2, cy=y + height / 2, rx=width / 2, ry=height / 2, **paint), box


def _text(element: Element) -> Drawn:
    """Lines below each other. How wide they are nobody knows without a font: the box is rather too large."""
    x, y, size = (element[key] for key in ("x", "y", "size"))
    lines = element["text"].split("\n")
    spans = [
        _tag("tspan", _written(line), x=x, y=y + (number * LINE_HEIGHT + BASELINE) * size)
        for number, line in enumerate(lines)
        if line
    ]
    width = max(map(_width, lines))
    box = (x, y, x + width * size, y + len(lines) * LINE_HEIGHT * size)
    look = {"fill": element["color"], "font_family": FONTS, "font_size": size, **_opacity(element, "fill")}
    return _tag("text", *spans, **look, **{"xml:space": "preserve"}), box


def _width(line: str) -> float:
    """In font sizes."""
    narrow, broad = sum(map(NARROW.__contains__, line)), len(BROAD.findall(line))
    return len(line) - narrow * (1 - NARROW_WIDTH) + broad * (BROAD_WIDTH - 1)


def _image(element: Element, picture_id: str | None) -> Drawn:
    x, y, width, height = (element[key] for key in ("x", "y", "width", "height"))
    box = _around([(x, y), (x + width, y + height)], BORDER / 2)
    if picture_id is not None:
        place = "translate({} {}) scale({} {})".format(*_numbers((x, y), (width, height)))
        opacity = {"opacity": element["opacity"]} if "opacity" in element else {}
        return _tag("use", href=f"#{picture_id}", transform=place, **opacity), box
    corners = _numbers((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    frame = "M{0} {1}L{2} {3}L{4} {5}L{6} {7}zL{4} {5}M{2} {3}L{6} {7}".format(*corners)
    return _tag("path", d=frame, **_pen(element, BORDER), **_opacity(element, "stroke")), box


def _use(image: Element) -> Use:
    return image["asset_id"], image["width"], image["height"]


def _picture_ids(elements: Sequence[Element], pictures: Pictures, *, sized: bool) -> dict[Use, str]:
    """Ids inside the file for the pictures that are on the page and can be shown."""
    wanted = dict.fromkeys(use if sized else (use[0], *ANY_SIZE) for use in map(_use, _images(elements)))
    found = [use for use in wanted if pictures.get(use[0], ("",))[0] in PICTURE_TYPES]
    return {use: f"picture-{number}" for number, use in enumerate(found)}


def _picture(picture_id: str, media_type: str, content: bytes, *, fitted: bool) -> str:
    """Once in the file however often it is on the page, one pixel large: whoever uses it says the size."""
    data = f"data:{media_type};base64,{b64encode(content).decode()}"
    look = {"image_rendering": "optimizeSpeed"} if fitted else {}
    return _tag("image", id=picture_id, width=1, height=1, preserveAspectRatio="none", **look, href=data)


def _as_seen(content: bytes) -> bytes:
    """A JPEG upright and in colours of screens, anything else as it is.

    Few programs but browsers turn a photo as its camera noted, or know the colours of print.
    """
    with suppress(Exception), Image.open(BytesIO(content), formats=["JPEG"]) as photo:  # decoders raise anything
        if photo.mode != "CMYK" and photo.getexif().get(ExifTag.Orientation, 1) == 1:
            return content
        file = BytesIO()
        ImageOps.exif_transpose(photo).convert("RGB").save(file, "JPEG", quality=PHOTO_QUALITY)
        return file.getvalue()
    return content


def _around(points: Points, reach: float) -> Box:
    across, down = [point[0] for point in points], [point[1] for point in points]
    return min(across) - reach, min(down) - reach, max(across) + reach, max(down) + reach


def _pen(element: Element, width: float) -> dict[str, str | float]:
    return {
        "fill": element.get("fill") or "none",
        "stroke": element["color"],
        "stroke_width": width,
        "stroke_linecap": "round",
        "stroke_linejoin": "round",
    }


def _opacity(element: Element, *paints: str) -> dict[str, float]:
    """Of each paint, not of the whole: that would need a second canvas each time, which takes ten times as long."""
    return {f"{paint}_opacity": element["opacity"] for paint in paints if "opacity" in element}


def _tag(name: str, /, *inside: str, **attributes: str | float) -> str:
    """An element of XML. ``inside`` is markup; an attribute's underscore is written as a hyphen."""
    start = name + "".join(f' {key.replace("_", "-")}="{_written(value)}"' for key, value in attributes.items())
    return f"<{start}>{''.join(inside)}</{name}>" if inside else f"<{start}/>"


def _written(value: str | float) -> str:
    """For an attribute or a text: characters XML does not have are replaced, numbers have two decimals at most."""
    if isinstance(value, str):
        return escape(_NOT_IN_XML.sub("\ufffd", value))
    return f"{round(value, 2):.12g}"


def _numbers(*points: Sequence[float]) -> Iterator[str]:
    return (_written(number) for point in points for number in point[:2])
