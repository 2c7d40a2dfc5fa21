"""Polls."""

from tutorwamp.polls.contracts import POLLS_TOPIC


def test_a_poll_is_told_on_a_stream() -> None:
    assert POLLS_TOPIC.is_stream
