"""PNG, WebP and GIF without notes, chunk by chunk: their pixels stay as they are."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from tutorwamp.kernel.media.exif import READ_AT_MOST, UPRIGHT, BrokenPictureError, note_of, orientation_in

_CHUNKS_AT_MOST: Final = 100_000
"""A film of some minutes; encoders write pieces of 8 KiB and more."""
_PIECE: Final = 64 * 1024

# PNG (ISO 15948, and APNG)

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD hIST pHYs sPLT acTL fcTL fdAT".split()
)
"""What pixels and their colours need; texts, times, Exif and what programs add for themselves are not among them."""


def png_without_notes(source: BinaryIO, sink: BinaryIO) -> None:
    """Copy a PNG without its texts, times and Exif; its orientation stays. Raises BrokenPictureError.

    One that is cut off, or goes on as no PNG does, ends there: as far as that, programs show it.
    """
    orientation = next(
        (
            orientation_in(source.read(min(size, READ_AT_MOST)))
            for name, size, _ in _png_chunks(source)
            if name == b"eXIf"
        ),
        UPRIGHT,
    )
    sink.write(_SIGNATURE)
    pixels = False
    for name, size, is_whole in _png_chunks(source):
        if name not in _PNG_KEPT or not (is_whole or name == b"IDAT"):
            continue
        pixels = pixels or name == b"IDAT"
        sink.write(struct.pack(">I4s", size, name))
        if is_whole:
            _copy(source, sink, size + 4)
        else:
            _copy_rest(source, sink, zlib.crc32(name))
        if name == b"IHDR" and orientation != UPRIGHT:
            _write_png_chunk(sink, b"eXIf", note_of(orientation))
        if name == b"IEND":
            return
    if not pixels:
        raise BrokenPictureError("no pixels")
    _write_png_chunk(sink, b"IEND", b"")


def _copy_rest(source: BinaryIO, sink: BinaryIO, checksum: int) -> None:
    """What there is of a chunk that is cut off, and its checksum, begun with its name."""
    while piece := source.read(_PIECE):
        sink.write(piece)
        checksum = zlib.crc32(piece, checksum)
    sink.write(struct.pack(">I", checksum))


def _write_png_chunk(sink: BinaryIO, name: bytes, content: bytes) -> None:
    sink.write(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)))


def _png_chunks(source: BinaryIO) -> Iterator[tuple[bytes, int, bool]]:
    """Name and size of one after the other, and whether all of it is there; its content is read next, or is not."""
    end = source.seek(0, os.SEEK_END)
    source.seek(0)
    if source.read(len(_SIGNATURE)) != _SIGNATURE:
        raise BrokenPictureError("no PNG")
    for number in range(_CHUNKS_AT_MOST):
        head = source.read(8)
        name, size, place = head[4:], int.from_bytes(head[:4]), source.tell()
        if (number == 0) != (name == b"IHDR"):
            raise BrokenPictureError("IHDR is not the first chunk")
        if len(head) < 8 or not (name.isascii() and name.isalpha()):  # size and name
            return
        is_whole = place + size + 4 <= end
        yield name, size if is_whole else end - place, is_whole
        if name == b"IEND" or not is_whole:
            return
        source.seek(place + size + 4)
    raise BrokenPictureError("more chunks than any encoder writes")


# WebP (RFC 9649)

_RIFF_HEAD: Final = 12
_WEBP_KEPT: Final = frozenset((b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"))
_HAS_EXIF, _HAS_XMP = 0x08, 0x04
"""Of the flags in VP8X."""


def webp_without_notes(source: BinaryIO, sink: BinaryIO) -> None:
    """Copy a WebP without Exif, XMP and chunks that nobody knows; its orientation stays. Raises BrokenPictureError."""
    head = _exactly(source, _RIFF_HEAD)
    if head[:4] != b"RIFF" or head[8:] != b"WEBP":
        raise BrokenPictureError("no WebP")
    end = min(source.seek(0, os.SEEK_END), int.from_bytes(head[4:8], "little") + 8)
    orientation = _webp_orientation(source, end)
    sink.write(head)
    source.seek(_RIFF_HEAD)
    for name, size in _webp_chunks(source, end):
        padded = size + size % 2
        if name not in _WEBP_KEPT:
            _skip(source, padded)
            continue
        sink.write(struct.pack("<4sI", name, size))
        if name == b"VP8X" and size:
            flags = _exactly(source, 1)[0] & ~(_HAS_EXIF | _HAS_XMP)
            sink.write(bytes((flags | (_HAS_EXIF if orientation != UPRIGHT else 0),)))
            padded -= 1
        _copy(source, sink, padded, may_lack=padded > size)
    if orientation != UPRIGHT:
        note = note_of(orientation)
        sink.write(struct.pack("<4sI", b"EXIF", len(note)) + note)
    size = sink.seek(0, os.SEEK_END)
    sink.seek(4)
    sink.write(struct.pack("<I", size - 8))
    sink.seek(0, os.SEEK_END)


def _webp_orientation(source: BinaryIO, end: int) -> int:
    """Of an extended file only: the simple ones have no place for a note."""
    source.seek(_RIFF_HEAD)
    first = True
    for name, size in _webp_chunks(source, end):
        if first and name != b"VP8X":
            return UPRIGHT
        first = False
        if name == b"EXIF":
            return orientation_in(source.read(min(size, READ_AT_MOST)))
        _skip(source, size + size % 2)
    return UPRIGHT


class _webp_chunks:  # noqa: N801  # read as a function
    """Name and size of one after the other; who asks reads or skips what is in it before the next."""

    def __init__(self, source: BinaryIO, end: int) -> None:
        self._source, self._end, self._left = source, end, _CHUNKS_AT_MOST

    def __iter__(self) -> _webp_chunks:
        return self

    def __next__(self) -> tuple[bytes, int]:
        if self._source.tell() + 8 > self._end:
            raise StopIteration
        self._left -= 1
        if self._left < 0:
            raise BrokenPictureError("more chunks than any encoder writes")
        name, size = struct.unpack("<4sI", _exactly(self._source, 8))
        return name, size


# GIF (89a)

_GIF_KEPT: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")
"""Applications' extensions: how often it is repeated, and colours."""
_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_COMMENT_LABEL, _APPLICATION_LABEL, _CONTROL_LABEL, _TEXT_LABEL = 0xFE, 0xFF, 0xF9, 0x01
_BLOCKS_AT_MOST: Final = 500_000
"""Of at most 255 bytes each; a file of 25 MiB has some 100,000."""


