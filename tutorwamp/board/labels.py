"""What programs call pictures. What a picture is, its content says (``imaging``); a label only says that it is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

UNKNOWN: Final = "application/octet-stream"

LABELS: Final[Mapping[str, str]] = {
    **{f"image/{form}": f"image/{form}" for form in ("png", "jpeg", "gif", "webp")},
    **dict.fromkeys(("image/jpg", "image/jfif", "image/pjpeg", "image/pjp", "image/jpe"), "image/jpeg"),
    **dict.fromkeys(("image/x-png", "image/apng"), "image/png"),
    **dict.fromkeys((UNKNOWN, "binary/octet-stream"), UNKNOWN),
}
"""The media type by its label in small letters."""
