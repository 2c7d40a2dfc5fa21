"""Who may change what was said: pure, time passed in. The numbers are those of docs/rules/chat.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from tutorwamp.chat.errors import EditWindow
from tutorwamp.kernel.errors import Conflict, Forbidden


class Said(Protocol):
    """What the rules need to know of a message (a dataclass)."""

    @property
    def author_id(self) -> str:
        """Who said it."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was said."""
        ...

    @property
    def deleted_at(self) -> datetime | None:
        """When it was taken away."""
        ...

    @property
    def body(self) -> str | None:
        """What was said."""
        ...


SaidType = TypeVar("SaidType", bound=Said)


def edit(message: SaidType, editor_id: str, body: str, now: datetime, window: timedelta) -> SaidType:
    """C3: the author may edit within the window, not after a deletion. Raises Forbidden, Conflict or EditWindow."""
    if message.author_id != editor_id:
        raise Forbidden("Only the author may edit a message.")
    if message.deleted_at is not None:
        raise Conflict("The message was deleted.")
    if now - message.created_at > window:
        raise EditWindow("The message is too old to be edited.", details={"window_s": window.total_seconds()})
    if message.body == body:
        return message
    return replace(message, body=body, edited_at=now)  # type: ignore[type-var]  # every Said is a dataclass


def delete(message: SaidType, deleter_id: str, now: datetime, *, moderates: bool) -> SaidType:
    """C4: the author and the lesson's moderators may delete; twice is once. Raises Forbidden."""
    if message.author_id != deleter_id and not moderates:
        raise Forbidden("Only its author or the lesson's tutor may delete a message.")
    if message.deleted_at is not None:
        return message
    return replace(message, body=None, deleted_at=now)  # type: ignore[type-var]  # every Said is a dataclass
