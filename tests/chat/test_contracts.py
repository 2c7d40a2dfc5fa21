"""What may be said, and what is an emoji."""

from __future__ import annotations

from typing import Any

import pytest

from tutorwamp.chat.contracts import MarkRead, React, SearchMessages, SendMessage
from tutorwamp.kernel.arguments import check
from tutorwamp.kernel.contracts import new_id
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
        "👍",
        "😀",
        "❤️",
        "❤",
        "👩🏽‍🏫",
        "👨‍👩‍👧‍👦",
        "🇩🇪",
        "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "1️⃣",
        "#⃣",
        "☑️",
        "⭐",
        "©️",
        "↔️",
        "◽",
        "⤵️",
        "‼️",
        "⁉️",
        "〰️",
        "〽️",
        "🙂🙃",
    ],
)
def test_C8_an_emoji_is_a_pictograph_or_a_keycap(emoji: str) -> None:
    assert check(React, {"message_id": SOME_ID, "emoji": emoji, "on": True}).emoji == emoji


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "ok👍",
        "👍!",
        "12👍",
        "1",
        "+1",
        "!",
        "🏽",
        "\N{ZERO WIDTH JOINER}",
        "12️⃣",
        "👍" * 33,
        "👍\n👍",
        "<b>",
        "中",
        "±",
    ],
)
def test_C8_other_text_is_not(text: str) -> None:
    assert refusal(React, message_id=SOME_ID, emoji=text, on=True) == [["emoji"]]


def test_what_is_asked_for_is_within_bounds() -> None:
    assert refusal(SearchMessages, query=" ") == [["query"]]
    assert refusal(SearchMessages, query="x" * 201) == [["query"]]
    assert refusal(SearchMessages, query="x", limit=101) == [["limit"]]
    assert refusal(MarkRead, lesson_id=SOME_ID, seq=-1) == [["seq"]]
    assert refusal(MarkRead, lesson_id=SOME_ID, seq=2**53) == [["seq"]]
    assert refusal(React, message_id=SOME_ID, emoji="👍", on=1) == [["on"]]
