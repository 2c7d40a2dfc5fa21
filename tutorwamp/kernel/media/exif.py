"""Of all that a camera notes, which way up its picture is (Exif 2.3, TIFF 6.0)."""

from __future__ import annotations

import struct
from typing import Final

_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
_ENTRIES_AT_MOST: Final = 512
UPRIGHT: Final = 1
_OTHERS: Final = range(2, 9)
READ_AT_MOST: Final = 128 * 1024
"""Of a note: its first directory stands at its beginning."""


class BrokenPictureError(ValueError):
    """Its parts do not fit together: nobody can say what is in it."""


def orientation_in(note: bytes) -> int:
    """The orientation a note tells of, UPRIGHT where it tells of none."""
    note = note.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(note[:4])
    if order is None:
        return UPRIGHT
    try:
        (place,) = struct.unpack_from(f"{order}I", note, 4)
        (count,) = struct.unpack_from(f"{order}H", note, place)
        for number in range(min(count, _ENTRIES_AT_MOST)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", note, place + 2 + 12 * number)
            if tag == _ORIENTATION:
                return int(value) if kind == _SHORT and value in _OTHERS else UPRIGHT
    except struct.error:
        pass  # cut off before it says so
    return UPRIGHT


def note_of(orientation: int) -> bytes:
    """A note that tells of an orientation and nothing else, as TIFF."""
    entry = struct.pack(">HHIHH", _ORIENTATION, _SHORT, 1, orientation, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
