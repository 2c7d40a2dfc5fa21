"""The small vocabulary of every contract: strict values, ids, instants, texts, pages, procedures.

Values are pydantic models, frozen and strict: nothing is coerced and nothing unknown is let in.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Generic, Protocol, Self, TypeVar

import uuid_utils
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from tutorwamp.kernel.errors import Action, Invalid
from tutorwamp.kernel.text import is_unseen

PAGE_LIMIT_DEFAULT: Final = 50
PAGE_LIMIT_AT_MOST: Final = 100
SEQ_AT_MOST: Final = 2**53 - 1
"""The largest integer a JavaScript client can hold exactly."""


class AuthRole(StrEnum):
    """WAMP ``authrole`` of a person, and the ``role`` in every value that shows one."""

    STUDENT = "student"
    TUTOR = "tutor"
    ADMIN = "admin"


class Value(BaseModel):
    """The root of everything that crosses an edge."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    def plain(self) -> dict[str, Any]:
        """As it goes over the wire: text, numbers, lists and dicts only."""
        return self.model_dump(mode="json")

    @classmethod
    def of_checked(cls, fields: dict[str, Any]) -> Self:
        """Of all its fields, which were checked already; ``model_construct``, in a third of its time."""
        made = cls.__new__(cls)
        _set(made, "__dict__", fields)
        _set(made, "__pydantic_fields_set__", set(fields))
        _set(made, "__pydantic_extra__", None)
        _set(made, "__pydantic_private__", None)
        return made


_set: Final = object.__setattr__
"""A frozen value lets nobody else."""


class Clock(Protocol):
    """Says what time it is; the tests' one is turned by hand."""

    def __call__(self) -> datetime:
        """Now, aware, UTC."""
        ...


def utc_now() -> datetime:
    """The real clock, cut to the contract's milliseconds."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970, exact (floats would round)."""
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_ms(milliseconds: int) -> datetime:
    """The inverse of to_ms. Raises OverflowError outside the years 1 to 9999."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant_text(instant: datetime) -> str:
    """RFC 3339, UTC, milliseconds, ``Z``."""
    there = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return there.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562): sorts by the time it was made."""
    return str(uuid_utils.uuid7())


_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
"""Section 5.6; Python reads other forms of ISO 8601 as well, and the contract does not promise them."""


def _instant_from_text(value: object) -> object:
    # Strict mode wants a datetime; the wire has text. Numbers stay numbers and are refused.
    if isinstance(value, str):
        if not _RFC_3339.fullmatch(value):
            raise ValueError("must be a time like 2026-11-23T09:00:00.000Z (RFC 3339)")
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:  # its message repeats the text, however long
            raise ValueError("expected a time such as 2026-11-23T09:00:00.000Z (RFC 3339)") from None
    return value


def _cut_to_milliseconds(instant: datetime) -> datetime:
    try:
        instant = instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_instant_from_text),
    AfterValidator(_cut_to_milliseconds),
    PlainSerializer(instant_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 text with an offset on the way in, UTC with milliseconds and ``Z`` on the way out."""

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
"""A UUID in canonical lower-case text."""


_UNREADABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Unicode categories Cc but newline and tab, and Cs (a test compares them)."""


def _readable(text: str) -> str:
    """No control characters but newline and tab, no lone surrogates, composed as Unicode NFC."""
    if _UNREADABLE.search(text):
        raise ValueError("must not contain control characters other than newline and tab")
    if not unicodedata.is_normalized("NFC", text):
        raise ValueError("must be in Unicode normalization form C (NFC)")
    return text


def _visible(text: str) -> str:
    if is_unseen(text):
        raise ValueError("must have at least one visible character")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("must be one line without tabs")
    return text


_Clean = Annotated[str, AfterValidator(_readable), Field(json_schema_extra={"format": "text"})]

Readable = Annotated[_Clean, AfterValidator(_visible)]
"""Text for people, NFC, several lines, exactly as it was sent, and not made of invisible characters.

Give it a length with ``Field`` where it is used. ``format`` names, in the schemas, what they cannot say: ``text``,
``line``, ``emoji``, ``cursor``.
"""

Text = Annotated[_Clean, AfterValidator(str.strip), AfterValidator(_visible)]
"""The same, trimmed."""

Line = Annotated[Text, AfterValidator(_one_line), Field(json_schema_extra={"format": "line"})]
"""Text for people on one line, such as a name or a title."""

ClientId = Annotated[_Clean, StringConstraints(min_length=1, max_length=64)]
"""The idempotency key of a call that creates something, chosen by the caller."""

Limit = Annotated[int, Field(ge=1, le=PAGE_LIMIT_AT_MOST)]
"""How many items of a list a caller wants."""

Cursor = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+$"),
    Field(json_schema_extra={"format": "cursor"}),
]
"""Where a list goes on; opaque to callers."""

