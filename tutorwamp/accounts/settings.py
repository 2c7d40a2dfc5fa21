"""What can be tuned about accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from tutorwamp.kernel.settings import setting


class Registration(StrEnum):
    """Who may make an account for themselves."""

    OPEN = "open"
    STUDENTS = "students"
    CLOSED = "closed"


@dataclass(frozen=True)
class AccountsSettings:
    """Who may register, how long tokens live, and how soon a revocation made elsewhere is noticed."""

    registration: Registration = setting(
        "REGISTRATION",
        Registration.STUDENTS,
        "open: everybody, as student or tutor; students: tutors are added by `tutorwamp user add`, for they plan "
        "lessons with anybody and mail goes out for them; closed: nobody.",
    )

    access_token_lifetime: timedelta = setting(
        "ACCESS_TOKEN_LIFETIME", timedelta(minutes=15), "A stolen token is worth little; a lesson needs a few renewals."
    )
    refresh_token_lifetime: timedelta = setting(
        "REFRESH_TOKEN_LIFETIME", timedelta(days=30), "Who comes once a month stays logged in."
    )
    revocation_poll: timedelta = setting(
        "REVOCATION_POLL", timedelta(seconds=2), "How soon sessions end after a deactivation made by another process."
    )
