"""Who may change what was said, without anything around it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from tutorwamp.chat import rules
from tutorwamp.chat.errors import EditWindow
from tutorwamp.kernel.errors import Conflict, Forbidden

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Words:
    """As much of a message as the rules look at."""

    author_id: str = "anna"
    body: str | None = "Helo"
    created_at: datetime = NOW
    edited_at: datetime | None = None
    deleted_at: datetime | None = None


def test_C3_its_author_edits_a_message_until_the_window_closes() -> None:
    for later in (timedelta(0), DAY):
        now = NOW + later
        assert rules.edit(Words(), "anna", "Hello", now, DAY) == Words(body="Hello", edited_at=now)
    with pytest.raises(EditWindow) as refused:
        rules.edit(Words(), "anna", "Hello", NOW + DAY + MOMENT, DAY)
    assert (refused.value.uri, refused.value.details) == (
        "tutorwamp.error.chat.edit_window",
        {"window_s": 86_400.0},
    )


def test_C3_the_window_counts_from_when_it_was_said_not_from_the_last_edit() -> None:
    edited = rules.edit(Words(), "anna", "Hello", NOW + DAY, DAY)
    with pytest.raises(EditWindow):
        rules.edit(edited, "anna", "Hello!", NOW + DAY + MOMENT, DAY)


def test_C3_nobody_else_edits_it() -> None:
    with pytest.raises(Forbidden):
        rules.edit(Words(), "ben", "Hello", NOW, DAY)


def test_C3_a_deleted_message_stays_deleted() -> None:
    with pytest.raises(Conflict) as refused:
        rules.edit(Words(body=None, deleted_at=NOW), "anna", "Hello", NOW, DAY)
    assert refused.value.uri == "tutorwamp.error.conflict"


def test_C3_the_same_words_are_no_edit() -> None:
    words = Words()
    assert rules.edit(words, "anna", "Helo", NOW, DAY) is words


def test_C4_its_author_and_moderators_delete_a_message_at_any_time() -> None:
    for deleter_id, moderates in (("anna", False), ("tina", True)):
        deleted = rules.delete(Words(), deleter_id, NOW + 30 * DAY, moderates=moderates)
        assert deleted == replace(Words(), body=None, deleted_at=NOW + 30 * DAY)


def test_C4_other_students_do_not() -> None:
    with pytest.raises(Forbidden):
        rules.delete(Words(), "ben", NOW, moderates=False)


def test_C4_deleting_twice_is_deleting_once() -> None:
    deleted = rules.delete(Words(), "anna", NOW, moderates=False)
    assert rules.delete(deleted, "tina", NOW + DAY, moderates=True) is deleted
