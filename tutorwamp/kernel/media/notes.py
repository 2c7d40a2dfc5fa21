"""Pictures without what they tell of the place, the time and the camera: Exif, XMP, IPTC, comments and previews.

Nothing is decoded: a picture is taken apart as its format says, and what is needed to show it is copied, its pixels bit
by bit. Orientation and colour profile stay. It costs time by the size of the file alone, and no memory to speak of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import BinaryIO, Final

from tutorwamp.kernel.media.boxes import boxes_without_notes
from tutorwamp.kernel.media.chunks import gif_without_notes, png_without_notes, webp_without_notes
from tutorwamp.kernel.media.exif import BrokenPictureError
from tutorwamp.kernel.media.jpeg import without_notes as jpeg_without_notes

__all__ = ["CLEANED", "BrokenPictureError", "clean", "cleaned"]

CLEANED: Final[Mapping[str, Callable[[BinaryIO, BinaryIO], None]]] = {
    "image/jpeg": jpeg_without_notes,
    "image/png": png_without_notes,
    "image/webp": webp_without_notes,
    "image/gif": gif_without_notes,
    "image/heic": boxes_without_notes,
    "image/avif": boxes_without_notes,
}
"""By media type. TIFF is not among them, nor are films: they are kept as they came."""


def clean(source: BinaryIO, sink: BinaryIO, media_type: str) -> None:
    """Copy a picture of one of these types without its notes. Raises BrokenPictureError."""
    source.seek(0)
    CLEANED[media_type](source, sink)


def cleaned(content: bytes, media_type: str) -> bytes:
    """The same in memory."""
    sink = BytesIO()
    clean(BytesIO(content), sink, media_type)
    return sink.getvalue()
