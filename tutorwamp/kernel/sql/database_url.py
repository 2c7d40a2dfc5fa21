"""Mistakes in the URL of a database that would be told late, in other words, and with parts of a password."""

from __future__ import annotations

from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from tutorwamp.kernel.settings import PREFIX, SettingsError

_URL: Final = f"{PREFIX}DATABASE_URL"
_ENCODED: Final = "in a user name or password @ is written %40, : %3A, / %2F, % %25"


def require_database_url(url: str | None) -> None:
    """Raise SettingsError for the mistakes of a URL by hand that would be told later, and with parts of a password."""
    try:
        parsed = make_url(url) if url is not None else None
    except ArgumentError:  # no URL at all: said where it is used
        return
    except ValueError:
        raise SettingsError(f"{_URL}: its port is no number; {_ENCODED}") from None
    if parsed is None or parsed.get_backend_name() == "sqlite":
        return
    if "@" in f"{parsed.host or ''}{parsed.database or ''}":
        raise SettingsError(f"{_URL}: it has more than one @; {_ENCODED}")
    if parsed.port is not None and not 1 <= parsed.port <= 65_535:  # what a port is
        raise SettingsError(f"{_URL}: its port is none, expected 1 to 65535")
