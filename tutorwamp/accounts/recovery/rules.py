"""How long what is mailed holds, and when a mail is tried again: pure, numbered as in docs/rules/accounts.md."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from tutorwamp.accounts.contracts import MailPurpose

HOLDS: Final = {MailPurpose.RESET: timedelta(hours=1), MailPurpose.CONFIRM: timedelta(days=7)}
"""A35, A38: from the mail's making. A new password is wanted now; who registers on Friday reads it on Monday."""
TRIED_FOR: Final = {MailPurpose.RESET: timedelta(hours=1), MailPurpose.CONFIRM: timedelta(days=1)}
"""From the asking, while the relay takes no mail; then it is given up."""
FIRST_PAUSE: Final = timedelta(seconds=30)
"""After a failure, doubled with each further one."""
PAUSE_AT_MOST: Final = timedelta(minutes=15)

_SUBJECTS: Final = {MailPurpose.RESET: "Set a new password", MailPurpose.CONFIRM: "Confirm your e-mail address"}
_TEXTS: Final = {
    MailPurpose.RESET: """Hello,

somebody, probably you, wants a new password for the account with this e-mail address. Set it here, within an hour:

{link}

The link is for one use. Where it was not you, nothing has to be done: your password stays as it is.
""",
    MailPurpose.CONFIRM: """Hello,

there is an account with this e-mail address. Confirm here, within a week, that mail reaches you:

{link}

Until then no notifications are sent to this address. Where the account is not yours, nothing has to be done.
""",
}
"""In the school's own words: nothing that somebody typed is in them, for anybody may type anybody's address."""


def new_token() -> str:
    """256 random bits; only their hash is kept."""
    return secrets.token_urlsafe(32)


def link_of(page_url: str, purpose: MailPurpose, token: str) -> str:
    """Where the page takes the token. Behind a ``#``: browsers send that to no server, and to no other page."""
    return f"{page_url}/#{purpose.value}={token}"


def subject_of(purpose: MailPurpose) -> str:
    """The mail's."""
    return _SUBJECTS[purpose]


def text_of(purpose: MailPurpose, link: str) -> str:
    """The mail's."""
    return _TEXTS[purpose].format(link=link)


def next_try(purpose: MailPurpose, queued_at: datetime, tries: int, now: datetime) -> datetime | None:
    """When a mail that was not taken is tried again after so many tries; None where it is given up."""
    due_at = now + min(PAUSE_AT_MOST, FIRST_PAUSE * 2 ** min(tries - 1, 10))
    return due_at if due_at < queued_at + TRIED_FOR[purpose] else None
