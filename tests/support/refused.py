"""Somebody is refused: one word for it, whichever door was knocked at."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any


def uri_of(error: Exception) -> Any:
    """What the error is called on the wire, from a service, from a session or from the client; null: it has no name."""
    return next((getattr(error, name) for name in ("uri", "error", "reason") if hasattr(error, name)), None)


async def refused(wanted: type[Exception] | str, attempt: Awaitable[object]) -> Any:
    """The error that the attempt ends with: with this URI, or of this type. Any other is raised.

    A kind of ours is meant exactly, not its named children.
    """
    try:
        await attempt
    except Exception as error:
        if isinstance(wanted, str):
            as_wanted = uri_of(error) == wanted
        else:
            as_wanted = type(error) is wanted if hasattr(wanted, "uri") else isinstance(error, wanted)
        if not as_wanted:
            raise
        return error
    raise AssertionError(f"this was not refused, and should have been: {wanted}")
