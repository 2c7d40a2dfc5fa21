"""Who may do what in a lesson's media room: pure. The numbers are those of docs/rules/lessons.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from tutorwamp.kernel.contracts import Caller
from tutorwamp.lessons.contracts import OPEN_STATES, Lesson
from tutorwamp.lessons.rules import moderates

TOKEN_LIFETIME: Final = timedelta(minutes=10)
"""Within it one must have entered; who was sent out could come back with it that long, so that they are sent again."""


def grant(caller: Caller, lesson: Lesson) -> dict[str, Any]:
    """L34: what somebody's token lets them do, in LiveKit's words."""
    moderator = moderates(caller, lesson)
    return {
        "room": lesson.id,
        "roomJoin": True,
        "roomAdmin": moderator,
        "canSubscribe": True,
        "canPublish": moderator or caller.user_id not in lesson.rules.muted,
        # What is said goes through the chat, where it is kept and can be reported.
        "canPublishData": moderator,
    }


@dataclass(frozen=True)
class Order:
    """Something the media server is told: a method of its room service, and its arguments."""

    method: str
    room: str
    identity: str = ""
    may_publish: bool = False

    @property
    def subject(self) -> tuple[str, str]:
        """Of whom it is: a later order about the same room or person takes its place."""
        return self.room, self.identity

    def arguments(self) -> dict[str, Any]:
        """As the room service has them."""
        if self.method == "DeleteRoom":
            return {"room": self.room}
        where = {"room": self.room, "identity": self.identity}
        if self.method == "RemoveParticipant":
            return where
        permission = {"can_subscribe": True, "can_publish": self.may_publish, "can_publish_data": False}
        return {**where, "permission": permission}

    def grant(self) -> dict[str, Any]:
        """What our own token must let us do for it."""
        return {"roomCreate": True} if self.method == "DeleteRoom" else {"roomAdmin": True, "room": self.room}


def orders(before: Lesson, after: Lesson) -> Iterator[Order]:
    """L35: what the media server must do about a change: send out, mute, close."""
    if after.state not in OPEN_STATES:
        if before.state in OPEN_STATES:
            yield Order("DeleteRoom", after.id)
        return
    were, are = {student.id for student in before.students}, {student.id for student in after.students}
    for user_id in sorted(were - are):
        yield Order("RemoveParticipant", after.id, user_id)
    for user_id in sorted(set(before.rules.muted) ^ set(after.rules.muted)):
        if user_id in are:
            yield Order("UpdateParticipant", after.id, user_id, may_publish=user_id not in after.rules.muted)


def standing(order: Order, lesson: Lesson) -> Order | None:
    """L35: the same order as of now, before it is given again; null where there is no reason for it any more."""
    is_student = any(student.id == order.identity for student in lesson.students)
    if order.method == "RemoveParticipant":
        return None if is_student else order
    if order.method == "UpdateParticipant":
        return replace(order, may_publish=order.identity not in lesson.rules.muted) if is_student else None
    return order
