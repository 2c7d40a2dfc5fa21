"""Who may change what was said: pure, time passed in. The numbers are those of docs/rules/chat.md."""

from __future__ import annotations

from datetime import datetime, timedelta

from tutorwamp.chat.contracts import KeptMessage
from tutorwamp.chat.errors import EditWindow
from tutorwamp.kernel.errors import Conflict, Forbidden


def edit(message: KeptMessage, editor_id: str, body: str, now: datetime, window: timedelta) -> KeptMessage:
    """C3: the author may edit within the window, not after a deletion. Raises Forbidden, Conflict or EditWindow."""
    if message.author != editor_id:
        raise Forbidden("Only the author may edit a message.")
    if message.deleted_at is not None:
        raise Conflict("The message was deleted.")
    if now - message.created_at > window:
        raise EditWindow("The message is too old to be edited.", details={"window_s": window.total_seconds()})
    if message.body == body:
        return message
    return message.model_copy(update={"body": body, "edited_at": now})


def delete(message: KeptMessage, deleter_id: str, now: datetime, *, moderates: bool) -> KeptMessage:
    """C4: the author and the lesson's moderators may delete; twice is once. Raises Forbidden."""
    if message.author != deleter_id and not moderates:
        raise Forbidden("Only its author or the lesson's tutor may delete a message.")
    if message.deleted_at is not None:
        return message
    return message.model_copy(update={"body": None, "files": [], "deleted_at": now})
