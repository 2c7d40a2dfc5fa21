"""What can be seen of a text, and what it is searched by."""

from __future__ import annotations

import unicodedata
from typing import Final

import pytest

from tutorwamp.kernel.text import folded, is_unseen

UNSEEN: Final = [
    *("\u200b", "\u3164", "\u2800", "\u00ad", "\u2060", "\ufeff", "\u200e", "\u202e", "\u034f", "\u115f\u1160"),
    *(
        "\uffa0",
        "\ufe0f",
        "\u180e",
        "\u17b4",
        "\ufffc",
        "\U000e0041",
        "\U000e0100",
        "\U0001d173",
        "\u2800 \u200b\u2800",
    ),
]
SHOWN_MARKS: Final = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""The format characters that are drawn: they stand under or before a number."""


@pytest.mark.parametrize("text", UNSEEN)
def test_what_shows_nothing(text: str) -> None:
    assert is_unseen(text)
    assert is_unseen(f" {text}\n{text}")


@pytest.mark.parametrize("text", ["", " \n\t\u00a0\u3000\u2028"])
def test_blanks_alone_are_trimmed_or_meant(text: str) -> None:
    assert not is_unseen(text)


@pytest.mark.parametrize("text", ["a", ".", "\u200b.\u200b", "́", "中", "ㅤa", "⠁", "🏳️", "\U0001faea", "ᅡ", "\ue000"])
def test_what_shows_something(text: str) -> None:
    assert not is_unseen(text), "also what this Python does not know yet"


def test_blank_is_what_unicode_calls_a_separator_or_a_format() -> None:
    by_category: dict[str, set[str]] = {}
    for character in map(chr, range(0x110000)):
        by_category.setdefault(unicodedata.category(character), set()).add(character)
    blank = by_category["Zs"] | by_category["Zl"] | by_category["Zp"] | by_category["Cf"]
    assert {one for one in blank if not is_unseen(f"\u200b{one}")} == SHOWN_MARKS
    shown = by_category["Ll"] | by_category["Lu"] | by_category["Nd"] | by_category["Po"] | by_category["Sm"]
    assert not any(map(is_unseen, shown))


def test_C11_case_is_folded_in_every_script() -> None:
    assert folded("Straße") == folded("STRASSE") == folded("strasse")
    assert folded("ΣΊΣΥΦΟΣ") == folded("σίσυφος")
    assert folded("DİYARBAKIR") == folded("diyarbakır") == folded("Diyarbakir")
    assert folded(None) == ""


def test_C11_what_is_folded_stays_as_it_is() -> None:
    for code in [*range(0xD800), *range(0xE000, 0x20000)]:
        once = folded(chr(code))
        assert folded(once) == once, hex(code)
