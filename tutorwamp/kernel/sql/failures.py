"""What an error of the database means: whether it passes by itself, what it is called, what is told of it."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError

LOCKED: Final = "55P03"
READ_ONLY: Final = "25006"
"""A server that has become a standby: others, reached by a new connection, may write."""
_OTHERS_PREPARED: Final = ("26000", "42P05")
"""A statement's name is not known, or known already: something between us and the server shares its connections."""


def passes_by_itself(error: DBAPIError) -> bool:
    """Whether the same transaction may go through when tried again.

    Serialization failures, deadlocks and locks; connections that break; a server that is stopped or starts, has no room
    left, or only reads; a statement's name that is out of step (PostgreSQL's appendix A; SQLite's operational errors
    are all of this kind).
    """
    if error.connection_invalidated:
        return True
    state = state_of(error)
    if state is not None:
        return state in ("40001", "40P01", LOCKED, READ_ONLY, *_OTHERS_PREPARED) or state[:2] in ("08", "53", "57")
    return isinstance(error, OperationalError)


def has_no_room(error: DBAPIError) -> bool:
    """Whether a disk is full: room does not come back while a caller waits, so it is not tried again.

    PostgreSQL by its code; SQLite by its names: of a full disk, and of a write that was done in part (a quota).
    """
    name = getattr(error.orig, "sqlite_errorname", None)
    return state_of(error) == "53100" or name in ("SQLITE_FULL", "SQLITE_IOERR_WRITE")


def state_of(error: Exception) -> str | None:
    """SQLSTATE, where the driver says one."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return None if state is None else str(state)


def reason_of(error: Exception) -> str:
    """What the driver says, on one line, without the statement and its values."""
    said = str(getattr(error, "orig", error)).strip() or type(error).__name__
    return " ".join(filter(None, (state_of(error), said.splitlines()[0])))
