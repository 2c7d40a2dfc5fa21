"""Topics say what they are where they are declared; a stream's name is read in one place."""

from __future__ import annotations

import pytest

from tutorwamp.board.contracts import BOARD_TOPIC
from tutorwamp.chat.contracts import CHAT_TOPIC
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.topics import StreamName, Topic, stream_named, topics
from tutorwamp.lessons.contracts import PRESENCE_TOPIC, STATE_TOPIC
from tutorwamp.notifications.contracts import NOTIFICATIONS_TOPIC

ID = "019b0e4c-6f3a-7c11-a2b4-5d6e7f8091a2"


def test_S5_streams_say_whose_they_are() -> None:
    for topic in (STATE_TOPIC, CHAT_TOPIC, BOARD_TOPIC):
        assert stream_named(topic.of(ID)) == StreamName("lesson", ID, topic)
    assert stream_named(f"tutorwamp.user.{ID}.notifications") == StreamName("user", ID, NOTIFICATIONS_TOPIC)


@pytest.mark.parametrize(
    "name",
    [
        *(f"tutorwamp.lesson.{ID}.{kind}" for kind in ("presence", "typing", "cursor", "state.x", "state\n", "")),
        f"tutorwamp.user.{ID}.chat",
        f"tutorwamp.lesson.{ID}.notifications",
        "tutorwamp.lesson.{}.chat",
        "tutorwamp.lesson.{lesson_id}.chat",
        "tutorwamp.lesson.%.chat",
        "",
    ],
)
def test_S5_what_nobody_has_declared_is_no_stream(name: str) -> None:
    with pytest.raises(NotFound):
        stream_named(name)


def test_a_topic_knows_its_kind_and_its_names() -> None:
    assert (CHAT_TOPIC.whose, CHAT_TOPIC.kind, CHAT_TOPIC.is_stream) == ("lesson", "chat", True)
    assert (PRESENCE_TOPIC.kind, PRESENCE_TOPIC.is_stream) == ("presence", False)
    assert CHAT_TOPIC.of("x") == "tutorwamp.lesson.x.chat"
    assert CHAT_TOPIC.pattern == "tutorwamp.lesson.%.chat"


def test_a_topic_is_declared_once() -> None:
    with pytest.raises(TypeError, match="declared twice"):
        Topic("tutorwamp.lesson.{id}.chat", "Another one of this name.")
    assert CHAT_TOPIC in topics()
