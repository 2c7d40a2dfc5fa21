"""Every way tutorwamp can say no.

A *kind* fixes what a failure means to a transport (its HTTP status) and to a client (its action).
A domain gives a kind a name of its own by giving it a URI, in its own ``errors.py``::

    class LessonState(Conflict, uri="tutorwamp.error.lesson.state"):
        '''The lesson is not in a state that allows this.'''

Naming an error enters it into the catalogue; a second error with the same URI refuses to import.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar

URI_FORM = re.compile(r"^tutorwamp\.error\.[a-z][a-z_]*(\.[a-z][a-z_]*)?$")


class Action(StrEnum):
    """What a client should do about an error."""

    RETRY = "retry"
    """Do the same again, after ``details.retry_after_s`` seconds."""
    REAUTH = "reauth"
    """Get a new access token, then do the same again."""
    RELOAD = "reload"
    """What the client knows is old: read the state afresh, then decide."""
    FIX = "fix"
    """The request is wrong and will stay wrong."""
    STOP = "stop"
    """Nothing the client can do helps."""


_catalogue: dict[str, type[TutorwampError]] = {}


class TutorwampError(Exception):
    """The root of all errors a caller may see. Raise one of its kinds or a named child of a kind.

    ``message`` is a sentence for a person; ``details`` are plain values for a program and must be
    encodable as JSON. Neither may hold anything the caller is not allowed to know.
    """

    uri: ClassVar[str]
    status: ClassVar[int]
    action: ClassVar[Action]

    def __init_subclass__(
        cls, *, uri: str | None = None, status: int | None = None, action: Action | None = None
    ) -> None:
        super().__init_subclass__()
        if status is not None:
            cls.status = status
        if action is not None:
            cls.action = action
        if uri is not None:
            if not URI_FORM.fullmatch(uri):
                raise TypeError(f"{uri!r} is not of the form tutorwamp.error.<name> or tutorwamp.error.<domain>.<name>")
            known = _catalogue.get(uri)
            if known is not None:
                raise TypeError(f"{uri} is already the name of {known.__module__}.{known.__qualname__}")
            cls.uri = uri
            _catalogue[uri] = cls

    def __init__(self, message: str, *, details: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] | Sequence[Mapping[str, Any]] = {} if details is None else details


class Retryable(TutorwampError):
    """A kind that passes by itself; it says when to come back."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, details={**(details or {}), "retry_after_s": retry_after_s})
        self.retry_after_s = retry_after_s


class Invalid(TutorwampError, uri="tutorwamp.error.invalid", status=422, action=Action.FIX):
    """The arguments are not what the contract asks for; ``details`` is a list of ``{loc, msg}``."""


class Malformed(TutorwampError, uri="tutorwamp.error.malformed", status=400, action=Action.FIX):
    """The request cannot be read at all: not JSON, not UTF-8."""


class Unauthenticated(TutorwampError, uri="tutorwamp.error.unauthenticated", status=401, action=Action.REAUTH):
    """Nobody we know: no token, or a bad, expired or revoked one."""


class Forbidden(TutorwampError, uri="tutorwamp.error.forbidden", status=403, action=Action.STOP):
    """Known, but not allowed to do this."""


class NotFound(TutorwampError, uri="tutorwamp.error.not_found", status=404, action=Action.STOP):
    """There is no such thing, or none that the caller may know of."""


class Conflict(TutorwampError, uri="tutorwamp.error.conflict", status=409, action=Action.RELOAD):
    """The request contradicts what has happened meanwhile."""


class TooLarge(TutorwampError, uri="tutorwamp.error.too_large", status=413, action=Action.FIX):
    """More than the limit; ``details`` names the limit."""


class RateLimited(Retryable, uri="tutorwamp.error.rate_limited", status=429, action=Action.RETRY):
    """Too many calls in too short a time."""


class Internal(TutorwampError, uri="tutorwamp.error.internal", status=500, action=Action.STOP):
    """A fault of ours. Says nothing but a ``request_id`` that the log knows."""

    def __init__(self, message: str = "Something went wrong on our side.") -> None:
        super().__init__(message)


class Unavailable(Retryable, uri="tutorwamp.error.unavailable", status=503, action=Action.RETRY):
    """Not now: starting, stopping, or a part we need is away."""


class OutOfTime(Unavailable):
    """What was asked of the database took longer than it may, ``seconds_at_most``."""

    def __init__(self, seconds_at_most: float | None) -> None:
        super().__init__("This took the database too long.", retry_after_s=2.0)
        self.seconds_at_most = seconds_at_most


class MethodNotAllowed(TutorwampError, uri="tutorwamp.error.method_not_allowed", status=405, action=Action.FIX):
    """The address exists, but not for this HTTP method."""


class UnsupportedMediaType(TutorwampError, uri="tutorwamp.error.unsupported_media_type", status=415, action=Action.FIX):
    """A body that is not ``application/json``."""


def catalogue() -> Mapping[str, type[TutorwampError]]:
    """All named errors by URI, as far as their modules are imported."""
    return MappingProxyType(_catalogue)
