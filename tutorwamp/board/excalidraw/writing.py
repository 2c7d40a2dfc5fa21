"""From a page of the board to a scene."""

from __future__ import annotations

import base64
import unicodedata
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tutorwamp.board.contracts import Plain
from tutorwamp.board.excalidraw.form import DEFAULT_WIDTH, DOT, FREEHAND_WIDTH, OURS, Picture
from tutorwamp.kernel.contracts import to_ms

SPECK: Final = 0.001
"""Pixels: Excalidraw drops what has neither width nor height."""
LINE_HEIGHT: Final = 1.2
"""From one line of text to the next, in font sizes, as the board draws it elsewhere (a test compares them)."""
SANS_SERIF: Final = 2
"""Excalidraw's number for Helvetica or the like: the one font that does not look drawn by hand in any version."""

_NARROW: Final = frozenset(" .,:;'|!()[]ijlftr")
_BROAD: Final = frozenset("mwMW@%")


def to_scene(elements: Sequence[Mapping[str, Any]], pictures: Mapping[str, Picture]) -> Plain:
    """Make a complete scene of a page's elements, lowest first, and the pictures they name (by asset id).

    Elements keep their ids, and pictures are filed under theirs. The same elements give the same scene.
    """
    shown = {element["asset_id"]: _ms(element["created_at"]) for element in elements if element["kind"] == "image"}
    return {
        "type": "excalidraw",
        "version": 2,
        "source": OURS,
        "elements": [_out(element) for element in elements],
        "appState": {"viewBackgroundColor": "#ffffff"},
        "files": {
            asset_id: _file(asset_id, pictures[asset_id], created)
            for asset_id, created in shown.items()
            if asset_id in pictures
        },
    }


def _file(asset_id: str, picture: Picture, created: int) -> Plain:
    media_type, content = picture
    return {
        "id": asset_id,
        "mimeType": media_type,
        "dataURL": f"data:{media_type};base64,{base64.b64encode(content).decode()}",
        "created": created,
    }


def _out(element: Mapping[str, Any]) -> Plain:
    """All an element of a scene must have, then what its kind adds."""
    return {
        "id": element["id"],
        "angle": 0,
        "strokeColor": element["color"],
        "backgroundColor": element.get("fill", "transparent"),
        "fillStyle": "solid",
        "strokeWidth": DEFAULT_WIDTH,
        "strokeStyle": "solid",
        "roughness": 0,
        "opacity": element.get("opacity", 1) * 100,
        "groupIds": [],
        "frameId": None,
        "index": None,
        "roundness": None,
        "seed": _number_for(element["id"]),
        "version": element["version"],
        "versionNonce": _number_for(f"{element['id']} {element['version']}"),
        "isDeleted": False,
        "boundElements": [],
        "updated": _ms(element["updated_at"]),
        "link": None,
        "locked": element.get("locked", False),
        **_OUT[element["kind"]](element),
    }


def _number_for(text: str) -> int:
    """Where Excalidraw takes a random number: 31 bits, always the same."""
    return zlib.crc32(text.encode()) & 0x7FFF_FFFF


def _ms(instant: str) -> int:
    return to_ms(datetime.fromisoformat(instant))


def _path_out(points: Sequence[Sequence[float]]) -> Plain:
    """Points are told from the first one."""
    (left, top), xs, ys = points[0][:2], [point[0] for point in points], [point[1] for point in points]
    return {
        "x": left,
        "y": top,
        "width": max(xs) - min(xs),
        "height": max(ys) - min(ys),
        "points": [[x - left, y - top] for x, y in zip(xs, ys, strict=True)],
        "lastCommittedPoint": None,
    }


def _stroke_out(element: Mapping[str, Any]) -> Plain:
    points = element["points"]
    pressures = [point[2] if len(point) > 2 else 0.5 for point in points]
    path = _path_out(points)
    if len(points) == 1:
        path["points"] = [[0, 0], [DOT, DOT]]
        pressures *= 2
    return {
        "type": "freedraw",
        **path,
        "strokeWidth": element["width"] / FREEHAND_WIDTH,
        "pressures": pressures if any(len(point) > 2 for point in points) else [],
        "simulatePressure": False,
    }


def _line_out(element: Mapping[str, Any]) -> Plain:
    head = {"endArrowhead": "arrow", "elbowed": False} if element["kind"] == "arrow" else {"endArrowhead": None}
    return {
        "type": element["kind"],
        **_path_out(element["points"]),
        "strokeWidth": element["width"],
        "startBinding": None,
        "endBinding": None,
        "startArrowhead": None,
        **head,
    }


def _box_out(element: Mapping[str, Any]) -> Plain:
    width, height = element["width"], element["height"]
    if width == height == 0:
        width = height = SPECK
    return {"x": element["x"], "y": element["y"], "width": width, "height": height}


def _shape_out(element: Mapping[str, Any]) -> Plain:
    look: Plain = {"type": "rectangle" if element["kind"] == "rect" else "ellipse", **_box_out(element)}
    width = element.get("stroke_width", DEFAULT_WIDTH)
    # Excalidraw reads a width of 0 as none given.
    return {**look, "strokeWidth": width} if width else {**look, "strokeColor": "transparent"}


def _text_out(element: Mapping[str, Any]) -> Plain:
    size, text = element["size"], element["text"]
    lines = text.split("\n")
    return {
        "type": "text",
        "x": element["x"],
        "y": element["y"],
        "width": size * max(sum(map(_advance, line)) for line in lines),
        "height": size * LINE_HEIGHT * len(lines),
        "text": text,
        "originalText": text,
        "fontSize": size,
        "fontFamily": SANS_SERIF,
        "textAlign": "left",
        "verticalAlign": "top",
        "containerId": None,
        "autoResize": True,
        "lineHeight": LINE_HEIGHT,
    }


def _advance(character: str) -> float:
    """About the width of a character, as a part of the font's size. Excalidraw cuts off what is beyond the sum."""
    if unicodedata.combining(character):
        return 0
    if unicodedata.east_asian_width(character) in "WF" or character in _BROAD:
        return 1
    if character in _NARROW:
        return 0.35
    return 0.8 if character.isupper() else 0.6


def _image_out(element: Mapping[str, Any]) -> Plain:
    kept = {"fileId": element["asset_id"], "status": "saved", "scale": [1, 1], "crop": None}
    return {"type": "image", **_box_out(element), **kept}


_OUT: Final[Mapping[str, Callable[[Mapping[str, Any]], Plain]]] = {
    "stroke": _stroke_out,
    "line": _line_out,
    "arrow": _line_out,
    "rect": _shape_out,
    "ellipse": _shape_out,
    "text": _text_out,
    "image": _image_out,
}
