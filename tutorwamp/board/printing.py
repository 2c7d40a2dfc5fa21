"""Pages of the board as PNG and PDF, made of the SVG files of ``drawing`` (B28).

Typst renders them. It brings its own fonts (Latin, Cyrillic, Greek, Hebrew, Arabic and mathematics; any other sign
becomes a box), needs nothing of the system, keeps lines and texts in a PDF as such, and lets other threads run.
It fetches nothing, and of files named in an SVG it reads only those below its root, where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

import typst

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


def png(svg: str) -> bytes:
    """A picture, in the size the SVG file says. Raises RuntimeError where a file is no SVG or names another file."""
    return _rendered([svg], "png")


def pdf(svgs: Sequence[str]) -> bytes:
    """A document with a page for each SVG file, in its size. Raises as ``png`` does."""
    return _rendered(svgs, "pdf")


def _rendered(svgs: Sequence[str], file_format: Literal["png", "pdf"]) -> bytes:
    inputs = {str(number): svg for number, svg in enumerate(svgs)} | {"pages": str(len(svgs))}
    with TemporaryDirectory() as folder:
        document = Path(folder) / "pages.typ"
        document.write_text(DOCUMENT)
        return typst.compile(
            document,
            root=document.parent,
            format=file_format,
            ppi=PIXELS_AN_INCH,
            sys_inputs=inputs,
            ignore_system_fonts=True,
        )
