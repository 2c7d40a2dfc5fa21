"""Announcements inside a process: say that something happened; hear it.

A service announces an event after its transaction is durable, never before. Listeners are called at once, in the order
of announcement, on the reactor's thread; they must not block, and one that fails disturbs neither the announcer nor the
others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)
EventType = TypeVar("EventType")


class Events:
    """Who wants to hear of what, in this process."""

    def __init__(self) -> None:
        self._listeners: defaultdict[type, list[Callable[[Any], None]]] = defaultdict(list)

    def listen(self, kind: type[EventType], listener: Callable[[EventType], None]) -> None:
        """Call ``listener`` with every event of exactly this type."""
        self._listeners[kind].append(listener)

    def announce(self, event: object) -> None:
        """Tell all listeners. What they raise is logged, not raised here: the fact is committed already."""
        for listener in self._listeners[type(event)]:
            try:
                listener(event)
            except Exception:  # a listener's fault must not undo what has happened
                log.exception("a listener failed", event_type=type(event).__name__)