Seq = Annotated[int, Field(ge=0, le=SEQ_AT_MOST)]
"""A position in a stream; 0 is before the first event."""

Item = TypeVar("Item")


class Page(Value, Generic[Item]):
    """One page of a list. ``next_cursor`` is null on the last one."""

    items: list[Item]
    next_cursor: str | None


class Problem(Value):
    """An error over REST: ``application/problem+json`` (RFC 9457), with ours beside it."""

    type: str
    status: int
    title: str
    detail: str
    action: Action
    details: Any
    request_id: str


class Nothing(Value):
    """The answer of a call that has nothing to say: ``{}``."""


NOTHING: Final = Nothing()
"""Also what is asked by a call that needs no arguments."""


def cursor_from(*parts: str | int) -> str:
    """Make an opaque cursor from the sort key of a page's last item."""
    return base64.urlsafe_b64encode("|".join(map(str, parts)).encode()).decode().rstrip("=")


def cursor_parts(cursor: str, count: int) -> list[str]:
    """Read a cursor back. Raises ValueError when it is not one of ours."""
    try:
        parts = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not a cursor of this list") from error
    if len(parts) != count or any("\0" in part for part in parts):
        raise ValueError("not a cursor of this list")
    return parts


def place_in(cursor: str) -> tuple[datetime, str]:
    """Read the cursor of a list that is ordered by an instant and an id. Raises Invalid for any other."""
    try:
        at_ms, item_id = cursor_parts(cursor, 2)
        return from_ms(int(at_ms)), item_id
    except (ValueError, OverflowError) as error:
        raise Invalid("Bad cursor.", details=[{"loc": ["cursor"], "msg": "not a cursor of this list"}]) from error


Arguments = TypeVar("Arguments", bound=Value)
Answer = TypeVar("Answer", bound=Value)


@dataclass(frozen=True)
class Stated(Generic[Answer]):
    """An answer whose plain form is there already, so that nobody makes it a second time."""

    value: Answer
    stated: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """See Value."""
        return self.stated


@dataclass(frozen=True)
class Cost:
    """What a call costs besides the one unit of any call and its answer's bytes; see kernel/limits.py."""

    units: Callable[[Any], float] = lambda _: 0
    """By its checked arguments; a unit is some two milliseconds of processor time."""
    line: str | None = None
    """Of calls that may be long or have a large answer: a person has one of a line at a time. Where it changes nothing
    it is dropped when nobody waits for it any more."""


CHEAP: Final = Cost()
LISTED: Final = Cost(lambda asked: asked.limit // 25, line="lists")
"""A page of a list."""
WHOLE: Final = Cost(lambda _: 4, line="wholes")
"""Something as large as it is."""


@dataclass(frozen=True)
class Procedure(Generic[Arguments, Answer]):
    """One thing a client can call: its URI, the model of its keyword arguments and of its result."""

    uri: str
    arguments: type[Arguments]
    result: type[Answer]
    meaning: str = ""
    """For the reference, in Markdown; the gate's own procedures stand in none."""
    writes: bool = False
    """Whether it changes what is kept; such calls have a limit of their own."""
    cost: Cost = CHEAP

    @property
    def is_droppable(self) -> bool:
        """Whether nothing is lost where it ends because nobody waits for it any more."""
        return self.cost.line is not None and not self.writes


@dataclass(frozen=True)
class Caller:
    """Who asks. ``session`` is the WAMP session's id, or null over REST."""

    user_id: str
    role: AuthRole
    session: int | None = None


@dataclass(frozen=True)
class StreamEvent:
    """One entry of a stream, as it is published and as ``read since`` gives it back.

    ``actor`` and ``data`` are plain values; ``data`` is what a reader would read now.
    """

    stream: str
    seq: int
    type: str
    at: datetime
    actor: dict[str, Any] | None
    data: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """The keyword arguments of the published event."""
        return {
            "stream": self.stream,
            "seq": self.seq,
            "type": self.type,
            "at": instant_text(self.at),
            "actor": self.actor,
            "data": self.data,
        }
