"""PNG and PDF as somebody sees them: decoded, counted and read."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from tests.board.test_drawing import ASSET_IDS, NASTY, any_element, element
from tutorwamp.board import printing
from tutorwamp.board.drawing import AREA_AT_MOST, FONTS, MARGIN, SIDE_AT_MOST, svg
from tutorwamp.board.printing import PICTURES_AT_MOST, pdf, png
from tutorwamp.kernel.errors import TooLarge

RED, GREEN, WHITE = (204, 0, 51), (0, 255, 0), (255, 255, 255)
CORNERS: list[dict[str, Any]] = [
    element("rect", x=-8, y=-8, width=0.5, height=0.5, stroke_width=1),
    element("rect", x=207.5, y=207.5, width=0.5, height=0.5, stroke_width=1),
]
"""With them in its corners a page's view begins at -9 less the margin, whatever else is on it."""


def picture(file_format: str, color: tuple[int, int, int] = GREEN, size: tuple[int, int] = (4, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, file_format, **({"quality": 100} if file_format == "JPEG" else {}))
    return file.getvalue()


def seen(page: list[dict[str, Any]], shown: tuple[str, bytes] = ("", b"")) -> Image.Image:
    """The page's PNG, decoded. ``shown`` is the first picture's media type and content."""
    return Image.open(io.BytesIO(png(svg(page, {ASSET_IDS[0]: shown})))).convert("RGB")


def color_at(page: list[dict[str, Any]], x: int, y: int, shown: tuple[str, bytes] = ("", b"")) -> Any:
    """Of the board's pixel x, y, which is between -8 and 208."""
    return seen([*CORNERS, *page], shown).getpixel((x + MARGIN + 9, y + MARGIN + 9))


def read(file: bytes) -> PdfReader:
    assert file.startswith(b"%PDF-1.")
    return PdfReader(io.BytesIO(file))


@pytest.mark.parametrize(
    ("kind", "look", "place"),
    [
        ("stroke", {"points": [[0, 100], [100, 100], [200, 100]], "width": 6}, (150, 101)),
        ("stroke", {"points": [[100, 100]], "width": 40}, (115, 100)),
        ("line", {"points": [[0, 0], [200, 200]], "width": 6}, (50, 51)),
        ("arrow", {"points": [[0, 100], [200, 100]], "width": 20}, (140, 74)),  # on its head
        ("rect", {"x": 50, "y": 50, "width": 100, "height": 80, "stroke_width": 6}, (100, 129)),
        ("ellipse", {"x": 50, "y": 50, "width": 100, "height": 80, "stroke_width": 6}, (149, 90)),
        ("text", {"x": 50, "y": 0, "text": "▇", "size": 150}, (100, 80)),
        ("image", {"x": 50, "y": 50, "width": 100, "height": 80, "asset_id": ASSET_IDS[1]}, (100, 90)),
    ],
)
def test_B28_every_kind_is_seen_in_its_place(kind: str, look: dict[str, Any], place: tuple[int, int]) -> None:
    assert color_at([element(kind, **look)], *place) == RED
    assert color_at([], *place) == WHITE
    assert color_at([element(kind, **look, opacity=0.5)], *place) == pytest.approx((230, 128, 153), abs=2)


@pytest.mark.parametrize("kind", ["rect", "ellipse"])
def test_B28_a_shape_is_filled(kind: str) -> None:
    look = {"x": 50, "y": 50, "width": 100, "height": 80}
    assert color_at([element(kind, **look, fill="#00ff00")], 100, 90) == GREEN
    assert color_at([element(kind, **look)], 100, 90) == WHITE


def test_B28_what_lies_above_is_seen() -> None:
    look = {"x": 50, "y": 50, "width": 100, "height": 80}
    under, over = element("rect", **look, fill="#0000ff"), element("rect", **look, fill="#00ff00")
    assert color_at([under, over], 100, 90) == GREEN


@pytest.mark.parametrize("file_format", ["png", "jpeg", "gif", "webp"])
def test_B28_a_picture_is_stretched_into_its_place(file_format: str) -> None:
    image = element("image", x=0, y=80, width=200, height=40, asset_id=ASSET_IDS[0])
    content = (f"image/{file_format}", picture(file_format.upper(), size=(2, 8)))
    for x, y in ((5, 85), (195, 115)):
        red, green, blue = color_at([image], x, y, content)
        assert max(red, blue) < 8
        assert green > 247
    assert color_at([image], 100, 70, content) == WHITE


@pytest.mark.parametrize("content", [b"", b"no picture", picture("PNG")[:40], picture("GIF"), b"<svg/>"])
def test_B28_a_broken_picture_leaves_the_rest_of_the_page(content: bytes) -> None:
    image = element("image", x=0, y=0, width=200, height=90, asset_id=ASSET_IDS[0])
    line = element("line", points=[[0, 150], [200, 150]], width=6)
    assert color_at([image, line], 100, 150, ("image/png", content)) == RED
    assert len(read(pdf([svg([image, line], {ASSET_IDS[0]: ("image/png", content)})])).pages) == 1


@pytest.mark.parametrize("letters", ["äßQłğż", "ЯжщЮїё", "ΩλΨςήξ", "∀∈√∫≤→"])
def test_B28_letters_are_drawn_without_fonts_of_the_system(letters: str) -> None:
    def shape(letter: str) -> bytes:
        return seen([*CORNERS, element("text", x=20, y=20, text=letter, size=100)]).tobytes()

    shapes = {letter: shape(letter) for letter in [*letters, " ", "\U0010fffd"]}
    assert len(set(shapes.values())) == len(shapes)


def test_B28_the_font_that_is_asked_for_comes_with_the_library() -> None:
    assert FONTS.split(",")[0] in typst.Fonts(include_system_fonts=False).families()


def test_B28_a_text_is_not_cut_off() -> None:
    for text in ("W" * 30, "Ж" * 30, "mmmm\nWWWWWWWW", "∀" * 30):
        shown = seen([element("text", x=0, y=0, text=text, size=40)])
        rim = [shown.crop((shown.width - 2, 0, shown.width, shown.height))]
        rim += [shown.crop((0, shown.height - MARGIN, shown.width, shown.height))]
        assert [edge.getcolors() for edge in rim] == [[(edge.width * edge.height, WHITE)] for edge in rim]


@pytest.mark.parametrize(
    "page",
    [
        [],
        [element("line", points=[[0, 0], [1_000_000, 1_000_000]], width=10_000)],
        [element("line", points=[[-1_000_000, 3], [1_000_000, 3]], width=0.001)],
        [element("text", x=0, y=0, text="W" * 8 * 1024, size=10_000)],
        [element("text", x=0, y=0, text="\n".join(NASTY), size=20)],
    ],
)
def test_B28_a_picture_has_the_size_that_the_file_says(page: list[dict[str, Any]]) -> None:
    file = svg(page, {})
    shown = Image.open(io.BytesIO(png(file)))
    assert f'width="{shown.width}" height="{shown.height}"' in file
    (printed,) = read(pdf([file])).pages
    points = [max(3, pixels * 72 / 96) for pixels in shown.size]  # a PDF's page is not smaller
    assert [float(printed.mediabox.width), float(printed.mediabox.height)] == pytest.approx(points, abs=0.01)


def test_B28_a_document_has_all_pages_in_their_order_with_texts_as_texts_and_lines_as_lines() -> None:
    words = [f"Seite {number}: Привет, Ελλάδα" for number in range(12)]
    line = element("stroke", points=[[0, 100], [10, 120]], width=5)
    pages = [svg([line, element("text", x=0, y=0, text=text, size=20)], {}) for text in words]
    document = read(pdf(pages))
    printed = document.pages
    assert [page.extract_text().strip() for page in printed] == words
    assert not any(page.images for page in printed)
    assert "/CreationDate" not in (document.metadata or {})  # the same page is the same file


def test_B28_no_file_named_in_an_svg_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.png").write_bytes(picture("PNG"))
    monkeypatch.chdir(tmp_path)
    image = element("image", x=0, y=0, width=9, height=9, asset_id=ASSET_IDS[0])
    file = svg([image], {ASSET_IDS[0]: ("image/png", b"")})
    inside = 'href="data:image/png;base64,"'
    assert inside in file
    up = os.path.relpath(tmp_path / "secret.png", Path(gettempdir()) / "folder")
    for name in ("secret.png", f"{tmp_path}/secret.png", f"file://{tmp_path}/secret.png", up):
        for printer in (png, lambda svg: pdf([svg])):
            with pytest.raises(RuntimeError, match="secret"):
                printer(file.replace(inside, f'href="{name}"'))


def test_B28_more_text_than_a_book_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "CHARACTERS_AT_MOST", 12)
    page = svg([element("text", x=0, y=0, text="ab\nc", size=20)], {})
    assert len(read(pdf([page] * 4)).pages) == 4
    with pytest.raises(TooLarge) as refused:
        pdf([page] * 5)
    assert refused.value.details == {"characters_at_most": 12}
    with pytest.raises(TooLarge):
        png(svg([element("text", x=0, y=0, text="ab\n" * 7, size=20)], {}))


