"""What others may know of reports: values, requests, the procedure, and the ports they need."""

from __future__ import annotations

from typing import Annotated, Final, Generic, Literal, Protocol, TypeVar

from pydantic import Field

from tutorwamp.accounts.contracts import Person
from tutorwamp.kernel.contracts import PAGE_LIMIT_DEFAULT, Caller, Cursor, Id, Instant, Limit, Procedure, Text, Value

REASON_LENGTH_AT_MOST: Final = 1_000

Reason = Annotated[Text, Field(min_length=1, max_length=REASON_LENGTH_AT_MOST)]
ReportState = Literal["open", "resolved"]
"""Whether an admin has dealt with it."""
Who = TypeVar("Who")


class ReportMessage(Value):
    """Tell the admins of a message; the reason is for them."""

    message_id: Id
    reason: Reason


class Reported(Value):
    """Under which id the admins find it. Who reports a message again is answered the same."""

    report_id: Id


class ResolutionFields(Value, Generic[Who]):
    """What an admin has done about a report."""

    by: Who
    at: Instant
    note: str | None
    muted: bool
    """Whether the author was muted in the lesson."""
    deactivated: bool
    """Whether the author's account was closed."""


class ReportFields(Value, Generic[Who]):
    """A report's fields, said once."""

    id: Id
    state: ReportState
    message_id: Id
    lesson_id: Id
    author: Who
    reporter: Who
    reason: str
    body: str | None
    """The words as they read when they were reported; null where they were deleted already."""
    files: list[str]
    """The names of the message's files."""
    said_at: Instant
    edited_at: Instant | None
    created_at: Instant
    resolution: ResolutionFields[Who] | None


class Report(ReportFields[Person]):
    """What somebody has reported; admins only."""


class KeptReport(ReportFields[Id]):
    """A report as it is kept: people by id."""


class ListReports(Value):
    """A page of reports, newest first."""

    state: ReportState | None = None
    limit: Limit = PAGE_LIMIT_DEFAULT
    cursor: Cursor | None = None


class ResolveReport(Value):
    """Be done with a report; ``note`` is for the other admins."""

    report_id: Id
    note: Reason | None = None
    mute: bool = False
    """Mute the author in the lesson of the message."""
    deactivate: bool = False
    """Close the author's account."""


class Closing(Protocol):
    """The port by which an account is closed."""

    async def close_account(self, user_id: str) -> None:
        """End all logins and live sessions, and let nobody in any more. Raises NotFound."""
        ...


class Muting(Protocol):
    """The port by which somebody is muted in a lesson."""

    async def mute(self, caller: Caller, lesson_id: str, user_id: str) -> None:
        """Let them read on, and write nothing. Raises Invalid where they are no student of the lesson."""
        ...


REPORT: Final = Procedure(
    "tutorwamp.chat.report", ReportMessage, Reported, "Tell the admins of a message.", writes=True
)
