"""Pages of the board as PNG and PDF, made of the SVG files of ``drawing`` (B28).

Typst renders them, with the fonts that ``fonts`` finds. It needs nothing of the system, keeps lines and texts in a PDF
as such, and lets other threads run.
It fetches nothing, and of files named in an SVG it reads only those below its root, where there are none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

import typst

from tutorwamp.board.fonts import Face, face_for
from tutorwamp.board.outlines import outlined
from tutorwamp.kernel.errors import TooLarge

CHARACTERS_AT_MOST: Final = 300_000
"""Of text in one file, a book's: each takes a kilobyte of memory and some 20 microseconds."""
PICTURES_AT_MOST: Final = 500
"""In one PNG file: each is worked out anew, a large photo in a quarter of a second."""
PIXELS_AN_INCH: Final = 96
"""By the definition of SVG: a picture gets the size in pixels that the file says."""
DOCUMENT: Final = """
#set document(date: none)
#set page(width: auto, height: auto, margin: 0pt)
#for number in range(int(sys.inputs.pages)) {
  page(image(bytes(sys.inputs.at(str(number))), format: "svg"))
}
"""
"""In Typst's language: a page for each SVG file, as large as it."""


_LINE_OF_TEXT: Final = re.compile(r">([^<]+)</tspan>")
_PICTURE: Final = "<use "


def face_of(svgs: Sequence[str]) -> Face:
    """What the texts are printed with. Raises TooLarge."""
    lines = [line for svg in svgs for line in _LINE_OF_TEXT.findall(svg)]
    if sum(map(len, lines)) > CHARACTERS_AT_MOST:
        limit = {"characters_at_most": CHARACTERS_AT_MOST}
        raise TooLarge("There is too much text to be printed.", details=limit)
    return face_for(unescape("".join(lines)))


def png(svg: str, face: Face | None = None) -> bytes:
    """A picture, in the size the SVG file says; ``face``: that of the file, where it is known.

    Raises TooLarge, and RuntimeError where the file is no SVG or names another file.
    """
    if svg.count(_PICTURE) > PICTURES_AT_MOST:
        limit = {"pictures_at_most": PICTURES_AT_MOST}
        raise TooLarge("The page has too many pictures to be made one.", details=limit)
    return _rendered([svg], "png", face)


def pdf(svgs: Sequence[str], face: Face | None = None) -> bytes:
    """A document with a page for each SVG file, in its size. As ``png`` otherwise."""
    return _rendered(svgs, "pdf", face)


def _rendered(svgs: Sequence[str], file_format: Literal["png", "pdf"], face: Face | None) -> bytes:
    face = face or face_of(svgs)
    inputs = {str(number): outlined(svg, face) for number, svg in enumerate(svgs)} | {"pages": str(len(svgs))}
    with TemporaryDirectory() as folder:
        document = Path(folder) / "pages.typ"
        document.write_text(DOCUMENT)
        return typst.compile(
            document,
            root=document.parent,
            format=file_format,
            ppi=PIXELS_AN_INCH,
            sys_inputs=inputs,
            font_paths=face.fonts,
            ignore_system_fonts=True,
        )
