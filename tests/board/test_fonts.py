"""Letters of every script in PNG and PDF: drawn where a font has them, told where none has."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader

from tests.board.test_drawing import NASTY, element
from tutorwamp.board import fonts, outlines, printing, renderer
from tutorwamp.board.drawing import MARGIN, svg
from tutorwamp.board.fonts import face_for
from tutorwamp.board.outlines import outlined
from tutorwamp.board.parcels import Parcel
from tutorwamp.board.printing import face_of, pdf, png

SCRIPTS = {
    "Chinese": "漢字简体「」，。",
    "Japanese": "日本語ひらがなカタカナー",
    "Korean": "한국어ㅋㅋ",
    "Thai": "สวัสดีครับ กำลัง",
    "Arabic": "مرحبا بالعالم ١٢٣",
    "Hebrew": "שָׁלוֹם עולם",
    "Devanagari": "नमस्ते क्षत्रिय",
    "others": "বাংলা தமிழ் తెలుగు ქართული հայերեն አማርኛ ខ្មែរ ລາວ",
    "emoji": "😀❤️👍🏽🇩🇪1️⃣👩‍👩‍👧",
    "signs": "“…”—–•→∀∈√∫≤x²½€™",
}
NOBODYS = "\U0010fffd"
"""Private use: no font of ours has it."""
RED, WHITE = (204, 0, 51), (255, 255, 255)


def words(text: str, **more: Any) -> dict[str, Any]:
    return element("text", **{"x": 0, "y": 0, "text": text, "size": 40, **more})


def seen(*elements: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(png(svg(elements, {})))).convert("RGB")


def exported(file_format: str, *elements: dict[str, Any]) -> tuple[bytes, list[str]]:
    job = Parcel({"format": file_format, "pictures": []}, [json.dumps(elements).encode()])
    done = renderer.export(job)
    return done.parts[0], done.values["missing"]


def boxes_in(text: str) -> int:
    """How many boxes Typst draws in a line, in the way that the page is made."""
    face = face_for(text)
    box, line = outlines.set_lines([NOBODYS, text], face)
    ((name, *_),) = outlines.GLYPH.findall(box)
    return [glyph[0] for glyph in outlines.GLYPH.findall(line)].count(name)


@pytest.mark.parametrize("text", [*SCRIPTS.values(), *(f"office {text} fi" for text in SCRIPTS.values())])
@pytest.mark.parametrize("file_format", ["png", "pdf"])
def test_B39_every_script_is_drawn(text: str, file_format: str) -> None:
    assert exported(file_format, words(text))[1] == []
    assert boxes_in(text) == 0
    letters = [sign for sign in text if sign.isalpha() or sign > "\u2e80"][:6]
    corner = element("rect", x=-30, y=-30, width=400, height=300, color="#ffffff")
    shapes = {seen(corner, words(letter, size=100)).tobytes() for letter in [*letters, NOBODYS]}
    assert len(shapes) == len({*letters}) + 1


def test_B39_scripts_share_a_line_and_a_page() -> None:
    together = " ".join(SCRIPTS.values())
    assert boxes_in(together) == 0
    page = [words(text, y=60 * number) for number, text in enumerate([together, *SCRIPTS.values()])]
    for file_format in ("png", "pdf"):
        assert exported(file_format, *page)[1] == []


def test_B39_the_page_is_made_of_such_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    page = svg([words("office नमस्ते 👩‍👩‍👧 fi")], {})
    made = png(page), pdf([page])
    monkeypatch.setattr(printing, "outlined", lambda file, face: file)
    assert png(page) != made[0]
    assert pdf([page]) != made[1]


def test_B39_what_no_font_has_is_told_once_in_its_order_and_what_is_beside_it_is_drawn() -> None:
    page = [words(f"नमस्ते \U0010fffc {NOBODYS} 日本"), words(NOBODYS, y=90), words("\U0010fffb ok", y=180)]
    for file_format in ("png", "pdf"):
        assert exported(file_format, *page)[1] == ["\U0010fffc", NOBODYS, "\U0010fffb"]
    for file_format in ("svg", "excalidraw"):  # who shows it has fonts of their own
        whole = [{**one, "created_at": "2026-11-24T10:00:00Z", "updated_at": "2026-11-24T10:00:00Z"} for one in page]
        assert exported(file_format, *whole)[1] == []
    assert boxes_in(f"नमस्ते {NOBODYS} 日本") == 1


def test_B39_a_hundred_are_told() -> None:
    many = "".join(map(chr, range(0x10F000, 0x10F0FF)))
    assert exported("png", words(many, size=4))[1] == list(many[:100])


def test_B39_without_the_packages_and_fonts_of_the_system_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_steps", lambda: iter(()))
    assert exported("png", words("hello 日本 สวัสดี שלום 日"))[1] == list("日本สวัดี")
    monkeypatch.undo()
    monkeypatch.setattr(fonts, "find_spec", lambda name: None)
    assert exported("png", words("hello Привет Ωμέγα"))[1] == []
    exported("png", words("日本 สวัสดี"))  # with whatever the system has


def test_B39_the_usual_letters_need_no_look() -> None:
    usual = "".join(sign for sign in map(chr, range(0x21, 0x460)) if fonts._USUAL.match(sign) and sign.isprintable())
    assert len(usual) > 400
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fonts, "_USUAL", re.compile(r"\Z."))
        assert face_for(usual).foreign == frozenset()


def test_B39_a_line_keeps_its_place_its_colour_and_its_spaces() -> None:
    edges = [element("rect", x=x, y=x, width=0, height=0, color="#ffffff") for x in (0, 400)]
    shown = seen(*edges, words("नमस्ते", x=100, y=200), words("  नमस्ते", x=100, y=300, opacity=0.5))
    solid = [(x, y) for x in range(shown.width) for y in range(300) if shown.getpixel((x, y)) == RED]
    assert solid, "in its colour"
    left = MARGIN + 1
    assert 100 + left - 4 <= min(x for x, _ in solid) <= 110 + left
    assert 200 + left - 4 <= min(y for _, y in solid)
    pale = [(x, y) for x in range(shown.width) for y in range(310, 380) if shown.getpixel((x, y)) != WHITE]
    assert min(x for x, _ in pale) > min(x for x, _ in solid) + 12, "after two spaces"
    assert RED not in {shown.getpixel(place) for place in pale}


@pytest.mark.parametrize("text", ["😀" * 30, "漢" * 30, "क" * 30, "ส" * 30, "م" * 30, "𝔸" * 30, "→" * 30])
def test_B39_nothing_is_cut_off(text: str) -> None:
    shown = seen(words(text))
    rim = shown.crop((shown.width - 2, 0, shown.width, shown.height))
    assert rim.getcolors() == [(rim.width * rim.height, WHITE)]


@pytest.mark.parametrize("hostile", [*NASTY, "\n", 'a\\n#eval(1) "x" $x$ #sys', "\u202e\u2066\u200f", "\ufeff\u2060"])
def test_B39_a_foreign_line_is_nothing_but_paths(hostile: str) -> None:
    page = svg([words(f"नमस्ते {hostile} नमस्ते"), words(f"{hostile}𝔸", y=90)], {})
    made = outlined(page, face_of([page]))
    for forbidden in ("<script", "onload", "<image", "href", "<!", "नम"):
        assert forbidden not in made
    assert png(page)


def test_B39_ideographs_stay_text_in_a_document() -> None:
    text = "第1页：日本語, hello, 한국어"
    assert PdfReader(io.BytesIO(pdf([svg([words(text)], {})]))).pages[0].extract_text().strip() == text
