"""What can be tuned about accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class AccountsSettings:
    """How long tokens live, and how soon a revocation made elsewhere is noticed."""

    access_token_lifetime: timedelta = setting(
        "ACCESS_TOKEN_LIFETIME", timedelta(minutes=15), "A stolen token is worth little; a lesson needs a few renewals."
    )
    refresh_token_lifetime: timedelta = setting(
        "REFRESH_TOKEN_LIFETIME", timedelta(days=30), "Who comes once a month stays logged in."
    )
    revocation_poll: timedelta = setting(
        "REVOCATION_POLL", timedelta(seconds=2), "How soon sessions end after a deactivation made by another process."
    )
