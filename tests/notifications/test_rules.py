from __future__ import annotations

from typing import Any

import pytest

from tutorwamp.notifications import rules
from tutorwamp.notifications.contracts import Channel, Kind

TINA, ANNA, BEN = ({"id": name, "name": name.title(), "role": "student"} for name in ("tina", "anna", "ben"))
LESSON: dict[str, Any] = {
    "id": "l1",
    "title": "Fractions",
    "tutor": TINA,
    "students": [ANNA, BEN],
    "starts_at": "2026-11-23T10:00:00.000Z",
}


def event(kind: str, actor: Any = TINA, seq: int = 3, **data: Any) -> dict[str, Any]:
    return {"stream": "s", "seq": seq, "type": kind, "actor": actor, "data": {**LESSON, **data}}


def who(drafts: list[rules.NotificationDraft]) -> dict[str, str]:
    return {one.user_id: str(one.kind) for one in drafts}


def test_N4_a_new_lesson_invites_its_students_and_not_its_tutor() -> None:
    drafts = rules.planned(LESSON)
    assert who(drafts) == {"anna": "lesson.invited", "ben": "lesson.invited"}
    assert {one.title for one in drafts} == {"Fractions"}
    assert {one.body for one in drafts} == {"Tina has invited you to this lesson."}
    assert drafts[0].data == {"lesson_id": "l1", "starts_at": LESSON["starts_at"], "says": "invited", "name": "Tina"}


def test_N4_N6_a_name_turns_none_of_our_words_round() -> None:
    turning = {**TINA, "name": "\u2069\u202eTina"}
    assert rules.planned({**LESSON, "tutor": turning})[0].body == "Tina has invited you to this lesson."
    data: dict[str, Any] = {"author": turning, "id": "m1", "deleted_at": None}
    assert rules.said(event("message.created", **data), LESSON, ["anna"])[0].body == "Tina has written something."


def test_N4_N5_a_change_is_told_to_those_who_were_there_and_invites_who_is_new() -> None:
    drafts = rules.changed(event("lesson.updated"), ["tina", "anna", "cem"])
    assert who(drafts) == {"anna": "lesson.changed", "ben": "lesson.invited", "cem": "lesson.changed"}
    assert [one.body for one in drafts if one.user_id == "cem"] == ["You are not in this lesson any more."]


def test_N4_who_comes_by_invitation_is_told_to_the_tutor_only() -> None:
    (told,) = rules.changed(event("lesson.updated", BEN), ["tina", "anna"])
    assert (told.user_id, told.kind, told.body) == ("tina", "lesson.changed", "Ben has accepted your invitation.")
    assert told.tutor_id is None, "their own mail counts against nobody (P8)"


def test_N5_a_cancelled_lesson_is_told_with_its_reason() -> None:
    drafts = rules.changed(event("lesson.cancelled", reason="Tina is ill."), ["tina", "anna", "ben"])
    assert who(drafts) == {"anna": "lesson.cancelled", "ben": "lesson.cancelled"}
    assert drafts[0].body == "The lesson was called off: Tina is ill."


def test_N4_an_admins_deed_is_told_to_the_tutor_too_and_the_systems_to_everybody() -> None:
    admin = {"id": "root", "name": "Root", "role": "admin"}
    assert set(who(rules.changed(event("lesson.cancelled", admin), []))) == {"tina", "anna", "ben"}
    assert set(who(rules.changed(event("lesson.cancelled", None), []))) == {"tina", "anna", "ben"}


@pytest.mark.parametrize(
    "kind", ["lesson.started", "lesson.ended", "lesson.interrupted", "lesson.continued", "pen.changed"]
)
def test_N5_what_people_in_the_room_see_is_not_told(kind: str) -> None:
    assert rules.changed(event(kind), ["tina", "anna", "ben"]) == []


def message(kind: str = "message.created", deleted_at: str | None = None) -> dict[str, Any]:
    said = {"id": "m1", "author": ANNA, "body": "secret", "deleted_at": deleted_at}
    return {"stream": "s", "seq": 5, "type": kind, "actor": ANNA, "data": said}


def test_N6_what_is_said_is_told_to_the_absent_without_its_words() -> None:
    (drafts,) = rules.said(message(), LESSON, ["anna", "ben"])
    assert (drafts.user_id, drafts.kind) == ("ben", Kind.CHAT_MESSAGE)
    assert drafts.body == "Anna has written something."
    said = {"says": "written", "name": "Anna", "message_id": "m1", "seq": 5}
    assert drafts.data == {"lesson_id": "l1", "starts_at": LESSON["starts_at"], **said}


@pytest.mark.parametrize("event", [message("message.updated"), message("reaction.changed"), message(deleted_at="now")])
def test_N6_changes_and_deleted_messages_are_not_told(event: dict[str, Any]) -> None:
    assert rules.said(event, LESSON, ["ben"]) == []


def test_N7_a_reminder_is_another_one_when_the_start_moves() -> None:
    drafts, moved = rules.starting(LESSON), rules.starting({**LESSON, "starts_at": "2026-11-23T11:00:00.000Z"})
    assert who(drafts) == dict.fromkeys(("tina", "anna", "ben"), "lesson.starting")
    assert drafts[0].source != moved[0].source


def test_N3_each_source_is_its_own() -> None:
    sources = [
        *(one.source for one in rules.planned(LESSON)[:1]),
        *(rules.changed(event("lesson.updated", seq=seq), ["anna"])[0].source for seq in (1, 2)),
        rules.said(message(), LESSON, ["ben"])[0].source,
        rules.starting(LESSON)[0].source,
    ]
    assert len(set(sources)) == len(sources)


def test_N8_the_defaults_and_what_is_chosen_instead() -> None:
    preferences = rules.with_choices(
        [("lesson.changed", "email", False), ("gone", "email", True), ("chat.message", "x", True)]
    )
    assert preferences["lesson.changed"] == {"in_app": True, "web_push": True, "email": False}
    assert preferences["lesson.invited"]["email"]
    assert not preferences["chat.message"]["email"]
    assert preferences.keys() == set(Kind)
    assert all(channels.keys() == set(Channel) for channels in preferences.values())
