"""What the contract's events are called, and whether a value is what it should be; the rest is a later version's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

EVENTS: Final[Mapping[str, frozenset[str]]] = {
    "state": frozenset(
        (
            *(f"lesson.{deed}" for deed in ("updated", "started", "interrupted", "continued", "ended", "cancelled")),
            *(f"{what}.changed" for what in ("pen", "rules", "hand", "timer")),
        )
    ),
    "chat": frozenset(
        ("message.created", "message.updated", "message.deleted", "reaction.changed", "read.advanced"),
    ),
    "board": frozenset(("board.changed", "page.added", "page.removed", "board.cleared")),
    "polls": frozenset(("poll.opened", "poll.changed", "poll.closed")),
    "notifications": frozenset(("notification.created", "notification.read")),
}
"""By the topic's kind."""


def is_named(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether it is something with an id, such as a message, a poll or an element of the board."""
    return isinstance(value, dict) and isinstance(value.get("id"), str) and value["id"] != ""


def is_message(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether it is one, as far as a chat has to know it; what else is in it is its reader's."""
    return is_named(value) and is_count(value.get("seq"))


def is_count(value: object) -> TypeGuard[int]:
    """Whether it is a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def rows(value: object) -> list[Any]:
    """The list that it should be; nothing where it is none."""
    return list(value) if isinstance(value, list | tuple) else []
