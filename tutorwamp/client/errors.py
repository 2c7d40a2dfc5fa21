"""What a caller is told when something did not work, whichever door it came through.

One class for all of it, because a client decides by ``action``, seldom by the name of the error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final, Self

from tutorwamp.kernel.errors import Action, catalogue

Details = Mapping[str, Any] | Sequence[Mapping[str, Any]]

TRANSPORT_LOST: Final = "wamp.close.transport_lost"
CLOSED_BY_US: Final = "wamp.close.normal"
TIMED_OUT: Final = "wamp.error.timeout"
CLOSE_REVOKED: Final = "tutorwamp.close.revoked"
CLOSE_DRAINING: Final = "tutorwamp.close.draining"
RETRY_AFTER_AT_MOST_S: Final = 3600.0
"""Who says more has not counted in seconds."""
BACK_AFTER_DRAINING_S: Final = 2.0
"""A node takes some seconds to start again; for who was not told on ``tutorwamp.connection.draining`` when to come."""

FAULTS_NAMED: Final = 3
"""Of many wrong arguments the first ones say enough; ``details`` has them all."""

_ROUTERS: Final[Mapping[str, Action]] = {
    # The router itself says these; they carry no action of their own.
    "wamp.error.canceled": Action.RETRY,  # the component died with our call in its hands
    "wamp.error.no_such_procedure": Action.RETRY,  # the component is not back yet; unknown names are not authorized
    TIMED_OUT: Action.RETRY,
    "crossbar.error.max_concurrency_reached": Action.RETRY,
    "wamp.error.invalid_argument": Action.FIX,
    "wamp.error.invalid_payload": Action.FIX,
    "wamp.error.invalid_uri": Action.FIX,
    "wamp.error.payload_size_exceeded": Action.FIX,
}

_OF_DOMAINS: Final[Mapping[str, Action]] = {
    # A client does not import the domains, and the rejections of a board come without an action. docs/api/errors.md.
    "tutorwamp.error.account.email_taken": Action.FIX,
    "tutorwamp.error.board.full": Action.FIX,
    "tutorwamp.error.board.locked": Action.STOP,
    "tutorwamp.error.board.no_pen": Action.STOP,
    "tutorwamp.error.board.stale": Action.RELOAD,
    "tutorwamp.error.chat.edit_window": Action.RELOAD,
    "tutorwamp.error.lesson.full": Action.STOP,
    "tutorwamp.error.lesson.muted": Action.STOP,
    "tutorwamp.error.lesson.overlap": Action.RELOAD,
    "tutorwamp.error.lesson.state": Action.RELOAD,
}

_FOR_GOOD: Final[Mapping[str, Action]] = {
    # Why a session ended or was refused, where coming back would be refused as well.
    CLOSED_BY_US: Action.STOP,
    CLOSE_REVOKED: Action.REAUTH,
    "wamp.error.not_authorized": Action.STOP,
    "wamp.error.no_such_realm": Action.STOP,
    "wamp.error.no_such_role": Action.STOP,
    "wamp.error.no_auth_method": Action.STOP,
}

_BY_STATUS: Final[Mapping[int, str]] = {
    # An answer without problem+json was not written by tutorwamp but by a proxy before it.
    400: "tutorwamp.error.malformed",
    401: "tutorwamp.error.unauthenticated",
    403: "tutorwamp.error.forbidden",
    404: "tutorwamp.error.not_found",
    413: "tutorwamp.error.too_large",
    429: "tutorwamp.error.rate_limited",
}
_FAULT: Final = 500
"""Anything above means that there is nobody to answer: the router's own reverse proxy says 501, others 502 to 530."""


