"""What others may know of chat: values, procedures and the event others can listen to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from emoji import EMOJI_DATA
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from tutorwamp.accounts.contracts import Person
from tutorwamp.files.contracts import FileIds, MessageFile
from tutorwamp.kernel.contracts import (
    LISTED,
    PAGE_LIMIT_DEFAULT,
    ClientId,
    Cost,
    Cursor,
    Id,
    Instant,
    Limit,
    Line,
    Page,
    Procedure,
    Seq,
    StreamEvent,
    Text,
    Value,
)
from tutorwamp.kernel.text import folded
from tutorwamp.kernel.topics import Topic

BODY_LENGTH_AT_MOST: Final = 4_000
EMOJI_LENGTH_AT_MOST: Final = 32
"""Code points; a family with skin tones has eleven."""
EMOJI_PER_MESSAGE_AT_MOST: Final = 50
WORDS_AT_MOST: Final = 12
"""Of a query: each is looked for in every message, and more narrow nothing down."""


Who = TypeVar("Who")


class MessageFields(Value, Generic[Who]):
    """A message's fields, said once: its row, its event's data and every answer are made from these."""

    id: Id
    lesson_id: Id
    seq: int
    author: Who
    body: str | None
    reply_to: Id | None
    files: list[MessageFile]
    reactions: dict[str, list[Id]]
    created_at: Instant
    edited_at: Instant | None
    deleted_at: Instant | None
    client_id: str | None


class Message(MessageFields[Person]):
    """One message. A deleted one keeps its place, with ``body`` null."""


class KeptMessage(MessageFields[Id]):
    """A message as it is kept: its author by id."""

    def by(self, author: Person) -> Message:
        """With its author's name."""
        return Message.of_checked({**self.__dict__, "author": author})  # checked when it was made


_SKIN_TONES: Final = frozenset("🏻🏼🏽🏾🏿")
"""Alone they are no reaction: they colour what stands before them."""
_EMOJI: Final = frozenset(EMOJI_DATA) - _SKIN_TONES
"""Every emoji and sequence of the RGI set (UTS #51), with and without its variation selectors. The package's data, not
Python's: the same on each Python, and newer than all of them."""
_EMOJI_LENGTH_AT_MOST: Final = max(map(len, _EMOJI))


def _is_emoji(text: str) -> str:
    # What joins and colours emoji may make pictures of them that are in no list, such as a family with skin tones.
    rest = text
    while rest:
        lengths = range(min(len(rest), _EMOJI_LENGTH_AT_MOST), 0, -1)
        known = next((length for length in lengths if rest[:length] in _EMOJI), 0)
        if not known:
            raise ValueError("must be an emoji")
        rest = rest[known:].removeprefix("\N{VARIATION SELECTOR-16}")
        if rest.startswith("\N{ZERO WIDTH JOINER}") and len(rest) > 1:
            rest = rest[1:]
    return text


def _few_words(query: str) -> str:
    # As the store counts them: folding takes some characters apart into several words.
    if len(folded(query).split()) > WORDS_AT_MOST:
        raise ValueError(f"must have at most {WORDS_AT_MOST} words")
    return query


Body = Annotated[Text, Field(min_length=1, max_length=BODY_LENGTH_AT_MOST)]
BodyOrNone = Annotated[Text, Field(max_length=BODY_LENGTH_AT_MOST)]
Emoji = Annotated[Line, Field(min_length=1, max_length=EMOJI_LENGTH_AT_MOST, json_schema_extra={"format": "emoji"})]
Query = Annotated[Line, Field(min_length=1, max_length=200), AfterValidator(_few_words)]


class SendMessage(Value):
    """Say something in a lesson, with files or without; with files it may be no words at all."""

    lesson_id: Id
    file_ids: FileIds = Field(default_factory=list)
    body: BodyOrNone
    client_id: ClientId | None = None
    reply_to: Id | None = None

    @field_validator("body")
    @classmethod
    def _words_or_files(cls, body: str, info: ValidationInfo) -> str:
        if not body and not info.data.get("file_ids"):
            raise ValueError("must not be empty where there are no files")
        return body


class EditMessage(Value):
    """Mend one's own words."""

    message_id: Id
    body: Body


class DeleteMessage(Value):
    """Take a message away; its place stays."""

    message_id: Id


class React(Value):
    """Put an emoji on a message, or take one's own off again."""

    message_id: Id
    on: bool
    emoji: Emoji

    @field_validator("emoji")
    @classmethod
    def _emoji_to_put_on(cls, emoji: str, info: ValidationInfo) -> str:
        return emoji if info.data.get("on") is False else _is_emoji(emoji)  # what was one once can be taken off


class ReadHistory(Value):
    """A page of a lesson's messages."""

    lesson_id: Id
    limit: Limit = PAGE_LIMIT_DEFAULT
    cursor: Cursor | None = None


class SearchMessages(Value):
    """Messages that contain all words of the query, whatever their case."""

    query: Query
    lesson_id: Id | None = None
    limit: Limit = PAGE_LIMIT_DEFAULT
    cursor: Cursor | None = None


class MarkRead(Value):
    """I have seen everything up to here."""

    lesson_id: Id
    seq: Seq


class ReadMark(Value):
    """How far somebody has read, and how many messages of others are newer."""

    read_seq: int
    unread_count: int


class ReadAdvanced(Value):
    """The data of ``read.advanced``."""

    person: Person
    read_seq: int


SEND: Final = Procedure("tutorwamp.chat.send", SendMessage, Message, "Say something.", writes=True)
CHANGED: Final = Cost(line="changes")
"""Each writes all events about its message anew: of a hundred changes at once other people wait for one only."""
EDIT: Final = Procedure("tutorwamp.chat.edit", EditMessage, Message, "Mend one's own words.", writes=True, cost=CHANGED)
DELETE: Final = Procedure(
    "tutorwamp.chat.delete", DeleteMessage, Message, "Take a message away.", writes=True, cost=CHANGED
)
REACT: Final = Procedure(
    "tutorwamp.chat.react", React, Message, "Put an emoji on, or take it off.", writes=True, cost=CHANGED
)
HISTORY: Final = Procedure("tutorwamp.chat.history", ReadHistory, Page[Message], "A lesson's messages.", cost=LISTED)
SEARCH: Final = Procedure(
    "tutorwamp.chat.search",
    SearchMessages,
    Page[Message],
    "Find messages.",
    cost=Cost(lambda asked: 4 + len(folded(asked.query).split()), line="searches"),
)
MARK_READ: Final = Procedure("tutorwamp.chat.mark_read", MarkRead, ReadMark, "Say how far one has read.", writes=True)


CHAT_TOPIC: Final = Topic(
    "tutorwamp.lesson.{lesson_id}.chat",
    "A stream: what is said, mended, taken away and read.",
    events={
        "message.created": Message,
        "message.updated": Message,
        "message.deleted": Message,
        "reaction.changed": Message,
        "read.advanced": ReadAdvanced,
    },
)


@dataclass(frozen=True)
class ChatChanged:
    """A lesson's chat stream has grown. ``message`` is null for ``read.advanced``."""

    event: StreamEvent
    message: Message | None
