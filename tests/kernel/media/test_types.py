"""What a file is, by its content alone."""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO

import pytest

from tutorwamp.kernel.media.types import HEAD_BYTES, TEXT, UNKNOWN, recognise

OFFICE = "application/vnd.openxmlformats-officedocument."


def packed(*names: str, first: tuple[str, str] | None = None, filling: int = 0) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        if first is not None:
            archive.writestr(*first)
        for name in names:
            archive.writestr(name, b"\0" * filling)
    return file.getvalue()


def boxes(*brands: bytes) -> bytes:
    inner = brands[0] + bytes(4) + b"".join(brands[1:])
    return struct.pack(">I4s", 8 + len(inner), b"ftyp") + inner + b"\0\0\0\x08mdat"


KNOWN = {
    "image/png": [b"\x89PNG\r\n\x1a\n rest"],
    "image/jpeg": [b"\xff\xd8\xff\xe0"],
    "image/gif": [b"GIF89a", b"GIF87a"],
    "image/webp": [b"RIFF\0\0\0\0WEBPVP8 "],
    "image/avif": [boxes(b"avif", b"mif1"), boxes(b"mif1", b"avif")],
    "image/heic": [boxes(b"heic"), boxes(b"mif1", b"heic"), boxes(b"mif1")],
    "image/tiff": [b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"],
    "application/pdf": [b"%PDF-1.7\n"],
    "application/rtf": [b"{\\rtf1"],
    "application/zip": [packed("a.txt"), packed("word/fake.txt")],
    f"{OFFICE}wordprocessingml.document": [packed("[Content_Types].xml", "word/document.xml", filling=100_000)],
    f"{OFFICE}spreadsheetml.sheet": [packed("[Content_Types].xml", "xl/workbook.xml")],
    f"{OFFICE}presentationml.presentation": [packed("[Content_Types].xml", "ppt/presentation.xml")],
    "application/vnd.oasis.opendocument.text": [
        packed("content.xml", first=("mimetype", "application/vnd.oasis.opendocument.text"))
    ],
    "application/epub+zip": [packed("x", first=("mimetype", "application/epub+zip"))],
    "application/x-ole-storage": [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
    "audio/mpeg": [b"ID3\4\0", b"\xff\xfb\x90\x64"],
    "audio/wav": [b"RIFF\0\0\0\0WAVEfmt "],
    "audio/ogg": [b"OggS\0"],
    "audio/flac": [b"fLaC\0"],
    "audio/mp4": [boxes(b"M4A ", b"isom")],
    "video/mp4": [boxes(b"isom", b"avc1"), boxes(b"mp42")],
    "video/quicktime": [boxes(b"qt  ")],
    "video/webm": [b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\x82\x84webm"],
    TEXT: [
        b"plain",
        "größer 😀\r\n\tx".encode(),
        b"\xef\xbb\xbfwith a mark",
        "zwei".encode("utf-16"),
        b"<!doctype html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>",
        b"#!/bin/sh\n",
        ("é" * HEAD_BYTES).encode()[1:].decode("utf-8", "ignore").encode(),
        b"x" * (HEAD_BYTES - 1) + "é".encode() + b"more",
    ],
    UNKNOWN: [
        b"\0\1\2",
        b"MZ\x90\0\3",
        b"\x7fELF\2",
        b"text \0 with a zero",
        b"\xff\xfe",
        b"caf\xe9",
        b"cut off \xc3",
        b"RIFF\0\0\0\0????",
        b"PK\5\6" + bytes(18),
        b"",
    ],
}


@pytest.mark.parametrize(
    ("media_type", "content"), [(media_type, one) for media_type, some in KNOWN.items() for one in some]
)
def test_a_file_is_what_is_in_it(media_type: str, content: bytes) -> None:
    assert recognise(BytesIO(content)) == media_type
