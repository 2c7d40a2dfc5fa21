"""Pictures decoded: what they are, by their content, and made as large as they are shown.

Decoding takes time and memory that small files can ask for: it is done in the renderer's process only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Final

# GIF, JPEG and PNG are always there; WebP would otherwise be found by importing every format that Pillow has.
from PIL import Image, ImageOps, JpegImagePlugin, UnidentifiedImageError, WebPImagePlugin  # noqa: F401  # importing it registers the format
from PIL.ExifTags import Base as ExifTag

from tutorwamp.kernel.errors import Invalid, TooLarge, TutorwampError, UnsupportedMediaType
from tutorwamp.kernel.media.notes import BrokenPictureError, cleaned

# What a picture is

SIDE_AT_MOST: Final = 8_192
"""Pixels; what the graphics of every telephone and browser can take as one texture."""
PIXELS_AT_MOST: Final = 25_000_000
"""A telephone's 24 megapixels. Reading one takes up to 16 bytes a pixel (WebP: 400 MB), PNG 4, JPEG 3."""
SCANS_AT_MOST: Final = 100
"""Passes a progressive JPEG makes over its pixels; encoders make about ten. 190 kB with a thousand take 15 s to read,
here and in everybody's browser."""

_MEDIA_TYPES: Final = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a telephone's JPEG with a second one behind it
    "GIF": "image/gif",
    "WEBP": "image/webp",
}
"""What every browser shows, by Pillow's names. No SVG: it is a program."""
_READ: Final = ("PNG", "JPEG", "GIF", "WEBP")
_ON_ITS_SIDE: Final = range(5, 9)
"""EXIF orientations by which width and height change places."""


@dataclass(frozen=True)
class Picture:
    """What a picture's content says of itself. ``width`` and ``height`` are pixels, as a browser shows it."""

    media_type: str
    width: int
    height: int


def recognise(content: bytes) -> Picture:
    """Read a picture, an animated one up to its first frame; whatever can be read here can be shown and exported.

    Raises UnsupportedMediaType, TooLarge or Invalid. Blocks for up to two seconds and takes PIXELS_AT_MOST's memory:
    run few at a time.
    """
    try:
        with Image.open(BytesIO(content), formats=_READ) as image:
            return _read(image, content)
    except TutorwampError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except UnidentifiedImageError:
        raise UnsupportedMediaType("A picture is a PNG, JPEG, GIF or WebP.") from None
    except Exception:  # noqa: BLE001  # decoders raise anything where the content is broken
        raise _invalid("The picture cannot be read: it is broken or cut off.") from None


def _read(image: Image.Image, content: bytes) -> Picture:
    media_type, (width, height) = _MEDIA_TYPES[str(image.format)], image.size
    if max(width, height) > SIDE_AT_MOST or width * height > PIXELS_AT_MOST:
        raise _too_large()
    if media_type == "image/jpeg":
        if _count_scans(content) > SCANS_AT_MOST:
            raise _invalid("The picture makes more passes than any encoder does.")
        if image.getexif().get(ExifTag.Orientation) in _ON_ITS_SIDE:
            width, height = height, width
        image.draft("L", (1, 1))  # read all of it, but work out only an eighth of each side
    image.load()
    return Picture(media_type, width, height)


_MARKER: Final = re.compile(rb"\xff+([\x02-\xcf\xd8-\xfe])")
"""Of a JPEG's segment. Not one: FF 00, which is FF as data, and the marks without content, 01 and D0 to D7."""
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = b"\xd8", b"\xd9", b"\xda"


def _count_scans(jpeg: bytes) -> int:
    """How many passes over its pixels a JPEG makes (ITU-T T.81, annex B)."""
    scans, place = 0, 0
    while (marker := _MARKER.search(jpeg, place)) and marker[1] != _END_OF_IMAGE:
        scans += marker[1] == _START_OF_SCAN
        place = marker.end()
        if marker[1] != _START_OF_IMAGE:
            place += int.from_bytes(jpeg[place : place + 2])
    return scans


def without_notes(content: bytes, media_type: str) -> bytes:
    """What was recognised, without what it tells of places and people. Raises Invalid."""
    try:
        return cleaned(content, media_type)
    except BrokenPictureError:
        raise _invalid("The picture cannot be read: it is broken or cut off.") from None


def _too_large() -> TooLarge:
    limits = {"side_at_most": SIDE_AT_MOST, "pixels_at_most": PIXELS_AT_MOST}
    return TooLarge("The picture has too many pixels.", details=limits)


def _invalid(message: str) -> Invalid:
    return Invalid(message, details=[{"loc": ["content"], "msg": "must be a whole picture"}])


# As large as it is shown

Size = tuple[int, int]
"""Width and height in pixels."""
File = tuple[str, bytes]
"""Media type and content."""
PHOTO_QUALITY: Final = 90
"""Of a JPEG that is made anew, of 100: nobody sees a difference."""


def fitted(content: bytes, sizes: Collection[Size], *, enlarge: bool) -> Mapping[Size, File]:
    """A picture in each of these sizes, upright and in colours of screens. Decoded once; nothing where it is broken.

    Where it is smaller it stays so, or is enlarged.
    """
    across, down = max(width for width, _ in sizes), max(height for _, height in sizes)
    with suppress(Exception), Image.open(BytesIO(content), formats=_READ) as image:  # decoders raise anything
        kind = "JPEG" if image.format in ("JPEG", "MPO") else "PNG"
        side = max(across, down)  # whether it lies on its side or not
        image.draft("RGB", (side, side))
        upright = ImageOps.exif_transpose(image).convert("RGBA" if image.has_transparency_data else "RGB")
        room = (min(upright.width, across), min(upright.height, down))
        source = _resized(upright, room)
        return {
            (width, height): _file(
                _resized(source, (width, height) if enlarge else (min(width, room[0]), min(height, room[1]))), kind
            )
            for width, height in sizes
        }
    return {}


def _resized(image: Image.Image, size: Size) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _file(image: Image.Image, kind: str) -> File:
    file = BytesIO()
    if kind == "JPEG":
        image.save(file, kind, quality=PHOTO_QUALITY)
    else:
        image.save(file, kind, compress_level=1)  # it is read once and thrown away
    return f"image/{kind.lower()}", file.getvalue()


PIXELS_SHOWN_AT_MOST: Final = 16_000_000
"""Of all pictures on all pages of one file: twice a page full of them. Each pixel is decoded wherever it is shown."""


def coarseness(shown: Iterable[Size]) -> float:
    """What the sides of all pictures are multiplied by, at most 1, so that all together have few enough pixels."""
    pixels = sum(width * height for width, height in shown)
    return min(1.0, math.sqrt(PIXELS_SHOWN_AT_MOST / pixels)) if pixels else 1.0
