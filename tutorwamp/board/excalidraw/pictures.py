"""The pictures inside a scene."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from tutorwamp.board.contracts import LeftOut
from tutorwamp.board.excalidraw.form import Picture
from tutorwamp.board.excalidraw.reading import living
from tutorwamp.board.excalidraw.source import Unusable, name_of
from tutorwamp.board.labels import LABELS, UNKNOWN

PICTURES_READ_AT_MOST: Final = 200
"""Of a scene."""
LABEL_AT_MOST: Final = 200
"""Characters of a data URL before its content."""

_LABEL: Final = re.compile(r"data:([^;,]*)(?:;[^;,]*)*;\s*base64\s*", re.IGNORECASE)


def pictures_in(scene: Mapping[str, Any]) -> tuple[dict[str, Picture], list[LeftOut]]:
    """The pictures the scene's elements show, by the scene's file ids (readable, short), and which are left out.

    What is in them is not looked at: a media type is what the scene says. Raises Invalid where this is no scene.
    """
    shown = [raw.get("fileId") for raw in living(scene) if raw.get("type") == "image"]
    pictures: dict[str, Picture] = {}
    left_out: list[LeftOut] = []
    for file_id in dict.fromkeys(name for name in shown if isinstance(name, str)):
        try:
            pictures[file_id] = _picture(scene.get("files"), file_id, room=PICTURES_READ_AT_MOST - len(pictures))
        except Unusable as error:
            left_out.append(LeftOut(id=name_of(file_id), kind="file", reason=f"Left out: {error}"))
    return pictures, left_out


def _picture(files: object, file_id: str, *, room: int) -> Picture:
    if not room:
        raise Unusable("the scene has too many pictures.")
    if name_of(file_id) != file_id:
        raise Unusable("the picture's id is too long, or cannot be read.")
    file = files.get(file_id) if isinstance(files, Mapping) else None
    url = file.get("dataURL") if isinstance(file, Mapping) else None
    if not isinstance(url, str):
        raise Unusable("the picture is not in the scene.")
    label, _, content = url.partition(",")
    said = _LABEL.fullmatch(label.strip()) if len(label) <= LABEL_AT_MOST else None
    media_type = LABELS.get(said[1].strip().lower() or UNKNOWN) if said else None
    if media_type is None:
        raise Unusable("a picture is PNG, JPEG, GIF or WebP, as a data URL in base64.")
    try:
        return media_type, base64.b64decode("".join(content.split()), validate=True)
    except ValueError:
        raise Unusable("the picture's base64 is broken.") from None
