"""Streams: durable, ordered, numbered 1, 2, 3 ... without a gap.

Here is what needs no database: events without a number, keys, positions. The rows are in ``kernel/sql/streams.py``.

Every event has a *key*, unique per stream and actor: the caller's ``client_id``, or one of our own. A repetition finds
the first event by it, and so does the database where the answer to a commit was lost: whoever appends has nothing to
do for that.

Every stream has a *guard*: the version of the rules its writers were admitted under (for a lesson's streams, the
lesson's version). A draft says which guard its writer saw; where the rules have changed since, it is refused as stale
and costs no number. That makes it safe to admit from memory.

The numbers belong to the database's *epoch*. A database that was restored has a new one: its numbers are given out a
second time, for other events.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tutorwamp.kernel.contracts import new_id

LETS_NOTHING_NEW_IN: Final = -1
"""A guard that no stream has: only what is known already passes."""
NOBODY: Final = ""
"""The actor of the system's own events."""


class UnknownStreamError(Exception):
    """There is no such stream (any more)."""


class StaleGuardError(Exception):
    """The rules of this stream have changed since the writer was admitted: look again, then try again."""


@dataclass(frozen=True)
class Draft:
    """An event that has no number yet."""

    stream: str
    guard: int | None
    """The guard the writer was admitted under; null where it was admitted from the database just before, or is none."""
    type: str
    at: datetime
    actor: Mapping[str, Any] | None
    key: str
    digest: str
    subject: str
    """Id of the thing it is about; later changes of that thing restate its earlier events."""
    data: Callable[[int], dict[str, Any]]
    """Makes the event's data from its number."""

    @property
    def actor_id(self) -> str:
        """Part of the key."""
        return NOBODY if self.actor is None else str(self.actor["id"])


@dataclass(frozen=True)
class Repeated:
    """The draft's key is known: nothing was written. The first event was about ``subject``."""

    seq: int
    subject: str


def key_for(client_id: str | None) -> str:
    """The caller's idempotency key, or one of our own (marked, so that nobody can choose it)."""
    return client_id if client_id is not None else f"\x7f{new_id()}"


def digest_of(*content: Any) -> str:
    """A fingerprint of what was asked for, to tell a repetition from another request under the same key."""
    return hashlib.sha256(_COMPACT.encode(content).encode()).hexdigest()


_COMPACT: Final = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True)
class Position:
    """Where a stream is, and the rules its writers must know."""

    head: int
    guard: int


@dataclass(frozen=True)
class Moment:
    """Where an event stands among those of several streams: by time, then stream, then number."""

    at: datetime
    stream: str
    seq: int


@dataclass(frozen=True)
class Heads:
    """The positions of some streams' newest events, and the epoch they belong to."""

    epoch: str
    by_name: dict[str, int]
