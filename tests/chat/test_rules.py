"""Who may change what was said, without anything around it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tutorwamp.chat import rules
from tutorwamp.chat.contracts import KeptMessage
from tutorwamp.chat.errors import EditWindow
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import Conflict, Forbidden

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
MOMENT = timedelta(milliseconds=1)


ANNA, BEN, TINA = new_id(), new_id(), new_id()
WORDS = KeptMessage(
    id=new_id(),
    lesson_id=new_id(),
    seq=1,
    author=ANNA,
    body="Helo",
    reply_to=None,
    reactions={},
    created_at=NOW,
    edited_at=None,
    deleted_at=None,
    client_id=None,
)


def changed(**fields: Any) -> KeptMessage:
    return WORDS.model_copy(update=fields)


def test_C3_its_author_edits_a_message_until_the_window_closes() -> None:
    for later in (timedelta(0), DAY):
        now = NOW + later
        assert rules.edit(WORDS, ANNA, "Hello", now, DAY) == changed(body="Hello", edited_at=now)
    with pytest.raises(EditWindow) as refused:
        rules.edit(WORDS, ANNA, "Hello", NOW + DAY + MOMENT, DAY)
    assert (refused.value.uri, refused.value.details) == (
        "tutorwamp.error.chat.edit_window",
        {"window_s": 86_400.0},
    )


def test_C3_the_window_counts_from_when_it_was_said_not_from_the_last_edit() -> None:
    edited = rules.edit(WORDS, ANNA, "Hello", NOW + DAY, DAY)
    with pytest.raises(EditWindow):
        rules.edit(edited, ANNA, "Hello!", NOW + DAY + MOMENT, DAY)


def test_C3_nobody_else_edits_it() -> None:
    with pytest.raises(Forbidden):
        rules.edit(WORDS, BEN, "Hello", NOW, DAY)


def test_C3_a_deleted_message_stays_deleted() -> None:
    with pytest.raises(Conflict) as refused:
        rules.edit(changed(body=None, deleted_at=NOW), ANNA, "Hello", NOW, DAY)
    assert refused.value.uri == "tutorwamp.error.conflict"


def test_C3_the_same_words_are_no_edit() -> None:
    assert rules.edit(WORDS, ANNA, "Helo", NOW, DAY) is WORDS


def test_C4_its_author_and_moderators_delete_a_message_at_any_time() -> None:
    for deleter_id, moderates in ((ANNA, False), (TINA, True)):
        deleted = rules.delete(WORDS, deleter_id, NOW + 30 * DAY, moderates=moderates)
        assert deleted == changed(body=None, deleted_at=NOW + 30 * DAY)


def test_C4_other_students_do_not() -> None:
    with pytest.raises(Forbidden):
        rules.delete(WORDS, BEN, NOW, moderates=False)


def test_C4_deleting_twice_is_deleting_once() -> None:
    deleted = rules.delete(WORDS, ANNA, NOW, moderates=False)
    assert rules.delete(deleted, TINA, NOW + DAY, moderates=True) is deleted
