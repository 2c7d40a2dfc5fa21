"""What is published: each topic says so where its domain declares it, as errors do, and everybody else reads it here.

A topic of a lesson or a person is named ``tutorwamp.<whose>.<id>.<kind>``. Where its events are kept and numbered it
is a stream, and the stream has the topic's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from tutorwamp.kernel.contracts import Value
from tutorwamp.kernel.errors import NotFound

_ID: Final = re.compile(r"\{\w+\}")
_NAME: Final = re.compile(r"tutorwamp\.([a-z]+)\.([0-9a-f-]{36})\.([a-z_]+)")


@dataclass(frozen=True)
class Topic:
    """One kind of thing that is published: its URI, with ``{names}`` where ids stand, and the models of what it says.

    A stream has ``events``, by type the model of their ``data``; any other topic has the model of its whole message.
    """

    uri: str
    meaning: str
    events: Mapping[str, type[Value]] = field(default_factory=dict)
    message: type[Value] | None = None
    publisher: Literal["server", "members"] = "server"

    def __post_init__(self) -> None:
        """Raises TypeError where the name is taken."""
        if _TOPICS.setdefault(_ID.sub("{}", self.uri), self) is not self:
            raise TypeError(f"{self.uri} is declared twice")

    @property
    def whose(self) -> str:
        """What the id in it is of: ``lesson``, ``user``."""
        return self.uri.split(".")[1]

    @property
    def kind(self) -> str:
        """Its last word, by which clients know it."""
        return self.uri.rpartition(".")[2]

    @property
    def is_stream(self) -> bool:
        """Whether what it says is kept and numbered."""
        return bool(self.events)

    def of(self, owner_id: str) -> str:
        """Its name for one lesson or person."""
        return _ID.sub(owner_id, self.uri)

    @property
    def pattern(self) -> str:
        """Its names for all of them, as SQL's LIKE wants it."""
        return self.of("%")


_TOPICS: Final[dict[str, Topic]] = {}


def topics(whose: str | None = None) -> list[Topic]:
    """All that the imported domains have declared, or those of ``lesson`` or ``user``; the streams first."""
    found = [topic for topic in _TOPICS.values() if whose in (None, topic.whose)]
    return sorted(found, key=lambda topic: (not topic.is_stream, topic.kind))


@dataclass(frozen=True)
class StreamName:
    """The name of a stream in its parts."""

    whose: str
    """What the id is of: ``lesson`` or ``user``."""
    owner_id: str
    topic: Topic


def stream_named(name: str) -> StreamName:
    """The parts of a stream's name. Raises NotFound where no domain has declared such a stream."""
    found = _NAME.fullmatch(name)
    topic = None if found is None else _TOPICS.get(f"tutorwamp.{found[1]}.{{}}.{found[3]}")
    if found is None or topic is None or not topic.is_stream:
        raise NotFound("There is no such stream.")
    return StreamName(found[1], found[2], topic)
