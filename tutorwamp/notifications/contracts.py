"""What others may know of notifications: values, procedures, the stream, and the event others can listen to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Protocol

from pydantic import Field, PlainSerializer, model_validator

from tutorwamp.kernel.contracts import (
    LISTED,
    PAGE_LIMIT_AT_MOST,
    PAGE_LIMIT_DEFAULT,
    Cursor,
    Id,
    Instant,
    Limit,
    Nothing,
    Page,
    Procedure,
    StreamEvent,
    Value,
)
from tutorwamp.kernel.topics import Topic


class Kind(StrEnum):
    """What a notification is about."""

    LESSON_INVITED = "lesson.invited"
    LESSON_CHANGED = "lesson.changed"
    LESSON_CANCELLED = "lesson.cancelled"
    LESSON_STARTING = "lesson.starting"
    CHAT_MESSAGE = "chat.message"


class Channel(StrEnum):
    """How a person is told."""

    IN_APP = "in_app"
    """In the list, in the count, on the stream."""
    WEB_PUSH = "web_push"
    EMAIL = "email"


class Notification(Value):
    """One thing a person should know. ``data``: ids for a program, ``lesson_id`` always among them."""

    id: Id
    kind: Annotated[Kind, PlainSerializer(str)]
    title: str
    body: str
    data: dict[str, Any]
    created_at: Instant
    read_at: Instant | None


class ListNotifications(Value):
    """A page of one's own notifications, newest first."""

    unread_only: bool = False
    limit: Limit = PAGE_LIMIT_DEFAULT
    cursor: Cursor | None = None


class ReadNotifications(Value):
    """I have seen these."""

    notification_ids: Annotated[list[Id], Field(min_length=1, max_length=PAGE_LIMIT_AT_MOST)]


class OneNotification(Value):
    """Just which one."""

    notification_id: Id


class Unread(Value):
    """How many in-app notifications the person has not read; exact, never capped."""

    unread_count: int


Choices = dict[str, dict[str, bool]]
"""By kind and channel, whether the person is told this way."""


class Preferences(Value):
    """All of them."""

    preferences: Choices


class SetPreferences(Value):
    """Those that are given change, the others stay."""

    preferences: Annotated[
        dict[str, Annotated[dict[str, bool], Field(json_schema_extra={"propertyNames": {"enum": list(Channel)}})]],
        Field(json_schema_extra={"propertyNames": {"enum": list(Kind)}}),
    ]

    @model_validator(mode="after")
    def _known(self) -> SetPreferences:
        for kind, channels in self.preferences.items():
            if kind not in set(Kind):
                raise ValueError(f"{kind[:40]!r} is no kind of notification")
            for channel in channels:
                if channel not in set(Channel):
                    raise ValueError(f"{channel[:40]!r} is no channel")
        return self


LIST: Final = Procedure(
    "tutorwamp.notification.list", ListNotifications, Page[Notification], "One's own, newest first.", cost=LISTED
)
UNREAD_COUNT: Final = Procedure("tutorwamp.notification.unread_count", Nothing, Unread, "How many are unread.")
MARK_READ: Final = Procedure(
    "tutorwamp.notification.mark_read", ReadNotifications, Unread, "These were seen.", writes=True
)
MARK_ALL_READ: Final = Procedure("tutorwamp.notification.mark_all_read", Nothing, Unread, "All were seen.", writes=True)
PREFERENCES: Final = Procedure("tutorwamp.notification.preferences", Nothing, Preferences, "How one is told.")
SET_PREFERENCES: Final = Procedure(
    "tutorwamp.notification.set_preferences", SetPreferences, Preferences, "Change how one is told.", writes=True
)


class NotificationCreated(Value):
    """Something new. ``unread_count`` is absolute, as of this event."""

    notification: Notification
    unread_count: int


class NotificationRead(Value):
    """These were read, on one of the person's devices or in the chat itself; null: all until now."""

    notification_ids: list[Id] | None
    read_at: Instant
    unread_count: int


NOTIFICATIONS_TOPIC: Final = Topic(
    "tutorwamp.user.{user_id}.notifications",
    "A stream, open to its person only: what they should know, and what they have read.",
    events={"notification.created": NotificationCreated, "notification.read": NotificationRead},
)


def stream_of(user_id: str) -> str:
    """A person's stream and topic."""
    return NOTIFICATIONS_TOPIC.of(user_id)


@dataclass(frozen=True)
class NotificationsChanged:
    """A person's notification stream has grown."""

    event: StreamEvent


class Connected(Protocol):
    """The port by which one learns who is there; the gate is one."""

    async def connected(self, user_ids: Iterable[str]) -> set[str]:
        """Those of these people who have a live session."""
        ...


class Rooms(Protocol):
    """The port by which one learns who is and was in which room; the lessons' presence is one."""

    def present(self, lesson_id: str) -> set[str]:
        """The people who are in the room now, with a live session; nobody where another process keeps the rooms."""
        ...

    async def were_there(self, when: Collection[tuple[str, datetime]]) -> set[tuple[str, datetime]]:
        """Those of these people and moments of which the record says that they were in the room of some lesson."""
        ...

    async def taught(self, tutor_id: str, user_ids: Sequence[str]) -> set[str]:
        """Those of these people who were ever in the room in a lesson of this tutor."""
        ...


@dataclass(frozen=True)
class Addressed:
    """A new notification and whose it is, for those who send it on."""

    id: str
    user_id: str
    kind: Kind
    tutor_id: str | None = None
    """Whose lesson it is about, where it is the tutor's doing."""
    is_known: bool = True
    """Whether the person was ever in a lesson of that tutor."""


class Outbox(Protocol):
    """Where notifications go that are to be sent on; ``notifications/push/queue.py`` is one."""

    def enqueue(self, connection: Any, addressed: Sequence[Addressed]) -> None:
        """Note them, inside the transaction that makes them."""
        ...