def test_B28_a_page_of_very_many_pictures_is_no_picture_but_can_be_printed() -> None:
    image = element("image", x=0, y=0, width=9, height=9, asset_id=ASSET_IDS[0])
    pictures = {ASSET_IDS[0]: ("image/png", picture("PNG"))}
    assert png(svg([image] * PICTURES_AT_MOST, pictures))
    page = svg([image] * (PICTURES_AT_MOST + 1), pictures)
    with pytest.raises(TooLarge) as refused:
        png(page)
    assert refused.value.details == {"pictures_at_most": PICTURES_AT_MOST}
    assert len(read(pdf([page])).pages) == 1


def test_B28_pages_printed_at_the_same_time_do_not_mix() -> None:
    files = [svg([element("text", x=0, y=0, text=f"Page {number}", size=20)], {}) for number in range(8)]
    alone = [(png(file), pdf([file])) for file in files]
    assert len(set(alone)) == len(files)
    with ThreadPoolExecutor(4) as pool:
        pictures, documents = pool.map(png, files), pool.map(pdf, [[file] for file in files])
        assert list(zip(pictures, documents, strict=True)) == alone


@settings(deadline=None, max_examples=25)
@given(page=st.lists(any_element, max_size=8))
def test_B28_any_page_can_be_printed(page: list[dict[str, Any]]) -> None:
    file = svg(page, {ASSET_IDS[0]: ("image/png", picture("PNG"))})
    shown = Image.open(io.BytesIO(png(file)))
    assert max(shown.size) <= SIDE_AT_MOST
    assert shown.width * shown.height <= AREA_AT_MOST
    assert len(read(pdf([file])).pages) == 1
