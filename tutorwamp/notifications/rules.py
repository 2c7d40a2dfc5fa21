"""Who is told what: pure. The numbers are docs/rules/notifications.md's.

Texts are short English sentences with names and titles in them; never what was said (a deleted message must not live on
here), and never a time of day (the reader's clock shows ``data.starts_at``). ``data.says`` is the sentence as one word,
with ``name`` and ``reason`` where they are in it: for who says it in another language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tutorwamp.kernel.text import straight
from tutorwamp.notifications.contracts import Channel, Choices, Kind

JUST_NOW: Final = timedelta(seconds=5)
"""N6: what was said longer ago is judged as of then: a process has died since, or the database was away."""
_NOT_BY_DEFAULT: Final = {
    # Nobody wants a letter for what is over before it is read.
    (Kind.LESSON_STARTING, Channel.EMAIL),
    (Kind.CHAT_MESSAGE, Channel.EMAIL),
}
_OF_THE_TUTOR: Final = (Kind.LESSON_INVITED, Kind.LESSON_CHANGED, Kind.LESSON_CANCELLED)


@dataclass(frozen=True)
class NotificationDraft:
    """A notification to be: whose, and what. ``source`` makes it one, however often it is derived (N3)."""

    user_id: str
    kind: Kind
    source: str
    title: str
    body: str
    data: dict[str, Any]
    tutor_id: str | None = None
    """P8: the lesson's tutor, where it is their doing."""
    is_known: bool = True
    """P8: whether the person was ever in a lesson of that tutor."""
    said_at: datetime | None = None
    """N6: when it was said."""

    def since(self, now: datetime) -> datetime:
        """N6: the instant as of which it is judged whether somebody is told what was said."""
        return now if self.said_at is None or self.said_at > now - JUST_NOW else self.said_at


def defaults() -> Choices:
    """N8: what applies to who has chosen nothing."""
    return {str(kind): {str(channel): (kind, channel) not in _NOT_BY_DEFAULT for channel in Channel} for kind in Kind}


def with_choices(chosen: Iterable[tuple[str, str, bool]]) -> Choices:
    """N8: the defaults, and what somebody has chosen instead."""
    preferences = defaults()
    for kind, channel, enabled in chosen:
        if channel in preferences.get(kind, {}):
            preferences[kind][channel] = enabled
    return preferences


def members_of(lesson: Mapping[str, Any]) -> list[str]:
    """Everybody in a lesson, as its value goes over the wire: the tutor first."""
    return [lesson["tutor"]["id"], *(student["id"] for student in lesson["students"])]


def planned(lesson: Mapping[str, Any]) -> list[NotificationDraft]:
    """N4: a new lesson invites its students. Its tutor knows."""
    tutor, *students = members_of(lesson)
    return [_invited(student, lesson, source="created") for student in students if student != tutor]


def changed(event: Mapping[str, Any], before: Iterable[str]) -> list[NotificationDraft]:
    """N4, N5: what a lesson's state event tells whom. ``before``: its members until then. Nobody hears of own deeds."""
    lesson, source = event["data"], f"{event['stream']}#{event['seq']}"
    actor = None if event["actor"] is None else event["actor"]["id"]
    after, known = members_of(lesson), set(before)
    drafts: list[NotificationDraft] = []
    if event["type"] == "lesson.cancelled":
        reason = lesson.get("reason")
        body = f"The lesson was called off: {reason}" if reason else "The lesson was called off."
        why = {"reason": reason} if reason else {}
        drafts = [_draft(one, Kind.LESSON_CANCELLED, source, lesson, body, says="cancelled", **why) for one in after]
    elif event["type"] == "lesson.updated" and actor in set(after[1:]) - known:
        # By invitation: of thirty who come each would hear of all the others.
        name = straight(event["actor"]["name"])
        body = f"{name} has accepted your invitation."
        drafts = [_draft(after[0], Kind.LESSON_CHANGED, source, lesson, body, says="accepted", name=name)]
    elif event["type"] == "lesson.updated":
        for one in after:
            if one in known:
                body = "The lesson was changed."
                drafts.append(_draft(one, Kind.LESSON_CHANGED, source, lesson, body, says="changed"))
            else:
                drafts.append(_invited(one, lesson, source=source))
        for one in sorted(known - set(after)):
            body = "You are not in this lesson any more."
            drafts.append(_draft(one, Kind.LESSON_CHANGED, source, lesson, body, says="removed"))
    return [one for one in drafts if one.user_id != actor]


def said(event: Mapping[str, Any], lesson: Mapping[str, Any], absent: Iterable[str]) -> list[NotificationDraft]:
    """N6: somebody has said something while these were away."""
    if event["type"] != "message.created" or event["data"]["deleted_at"] is not None:
        return []
    author, message_id = event["data"]["author"], event["data"]["id"]
    source = f"{event['stream']}#{event['seq']}"
    name = straight(author["name"])
    more = {"says": "written", "name": name, "message_id": message_id, "seq": event["seq"]}
    body = f"{name} has written something."
    return [_draft(one, Kind.CHAT_MESSAGE, source, lesson, body, **more) for one in absent if one != author["id"]]


def read_up_to(events: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """N6: by person the last message of these that they have read in the chat itself."""
    return {event["actor"]["id"]: event["data"]["read_seq"] for event in events if event["type"] == "read.advanced"}


def starting(lesson: Mapping[str, Any]) -> list[NotificationDraft]:
    """N7: it begins soon. A lesson that is put off is told again."""
    source = f"starting {lesson['id']} {lesson['starts_at']}"
    body = "The lesson begins soon."
    return [_draft(one, Kind.LESSON_STARTING, source, lesson, body, says="starting") for one in members_of(lesson)]


def _invited(user_id: str, lesson: Mapping[str, Any], *, source: str) -> NotificationDraft:
    name = straight(lesson["tutor"]["name"])
    body = f"{name} has invited you to this lesson."
    source = f"tutorwamp.lesson.{lesson['id']}.state#{source}" if source == "created" else source
    return _draft(user_id, Kind.LESSON_INVITED, source, lesson, body, says="invited", name=name)


def _draft(
    user_id: str, kind: Kind, source: str, lesson: Mapping[str, Any], body: str, *, says: str, **more: Any
) -> NotificationDraft:
    data = {"lesson_id": lesson["id"], "starts_at": lesson["starts_at"], "says": says, **more}
    tutor_id = lesson["tutor"]["id"] if kind in _OF_THE_TUTOR and user_id != lesson["tutor"]["id"] else None
    return NotificationDraft(user_id, kind, source, lesson["title"], body, data, tutor_id)