def gif_without_notes(source: BinaryIO, sink: BinaryIO) -> None:
    """Copy a GIF without comments and what programs add for themselves, XMP among it. Raises BrokenPictureError."""
    head = _exactly(source, 13)
    if head[:6] not in (b"GIF87a", b"GIF89a"):
        raise BrokenPictureError("no GIF")
    sink.write(head)
    _copy(source, sink, _table(head[10]))
    left, place, shown = [_BLOCKS_AT_MOST], sink.tell(), False
    try:
        while (kind := _exactly(source, 1)[0]) != _TRAILER:
            place = sink.tell()
            _count(left)  # an extension may have no block
            if kind == _IMAGE:
                descriptor = _exactly(source, 9)
                sink.write(bytes((kind,)) + descriptor)
                _copy(source, sink, _table(descriptor[8]) + 1)
                _copy_blocks(source, sink, left)
                shown = True
            elif kind == _EXTENSION:
                _copy_extension(source, sink, left)
            else:
                break  # from here on it is no GIF
            place = sink.tell()
    except CutOffError:
        sink.seek(place)  # up to the last block that is whole
        sink.truncate()
    if not shown:
        raise BrokenPictureError("no picture")
    sink.write(bytes((_TRAILER,)))


def _copy_extension(source: BinaryIO, sink: BinaryIO, left: list[int]) -> None:
    label = _exactly(source, 1)[0]
    size = _exactly(source, 1)[0]
    if size == 0:
        return
    first = _exactly(source, size)
    kept = label in (_CONTROL_LABEL, _TEXT_LABEL) or (label == _APPLICATION_LABEL and first in _GIF_KEPT)
    if kept:
        sink.write(bytes((_EXTENSION, label, size)) + first)
    _copy_blocks(source, sink if kept else None, left)


def _table(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _count(left: list[int]) -> None:
    left[0] -= 1
    if left[0] < 0:
        raise BrokenPictureError("more blocks than any encoder writes")


def _copy_blocks(source: BinaryIO, sink: BinaryIO | None, left: list[int]) -> None:
    """Blocks up to the empty one; null: read past them."""
    while True:
        _count(left)
        size = _exactly(source, 1)
        block = _exactly(source, size[0])
        if sink is not None:
            sink.write(size + block)
        if not block:
            return


# All of them


class CutOffError(BrokenPictureError):
    """It ends within something."""


def _exactly(source: BinaryIO, count: int) -> bytes:
    found = source.read(count)
    if len(found) < count:
        raise CutOffError
    return found


def _copy(source: BinaryIO, sink: BinaryIO, count: int, *, may_lack: bool = False) -> None:
    """``may_lack``: the last byte, which only fills up."""
    while count > 0:
        piece = source.read(min(count, _PIECE))
        if not piece:
            if may_lack and count == 1:
                sink.write(b"\0")
                return
            raise CutOffError
        sink.write(piece)
        count -= len(piece)


def _skip(source: BinaryIO, count: int) -> None:
    source.seek(count, os.SEEK_CUR)
