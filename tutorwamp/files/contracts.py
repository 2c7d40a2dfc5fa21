"""What others may know of files: values, what is asked over REST, and the ports by which chat has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

from pydantic import AfterValidator, BeforeValidator, Field

from tutorwamp.kernel.contracts import Caller, ClientId, Id, Instant, Line, Value
from tutorwamp.kernel.text import composed, straight

NAME_LENGTH_AT_MOST: Final = 200
FILES_PER_MESSAGE_AT_MOST: Final = 10


def _composed(name: object) -> object:
    # Some systems take letters apart in the names of their files, and nobody sees it.
    return composed(name) if isinstance(name, str) else name


def _no_path(name: str) -> str:
    if "/" in name or "\\" in name or name in (".", ".."):
        raise ValueError("must be a name without / and \\")
    if straight(name) != name:
        raise ValueError("must not turn round what follows")  # or what ends with .exe would seem not to
    return name


FileName = Annotated[
    Line, BeforeValidator(_composed), Field(min_length=1, max_length=NAME_LENGTH_AT_MOST), AfterValidator(_no_path)
]
"""What a file is called: text for people, which means no place on any disk. Composed as NFC whatever it came as."""


class MessageFile(Value):
    """A file as a message shows it. ``size`` is bytes; the type is known by the content."""

    id: Id
    name: str
    media_type: str
    size: int


class LessonFile(MessageFile):
    """A file that was sent into a lesson. ``size`` may be less than was sent: pictures are kept without notes."""

    lesson_id: Id
    created_at: Instant


class SendFile(Value):
    """Send a file into a lesson; the body is its bytes."""

    lesson_id: Id
    name: FileName
    client_id: ClientId | None = None


class OneFile(Value):
    """A file of a lesson."""

    lesson_id: Id
    file_id: Id


def _each_once(file_ids: list[str]) -> list[str]:
    if len(set(file_ids)) < len(file_ids):
        raise ValueError("must name each file once")
    return file_ids


FileIds = Annotated[
    list[Id],
    Field(max_length=FILES_PER_MESSAGE_AT_MOST, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_each_once),
]
"""The files of a message, in the order in which it shows them."""


@dataclass(frozen=True)
class Wanted:
    """Files that a message is to have: all of them its author's, of its lesson, and no other message's."""

    message_id: str
    lesson_id: str
    owner_id: str
    file_ids: Sequence[str]


class FilesOfMessages(Protocol):
    """The port by which what keeps messages keeps their files with them; ``transaction`` is the database's own."""

    def free(self, transaction: Any, wanted: Sequence[Wanted]) -> list[bool]:
        """Which of these can be had, each with all its files; they wait until the transaction ends."""
        ...

    def take(self, transaction: Any, wanted: Sequence[Wanted]) -> None:
        """These messages have their files from now on. They must be free."""
        ...

    def drop(self, transaction: Any, message_id: str) -> list[str]:
        """The message has none any more; the ids of those it had, whose bytes are to be discarded afterwards."""
        ...


class LessonFiles(Protocol):
    """The port by which others know of files, on behalf of who has sent them."""

    async def described(self, caller: Caller, lesson_id: str, file_ids: Sequence[str]) -> list[MessageFile]:
        """Those of these that the caller has sent into the lesson, in this order."""
        ...

    def discard(self, file_ids: Sequence[str]) -> None:
        """Forget the bytes of files that there are no more; what cannot be reached now is swept later."""
        ...
