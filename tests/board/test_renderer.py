"""The jobs of the renderer's process, done here: what comes out, and how often a picture is decoded for it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader

from tests.board.test_drawing import ASSET_IDS, element
from tutorwamp.board import imaging, renderer
from tutorwamp.board.imaging import PIXELS_SHOWN_AT_MOST
from tutorwamp.board.parcels import Parcel
from tutorwamp.kernel.errors import TooLarge

ORIENTATION = 0x0112
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def exported(file_format: str, *pages: list[dict[str, Any]], content: bytes = b"", media_type: str = "") -> bytes:
    values = {"format": file_format, "pictures": [(ASSET_IDS[0], media_type)] if content else []}
    parts = [*([content] if content else []), *(json.dumps(page).encode() for page in pages)]
    return renderer.export(Parcel(values, parts)).parts[0]


def image(x: float, y: float, width: float, height: float, **more: Any) -> dict[str, Any]:
    return element("image", x=x, y=y, width=width, height=height, asset_id=ASSET_IDS[0], **more)


def halves(kind: str, mode: str = "RGB", orientation: int = 1) -> bytes:
    """Left half red, right half blue; in a mode with transparency the lowest row is not seen."""
    whole = Image.new(mode, (80, 40), RED)
    whole.paste(BLUE, (40, 0, 80, 40))
    if mode == "RGBA":
        whole.paste((0, 0, 0, 0), (0, 30, 80, 40))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = io.BytesIO()
    whole.save(file, kind, exif=exif, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {}))
    return file.getvalue()


def shown(content: bytes, kind: str, *elements: dict[str, Any]) -> Image.Image:
    """A PNG of a page of 480 by 480 that begins at 0, 0."""
    corners = [element("rect", x=x, y=x, width=0, height=0, stroke_width=2, color="#ffffff") for x in (21, 459)]
    file = exported("png", [*corners, *elements], content=content, media_type=f"image/{kind.lower()}")
    return Image.open(io.BytesIO(file)).convert("RGB")


def is_about(seen: Any, wanted: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 12 for one, other in zip(seen, wanted, strict=True))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("size", [(20, 10), (300, 60), (60, 300)])
def test_B28_a_picture_smaller_or_larger_than_it_is_shown_fills_its_place(kind: str, size: tuple[int, int]) -> None:
    width, height = size
    seen = shown(halves(kind), kind, image(50, 50, width, height))
    for across, wanted in ((0.2, RED), (0.8, BLUE)):
        assert is_about(seen.getpixel((50 + int(width * across), 50 + height // 2)), wanted)
    for x, y in ((46, 52), (52, 46), (53 + width, 52), (52, 53 + height)):
        assert is_about(seen.getpixel((x, y)), WHITE)


def test_B28_a_photo_is_upright_whatever_its_size() -> None:
    for size in ((10, 20), (100, 200)):
        seen = shown(halves("JPEG", orientation=6), "JPEG", image(50, 50, *size))
        assert is_about(seen.getpixel((50 + size[0] // 2, 50 + size[1] // 5)), RED)
        assert is_about(seen.getpixel((50 + size[0] // 2, 50 + size[1] * 4 // 5)), BLUE)


def test_B28_what_is_behind_a_picture_is_seen_through_it() -> None:
    behind = element("rect", x=40, y=40, width=400, height=400, fill="#00ff00", color="#00ff00")
    seen = shown(halves("PNG", "RGBA"), "PNG", behind, image(50, 50, 160, 80), image(250, 50, 160, 80, opacity=0.5))
    assert is_about(seen.getpixel((60, 60)), RED)
    assert is_about(seen.getpixel((60, 125)), GREEN)
    assert is_about(seen.getpixel((260, 60)), (128, 128, 0))


@pytest.mark.parametrize("file_format", ["png", "pdf"])
def test_B28_a_picture_is_decoded_once_however_often_it_is_shown(
    file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Any] = []
    really_open = Image.open

    def counted(*given: Any, **more: Any) -> Any:
        decoded.append(given)
        return really_open(*given, **more)

    monkeypatch.setattr(Image, "open", counted)
    pages = [[image(number, number, 50 + number % 7, 40) for number in range(40)]] * (1 if file_format == "png" else 3)
    assert exported(file_format, *pages, content=halves("PNG"), media_type="image/png")
    assert len(decoded) == 1


def test_B28_forty_full_pages_of_a_picture_have_no_more_pixels_to_decode_than_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels: list[int] = []

    def counted(content: bytes, sizes: Any, *, enlarge: bool) -> dict[Any, Any]:
        pixels.extend(40 * width * height for width, height in sizes)
        return {size: ("image/png", halves("PNG")) for size in sizes}

    monkeypatch.setattr(imaging, "fitted", counted)
    assert exported("png", [image(0, 0, 3900, 1900)] * 40, content=b"any", media_type="image/png")
    assert pixels[0] < 1.01 * PIXELS_SHOWN_AT_MOST


def test_B28_a_picture_in_a_document_is_as_fine_as_paper_shows_and_never_larger_than_it_is() -> None:
    for shown_at, wanted in ((400, 80), (10, 20)):
        file = exported("pdf", [image(0, 0, shown_at, shown_at)], content=halves("JPEG"), media_type="image/jpeg")
        (only,) = PdfReader(io.BytesIO(file)).pages[0].images
        assert only.image is not None
        assert only.image.width == wanted


@pytest.mark.parametrize("content", [b"", b"no picture", halves("PNG")[:60], b"<svg/>"])
@pytest.mark.parametrize("file_format", ["svg", "png", "pdf", "excalidraw"])
def test_B28_a_broken_picture_leaves_the_rest(content: bytes, file_format: str) -> None:
    now = "2026-11-23T09:00:00.000Z"
    made = {"version": 1, "created_at": now, "updated_at": now}
    page = [image(0, 0, 40, 30, **made), element("rect", x=50, y=0, width=9, height=9, **made)]
    assert exported(file_format, page, content=content, media_type="image/png")


@pytest.mark.parametrize("file_format", ["svg", "png", "pdf"])
def test_B28_a_file_larger_than_a_message_is_refused(file_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderer, "EXPORT_BYTES_AT_MOST", 100)
    with pytest.raises(TooLarge) as refused:
        exported(file_format, [element("rect", x=0, y=0, width=9, height=9)])
    assert refused.value.details == {"bytes_at_most": 100}
