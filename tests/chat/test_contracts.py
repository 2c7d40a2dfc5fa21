"""What may be said, and what is an emoji."""

from __future__ import annotations

from typing import Any

import pytest
from emoji import EMOJI_DATA, STATUS

from tests.kernel.test_text import UNSEEN
from tutorwamp.chat.contracts import EditMessage, MarkRead, React, SearchMessages, SendMessage
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.errors import Invalid

SOME_ID = new_id()


def body(text: str) -> str:
    return check(SendMessage, {"lesson_id": SOME_ID, "body": text}).body


def refusal(model: type[Any], **arguments: Any) -> list[Any]:
    """The places of the faults."""
    with pytest.raises(Invalid) as refused:
        check(model, arguments)
    details: Any = refused.value.details
    return [fault["loc"] for fault in details]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  Hello \n", "Hello"),
        ("one\n\ttwo", "one\n\ttwo"),
        ("x" * 4000, "x" * 4000),
        (" " * 100 + "😀" * 4000 + " ", "😀" * 4000),
        ("Ünïcödé ≠ Привет 中文 👩🏽‍🏫", "Ünïcödé ≠ Привет 中文 👩🏽‍🏫"),
    ],
)
def test_C1_a_body_is_trimmed_and_kept(text: str, said: str) -> None:
    assert body(text) == said


@pytest.mark.parametrize(
    "text",
    ["", " \n\t ", "x" * 4001, "a\0b", "a\rb", "\x1b[2J", "a\x85b", "lone \ud800", "e\N{COMBINING ACUTE ACCENT}"],
)
def test_C1_what_cannot_be_shown_everywhere_is_refused(text: str) -> None:
    assert refusal(SendMessage, lesson_id=SOME_ID, body=text) == [["body"]]


@pytest.mark.parametrize("more", [{"client_id": ""}, {"client_id": "x" * 65}, {"client_id": "\x7f" + SOME_ID}])
def test_C5_nobody_can_choose_a_key_of_ours(more: dict[str, str]) -> None:
    assert refusal(SendMessage, lesson_id=SOME_ID, body="Hello", **more) == [["client_id"]]


@pytest.mark.parametrize(
    "emoji",
    [
        "👍", "😀", "❤️", "❤", "👩🏽‍🏫", "👨‍👩‍👧‍👦", "🇩🇪", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣", "#⃣", "☑️", "⭐", "©️", "↔️",
        "◽", "⤵️", "‼️", "⁉️", "〰️", "〽️", "🙂🙃", "ℹ️", "ℹ", "Ⓜ️", "▪️", "⭐️", "👨🏽‍👩🏽‍👧🏽‍👦🏽",
        "👩‍❤‍💋‍👨", "🧑🏻‍❤️‍🧑🏿", "🏳️‍⚧️", "🇺🇳🇽🇰", "🦰",
        "\U0001fae8",  # Unicode 15: newer than Python 3.11's
        "🙂\u200d\u2194\ufe0f",  # 15.1
        "\U0001fae9",  # 16
        "🇨🇶",  # 16
        "\U0001faea",  # 17
    ],
)  # fmt: skip
def test_C8_an_emoji_is_one_that_unicode_lists(emoji: str) -> None:
    assert check(React, {"message_id": SOME_ID, "emoji": emoji, "on": True}).emoji == emoji


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "ok👍", "👍!", "12👍", "1", "+1", "!", "🏽", "\N{ZERO WIDTH JOINER}", "12️⃣", "👍" * 33,
        "👍\n👍", "<b>", "中", "±", "★", "①", "♔", "→", "▓", "\u2800", "❤\ufe0e", "1\ufe0f", "🇩", "🇦🇦",
        "\ufe0f", "👍\u200d", "\u200d👍", "👍\ufe0f\ufe0f", "🙂🏽", "🏴\U000e0061", "👍\u20e3", "\U0001fbc5",
    ],
)  # fmt: skip
def test_C8_other_text_is_not(text: str) -> None:
    assert refusal(React, message_id=SOME_ID, emoji=text, on=True) == [["emoji"]]


def test_C8_what_was_a_reaction_once_can_be_taken_off() -> None:
    assert check(React, {"message_id": SOME_ID, "emoji": "★", "on": False}).emoji == "★"
    assert refusal(React, message_id=SOME_ID, emoji="★" * 33, on=False) == [["emoji"]]
    assert refusal(React, message_id=SOME_ID, emoji="★") == [["on"], ["emoji"]]


def test_C8_every_sequence_of_the_rgi_set_is_a_reaction() -> None:
    listed = [one for one, what in EMOJI_DATA.items() if what["status"] == STATUS["fully_qualified"]]
    assert len(listed) >= 3_944, "of Unicode 17, without skin tones and hair"
    for emoji in listed:
        assert check(React, {"message_id": SOME_ID, "emoji": emoji, "on": True}).emoji == emoji


@pytest.mark.parametrize("text", UNSEEN)
def test_C1_a_message_shows_something(text: str) -> None:
    assert refusal(SendMessage, lesson_id=SOME_ID, body=text) == [["body"]]
    assert refusal(EditMessage, message_id=SOME_ID, body=f" {text}\n{text}") == [["body"]]
    assert refusal(SearchMessages, query=text) == [["query"]]
    assert body(f"{text}a{text}") == f"{text}a{text}", "as it was sent"


def test_C14_words_are_counted_as_they_are_looked_for() -> None:
    many = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"  # four words
    assert check(SearchMessages, {"query": f"{many} {many} {many}"})
    assert refusal(SearchMessages, query=f"{many} {many} {many} a") == [["query"]]


def test_what_is_asked_for_is_within_bounds() -> None:
    assert refusal(SearchMessages, query=" ") == [["query"]]
    assert refusal(SearchMessages, query="x" * 201) == [["query"]]
    assert refusal(SearchMessages, query="x", limit=101) == [["limit"]]
    assert refusal(MarkRead, lesson_id=SOME_ID, seq=-1) == [["seq"]]
    assert refusal(MarkRead, lesson_id=SOME_ID, seq=2**53) == [["seq"]]
    assert refusal(React, message_id=SOME_ID, emoji="👍", on=1) == [["on"]]
