"""HEIC and AVIF without notes (ISO 14496-12, 23008-12): zeros where they stood, so that all else stays put."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from tutorwamp.kernel.media.exif import BrokenPictureError

_BOXES_AT_MOST: Final = 2_000
_META_BYTES_AT_MOST: Final = 4 * 1024 * 1024
"""The list of what is in a picture; a telephone's, with hundreds of tiles, has some ten KiB."""
_ITEMS_AT_MOST: Final = 20_000
_EXTENTS_AT_MOST: Final = 100_000
"""Of all items together: an item is one part, mostly, and one that says nothing takes no byte of the list."""
_PIECE: Final = 64 * 1024
_BLANK: Final = bytes(4) + b"MM\0*\0\0\0\x08" + bytes(6)
"""An Exif item that says nothing (23008-12, annex A); some readers refuse a picture with zeros there."""
_NOTES: Final = (b"Exif", b"mime", b"uri ")
"""Kinds of items that are no pictures: Exif, XMP and what else programs add."""


@dataclass(frozen=True)
class _Extent:
    """A part of an item: ``in_meta``: counted from the beginning of the list's own data."""

    in_meta: bool
    begin: int
    length: int
    is_exif: bool
    """Whether an Exif item begins here."""


def boxes_without_notes(source: BinaryIO, sink: BinaryIO) -> None:
    """Copy a picture made of boxes, its notes emptied; orientation is none of them. Raises BrokenPictureError."""
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    shutil.copyfileobj(source, sink, _PIECE)
    meta = None
    for kind, begin, end in _top(source, size):
        if kind in (b"uuid", b"free", b"skip"):
            _empty(sink, begin, end - begin)
        elif kind in (b"moov", b"moof"):
            raise BrokenPictureError("a film")  # whose notes stand elsewhere
        elif kind == b"meta":
            if meta is not None or end - begin > _META_BYTES_AT_MOST:
                raise BrokenPictureError("no one list of what is in it")
            source.seek(begin)
            meta = (begin, source.read(end - begin))
    if meta is None:
        raise BrokenPictureError("no list of what is in it")
    try:
        _empty_notes(sink, size, *meta)
    except (struct.error, IndexError):
        raise BrokenPictureError("cut off") from None
    sink.seek(0, os.SEEK_END)


def _empty_notes(sink: BinaryIO, size: int, meta_at: int, meta: bytes) -> None:
    found = {kind: (begin, end) for kind, begin, end in _inside(meta, 4, len(meta))}
    if b"iinf" not in found or b"iloc" not in found:
        raise BrokenPictureError("no list of what is in it")
    notes = _notes(meta, *found[b"iinf"])
    own = found.get(b"idat", (0, 0))
    left = size  # to be emptied: notes lie beside one another
    for extent in _extents(meta, *found[b"iloc"], notes):
        begin = extent.begin + (meta_at + own[0] if extent.in_meta else 0)
        end = meta_at + own[1] if extent.in_meta else size
        if extent.length == 0 or begin + extent.length > end:
            raise BrokenPictureError("a note that is not there")
        left -= extent.length
        if left < 0:
            raise BrokenPictureError("notes upon notes")
        _empty(sink, begin, extent.length)
        if extent.is_exif and extent.length >= len(_BLANK):
            sink.seek(begin)
            sink.write(_BLANK)


def _top(source: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of what is in each box of the file."""
    place = 0
    for _ in range(_BOXES_AT_MOST):
        if place == size:
            return
        source.seek(place)
        head = source.read(16)
        kind, begin, end = _box(head, 0, place, size)
        yield kind, begin, end
        place = end
    raise BrokenPictureError("more boxes than any encoder writes")


def _inside(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The same of what is in a box."""
    while begin < end:
        kind, inner, begin = _box(data, begin, begin, end)
        yield kind, inner, begin


def _box(data: bytes, at: int, place: int, limit: int) -> tuple[bytes, int, int]:
    """A box whose head stands ``at`` this place of the data and is at ``place`` of the whole."""
    try:
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
    except struct.error:
        raise BrokenPictureError("cut off") from None
    end = limit if length == 0 else place + length
    if end > limit or end < place + head:
        raise BrokenPictureError("a box that is larger than what it is in")
    return kind, place + head, end


def _notes(meta: bytes, begin: int, end: int) -> dict[int, bytes]:
    """The kinds of items that are notes, by their ids."""
    notes = {}
    first = begin + (6 if meta[begin] == 0 else 8)
    for kind, inner, _ in _inside(meta, first, end):
        if kind != b"infe":
            continue
        version = meta[inner]
        if version < 2:  # without kinds; no encoder of pictures writes it
            raise BrokenPictureError("items without a kind")
        (number,) = struct.unpack_from(">H" if version == 2 else ">I", meta, inner + 4)  # as above
        at = inner + (8 if version == 2 else 10)  # as above
        if meta[at : at + 4] in _NOTES:
            notes[number] = meta[at : at + 4]
    return notes


def _extents(meta: bytes, begin: int, end: int, wanted: dict[int, bytes]) -> Iterator[_Extent]:
    """Where these items stand."""
    version = meta[begin]
    sizes, more = meta[begin + 4], meta[begin + 5]
    offset_size, length_size, base_size = sizes >> 4, sizes & 15, more >> 4
    index_size = more & 15 if version in (1, 2) else 0
    long = version == 2  # whose numbers are of four bytes
    place = begin + 6
    count, place = _number(meta, place, 4 if long else 2)
    if count > _ITEMS_AT_MOST:
        raise BrokenPictureError("more items than any encoder writes")
    left = _EXTENTS_AT_MOST
    for _ in range(count):
        item, place = _number(meta, place, 4 if long else 2)
        method = 0
        if version in (1, 2):
            method, place = _number(meta, place, 2)
        place += 2
        base, place = _number(meta, place, base_size)
        extents, place = _number(meta, place, 2)
        left -= extents
        if left < 0:
            raise BrokenPictureError("more parts than any encoder writes")
        for number in range(extents):
            place += index_size
            offset, place = _number(meta, place, offset_size)
            length, place = _number(meta, place, length_size)
            if item in wanted:
                if method & 15 > 1:
                    raise BrokenPictureError("a note within another item")
                yield _Extent(method & 15 == 1, base + offset, length, number == 0 and wanted[item] == b"Exif")
        if place > end:
            raise BrokenPictureError("cut off")


def _number(data: bytes, place: int, size: int) -> tuple[int, int]:
    return int.from_bytes(data[place : place + size]), place + size


def _empty(sink: BinaryIO, begin: int, count: int) -> None:
    sink.seek(begin)
    while count > 0:
        count -= sink.write(bytes(min(count, _PIECE)))
