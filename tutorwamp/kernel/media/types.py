"""What a file is, by what is in it; what it is called counts for nothing."""

from __future__ import annotations

import codecs
import os
import re
from typing import BinaryIO, Final

HEAD_BYTES: Final = 64 * 1024
TAIL_BYTES: Final = 64 * 1024
UNKNOWN: Final = "application/octet-stream"
TEXT: Final = "text/plain"

_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),  # Office before 2007
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"MThd\0\0\0\x06", "audio/midi"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS: Final = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "image/heic"),
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
"""Of files of boxes (ISO 14496-12); any other is a film."""
_MPEG_AUDIO: Final = re.compile(rb"\xff[\xfa\xfb\xf2\xf3][\x10-\xef]")
"""A frame of layer III (ISO 11172-3): its sync, and a bit rate that there is."""
_PACKED: Final = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_OPEN_DOCUMENT: Final = re.compile(rb"mimetype(application/(?:vnd\.oasis\.opendocument\.[a-z-]{1,40}|epub\+zip))(?=PK)")
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
"""Control characters that no text has; tab, line ends, form feed and escape sequences are in some."""


def recognise(file: BinaryIO) -> str:
    """A file's media type; text is ``text/plain``, whatever language it is in, and what nobody knows is UNKNOWN."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    known = next((media_type for begins, media_type in _BEGINNINGS if head.startswith(begins)), None)
    if known is not None:
        return known
    if head.startswith(b"PK\x03\x04"):
        file.seek(max(0, size - TAIL_BYTES))
        return _packed(head, file.read())
    return _of_container(head) or (TEXT if _is_text(head, whole=size <= HEAD_BYTES) else UNKNOWN)


def _of_container(head: bytes) -> str | None:
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return _of_boxes(head)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    return "audio/mpeg" if _MPEG_AUDIO.match(head) else None


def _of_boxes(head: bytes) -> str:
    brands = head[8 : min(int.from_bytes(head[:4]), 256)]
    first = _BRANDS.get(brands[:4])
    if first is not None and brands[:4] not in (b"mif1", b"msf1"):
        return first
    others = [brands[place : place + 4] for place in range(8, len(brands), 4)]
    found = {_BRANDS[one] for one in others if one in _BRANDS}
    if first is not None:  # a picture of some kind: which, the other brands say
        return "image/avif" if "image/avif" in found else first
    return "video/mp4"


def _packed(head: bytes, tail: bytes) -> str:
    """What a ZIP archive is: a document of some office, by its first file or by the names in it."""
    open_document = _OPEN_DOCUMENT.search(head[:200])
    if open_document is not None:
        return open_document[1].decode()
    if b"[Content_Types].xml" in head or b"[Content_Types].xml" in tail:
        for name, media_type in _PACKED:
            if name in tail or name in head[:4096]:
                return media_type
    return "application/zip"


def _is_text(head: bytes, *, whole: bool) -> bool:
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head, final=whole)
    except UnicodeDecodeError:
        return False
    return bool(text) and _NO_TEXT.search(text) is None
