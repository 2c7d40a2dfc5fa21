"""Pages of a PDF as pictures to be laid on the board (B44).

What a PDF asks for is known only when it was done: it is read in the renderer's process only, which has no files by
then (``renderer``), and what it is drawn with is inside the library: PDFium, with fonts of its own for text that comes
without.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw
from PIL import Image

from tutorwamp.kernel.errors import Invalid, TooLarge, TutorwampError

SHEET: Final = (1600.0, 1000.0)
"""Pixels of the board that everybody sees, as the page of the classroom shows it: a page is as large as fits in."""
FINER: Final = 2.0
"""Pixels of the picture for one of the board, as for all that is printed."""
PIXELS_AT_MOST: Final = 3_000_000
"""Of one picture: A4 at 170 dots an inch, 12 MB while it is drawn."""
PAGES_READ_AT_MOST: Final = 1_000
"""Of a document; a board has room for 40, and what has more than a book is none to be worked with."""
BATCH_S: Final = 2.5
"""After so much of the renderer's eight seconds no further page is begun: another process does."""
BATCH_BYTES_AT_MOST: Final = 8 * 1024 * 1024
"""The same for the pictures' bytes: an answer has 16 MiB."""

COLORS_AT_MOST: Final = 4_096
"""Of what is kept to the pixel, as text and drawings are; a photo has more."""
BYTES_A_PIXEL_AT_MOST: Final = 0.15
"""Of such a picture as PNG; a scan in grey has few colours and takes a byte for each."""
PHOTO_QUALITY: Final = 80
"""Of a JPEG, of 100: letters in it stay clear."""

_BEGAN_S: Final = time.monotonic()

Image.preinit()  # later there are no files, not even Pillow's own


@dataclass(frozen=True)
class Sheet:
    """A page as a picture. ``width`` and ``height`` are its place on the board; the others are the picture's own."""

    number: int
    """Of the page in the document, from 1."""
    width: float
    height: float
    media_type: str
    pixels: tuple[int, int]
    content: bytes


@dataclass(frozen=True)
class LostPage:
    """A page that cannot be drawn, and why."""

    number: int
    reason: str


class Document:
    """A PDF that somebody sent."""

    def __init__(self, content: bytes) -> None:
        """Open it. Raises Invalid or TooLarge."""
        try:
            self._pdf = pdfium.PdfDocument(content)
        except pdfium.PdfiumError as error:
            raise _unreadable(error.err_code) from None
        self.pages = len(self._pdf)
        if self.pages > PAGES_READ_AT_MOST:
            self._pdf.close()
            raise TooLarge("The document has too many pages.", details={"pages_at_most": PAGES_READ_AT_MOST})
        self._pdf.init_forms()  # what was filled in is seen

    def close(self) -> None:
        """Let go of it."""
        self._pdf.close()

    def sheets(self, first: int, last: int) -> Iterator[Sheet | LostPage]:
        """These pages, counted from 1, as far as one batch goes; one at least."""
        size = 0
        for number in range(first, min(last, self.pages) + 1):
            is_enough = size > BATCH_BYTES_AT_MOST or time.monotonic() - _BEGAN_S > BATCH_S
            if number > first and is_enough:
                return
            try:
                sheet = self._sheet(number)
            except (pdfium.PdfiumError, TutorwampError) as error:
                reason = error.message if isinstance(error, TutorwampError) else "the page cannot be read."
                yield LostPage(number, f"Left out: {reason}")
                continue
            size += len(sheet.content)
            yield sheet

    def _sheet(self, number: int) -> Sheet:
        with closing(self._pdf[number - 1]) as page:
            width, height = placed(*page.get_size())
            finer = min(FINER, math.sqrt(PIXELS_AT_MOST / (width * height)))
            scale = width * finer / page.get_width()
            drawn = page.render(scale=scale, force_bitmap_format=pdfium_raw.FPDFBitmap_BGRx, rev_byteorder=True)
            with closing(drawn):
                image = drawn.to_pil().convert("RGB")
        media_type, content = _file(image)
        return Sheet(number, width, height, media_type, image.size, content)


def placed(width: float, height: float) -> tuple[float, float]:
    """How large a page of this size is on the board, which it fills one way. Raises Invalid."""
    sides = (width, height)
    if not all(math.isfinite(side) and side > 0 for side in sides) or max(sides) / min(sides) > SHEET[1]:
        raise _invalid("the page has no size that can be shown.")
    scale = min(SHEET[0] / width, SHEET[1] / height)
    return max(1.0, round(width * scale, 2)), max(1.0, round(height * scale, 2))


def _file(image: Image.Image) -> tuple[str, bytes]:
    """Media type and content: to the pixel what has few colours and becomes small by it, and a JPEG else."""
    colors: Any = image.getcolors(COLORS_AT_MOST)
    if colors is not None:
        is_gray = all(red == green == blue for _, (red, green, blue) in colors)
        content = _saved(image.convert("L") if is_gray else image, "PNG", compress_level=3)
        if len(content) <= image.width * image.height * BYTES_A_PIXEL_AT_MOST:
            return "image/png", content
    return "image/jpeg", _saved(image, "JPEG", quality=PHOTO_QUALITY)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _unreadable(code: int | None) -> Invalid:
    if code in (pdfium_raw.FPDF_ERR_PASSWORD, pdfium_raw.FPDF_ERR_SECURITY):
        return _invalid("The document opens with a password only. Save it without one.")
    return _invalid("This is no PDF, or it is broken or cut off.")


def _invalid(message: str) -> Invalid:
    return Invalid(message, details=[{"loc": ["content"], "msg": "must be a PDF that can be read"}])
