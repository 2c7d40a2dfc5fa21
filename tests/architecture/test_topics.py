"""Who cannot read the registry of topics, for it imports no domain, repeats nothing of it that no test compares."""

from __future__ import annotations

from tutorwamp.client.lesson import KIND_OF
from tutorwamp.gate.contracts import SAID_BY_MEMBERS
from tutorwamp.gate.rules import Client, Grants, decide
from tutorwamp.kernel.contracts import new_id, utc_now
from tutorwamp.kernel.topics import Topic
from tutorwamp.reference.catalogue import catalogue

TOPICS: list[Topic] = list(catalogue().topics.values())


def test_the_gate_knows_the_form_of_all_that_members_publish() -> None:
    unchecked = {
        topic.uri: topic.message
        for topic in TOPICS
        if topic.publisher == "members" and SAID_BY_MEMBERS.get(topic.kind) is not topic.message
    }
    assert not unchecked, f"Name these models in SAID_BY_MEMBERS of tutorwamp/gate/contracts.py: {unchecked}."


def test_the_gate_opens_every_topic_that_lesson_join_does_not() -> None:
    anna = Client(1, new_id(), utc_now())
    others = [topic for topic in TOPICS if topic.whose != "lesson"]
    shut = [
        topic.uri
        for topic in others
        if not decide(anna, "subscribe", topic.of(anna.user_id), {}, procedures=(), grants=Grants())["allow"]
    ]
    assert not shut, f"Nobody can hear these topics: open them in decide() of tutorwamp/gate/rules.py: {shut}."


def test_the_python_client_knows_on_which_topic_each_event_comes() -> None:
    strange = {
        event: topic.uri
        for topic in TOPICS
        if topic.whose == "lesson"
        for event in topic.events
        if KIND_OF.get(word := event.partition(".")[0], word) != topic.kind
    }
    assert not strange, (
        f"Name these events after their topic, or their words in KIND_OF of tutorwamp/client/lesson.py: {strange}."
    )
