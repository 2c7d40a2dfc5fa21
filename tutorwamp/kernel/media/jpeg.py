"""A JPEG without notes, segment by segment (ITU-T T.81, annex B): its pixels stay as they are."""

from __future__ import annotations

import os
import re
from typing import BinaryIO, Final

from tutorwamp.kernel.media.exif import UPRIGHT, BrokenPictureError, note_of, orientation_in

_START, _END, _SCAN, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_APPLICATIONS: Final = range(0xE0, 0xF0)
_SEGMENTS_AT_MOST: Final = 20_000
"""Encoders write some dozens, a colour profile some hundred."""
_PIECE: Final = 64 * 1024
_BEHIND_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker that ends a scan; FF 00 is FF as data, and D0 to D7 begin the scan's next part."""
_JFIF_BYTES: Final = 14
"""What tells of the resolution; behind it stands a small picture, of what was there before it was cut, perhaps."""


def without_notes(source: BinaryIO, sink: BinaryIO) -> None:
    """Copy a JPEG without Exif, XMP, IPTC, comments, previews and whatever stands behind its end.

    Colour profile and orientation stay. Raises BrokenPictureError.
    """
    if source.read(2) != b"\xff\xd8":
        raise BrokenPictureError("no JPEG")
    orientation = _orientation(source)
    source.seek(2)
    sink.write(b"\xff\xd8")
    noted, seen = orientation == UPRIGHT, False
    for _ in range(_SEGMENTS_AT_MOST):
        marker = _marker(source)
        if not noted and marker != _APP0:
            note = b"Exif\0\0" + note_of(orientation)
            sink.write(b"\xff\xe1" + (len(note) + 2).to_bytes(2) + note)
            noted = True
        if marker in (_END, None):
            if not seen:
                break
            sink.write(b"\xff\xd9")
            return
        if marker == 0x01 or 0xD0 <= marker <= _START:
            continue  # stands alone, and says nothing here
        kept = _kept(marker, _segment(source))
        if kept is not None:
            sink.write(bytes((0xFF, marker)) + (len(kept) + 2).to_bytes(2) + kept)
        if marker == _SCAN:
            _copy_scan(source, sink)
            seen = True
    raise BrokenPictureError("no pixels, or more segments than any encoder writes")


def _orientation(source: BinaryIO) -> int:
    """What the first Exif segment says."""
    for _ in range(_SEGMENTS_AT_MOST):
        marker = _marker(source)
        if marker in (None, _SCAN, _END):
            break
        if marker == 0x01 or 0xD0 <= marker <= _START:
            continue
        content = _segment(source)
        if marker == _APP1 and content.startswith(b"Exif\0"):
            return orientation_in(content)
    return UPRIGHT


def _kept(marker: int, content: bytes) -> bytes | None:
    if marker == _APP0 and content.startswith(b"JFIF\0") and len(content) >= _JFIF_BYTES:
        return content[: _JFIF_BYTES - 2] + b"\0\0"
    if marker == _APP2 and content.startswith(b"ICC_PROFILE\0"):
        return content
    if marker == _APP14 and content.startswith(b"Adobe"):
        return content[:12]
    return None if marker in _APPLICATIONS or marker == _COMMENT else content


def _marker(source: BinaryIO) -> int | None:
    """The next one; null where there is nothing more."""
    byte = source.read(1)
    if not byte:
        return None
    if byte != b"\xff":
        raise BrokenPictureError("no marker where one must be")
    byte = source.read(1)
    while byte == b"\xff":  # any number of them may stand before it, and not each is worth a call
        piece = source.read(_PIECE)
        rest = piece.lstrip(b"\xff")
        byte = rest[:1] or piece[-1:]
        source.seek(min(0, 1 - len(rest)), os.SEEK_CUR)
    return byte[0] if byte else None


def _segment(source: BinaryIO) -> bytes:
    length = int.from_bytes(source.read(2)) - 2
    content = source.read(length) if length >= 0 else b""
    if length < 0 or len(content) < length:
        raise BrokenPictureError("cut off within a segment")
    return content


def _copy_scan(source: BinaryIO, sink: BinaryIO) -> None:
    """Up to the marker behind it, which is the next to be read; a scan that is cut off ends there."""
    while piece := source.read(_PIECE):
        found = _BEHIND_SCAN.search(piece)
        if found is not None:
            sink.write(piece[: found.start()])
            source.seek(found.start() - len(piece), 1)
            return
        half = piece.endswith(b"\xff") and len(piece) > 1
        sink.write(piece[:-1] if half else piece)
        if half:
            source.seek(-1, 1)  # what it is, its next byte says