class CallError(Exception):
    """The server said no, or could not be asked.

    ``uri`` names the error, ``message`` is a sentence for a person, ``action`` says what to do about it, ``details``
    are values for a program, ``request_id`` is what the server's log knows it by.
    """

    def __init__(
        self,
        uri: str,
        message: str = "",
        *,
        action: Action | None = None,
        details: Details | None = None,
        request_id: str | None = None,
    ) -> None:
        said = f"{uri}: {message}" if message else uri
        named = _named(details)
        super().__init__(f"{said} ({named})" if named else said)
        self.uri = uri
        self.message = message
        self.action = _action_of(uri) if action is None else action
        self.details: Details = {} if details is None else details
        self.request_id = request_id

    @property
    def retry_after_s(self) -> float:
        """How many seconds the server asks to wait; 0 where it does not say."""
        wished = self.details.get("retry_after_s") if isinstance(self.details, Mapping) else None
        if isinstance(wished, bool) or not isinstance(wished, int | float) or not isfinite(wished):
            return 0.0
        return min(max(0.0, float(wished)), RETRY_AFTER_AT_MOST_S)

    @property
    def may_repeat(self) -> bool:
        """Whether doing the same again can help."""
        return self.action is Action.RETRY

    @classmethod
    def from_problem(cls, status: int, problem: object) -> Self:
        """Read an HTTP answer of 400 or more. ``problem`` is its decoded JSON (RFC 9457), or anything else."""
        if isinstance(problem, Mapping) and isinstance(problem.get("type"), str) and ":" not in problem["type"]:
            said = {**problem, "action": problem.get("action") if _is_action(problem.get("action")) else None}
            if said["action"] is None and problem["type"] not in {*catalogue(), *_OF_DOMAINS}:
                said["action"] = _action_of(_by_status(status))  # a newer server's name, and an action we do not know
            return cls.from_fields(problem["type"], problem.get("detail", problem.get("title")), said)
        return cls(_by_status(status), f"The server answered {status}.")

    @classmethod
    def from_fields(cls, uri: str, message: object, said: Mapping[str, Any]) -> Self:
        """From the members both doors have in common: ``action``, ``details``, ``request_id``."""
        # A newer server may know actions that we do not; then the URI decides.
        known = _is_action(said.get("action"))
        details = said.get("details")
        return cls(
            uri,
            message if isinstance(message, str) else "",
            action=Action(said["action"]) if known else None,
            details=details if isinstance(details, Mapping | list) else None,
            request_id=said.get("request_id"),
        )


class Disconnected(CallError):
    """There is no connection, or it ended before the answer came: whether the call took effect is unknown.

    ``uri`` is the reason the server gave (``tutorwamp.close.…``, or the error it refused us with), else
    ``wamp.close.transport_lost``. ``action`` is ``retry`` as long as the connection comes back by itself.
    """

    def __init__(
        self,
        uri: str = TRANSPORT_LOST,
        message: str = "",
        *,
        action: Action | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        if action is None:
            action = _FOR_GOOD.get(uri)
        if action is None and uri in catalogue():
            action = catalogue()[uri].action
        if uri == CLOSE_DRAINING and retry_after_s is None:
            retry_after_s = BACK_AFTER_DRAINING_S
        details = None if retry_after_s is None else {"retry_after_s": retry_after_s}
        super().__init__(uri, message, action=action or Action.RETRY, details=details)


def _named(details: Details | None) -> str:
    """What is wrong with which argument, for whoever reads a traceback."""
    faults = details if isinstance(details, Sequence) and not isinstance(details, str) else ()
    told = [
        f"{'.'.join(map(str, fault['loc']))}: {fault.get('msg')}"
        for fault in faults[:FAULTS_NAMED]
        if isinstance(fault, Mapping) and isinstance(fault.get("loc"), Sequence)
    ]
    return "; ".join(told)


def _is_action(said: object) -> bool:
    return isinstance(said, str) and said in list(Action)


def _by_status(status: int) -> str:
    return _BY_STATUS.get(status, "tutorwamp.error.unavailable" if status > _FAULT else "tutorwamp.error.internal")


def _action_of(uri: str) -> Action:
    if uri in catalogue():
        return catalogue()[uri].action
    return _OF_DOMAINS.get(uri) or _ROUTERS.get(uri, Action.STOP)
