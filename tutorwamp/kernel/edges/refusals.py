"""An error of the contract as WAMP says it."""

from __future__ import annotations

from autobahn.wamp import message
from autobahn.wamp.exception import ApplicationError

from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.edges.answered import answered
from tutorwamp.kernel.errors import Internal, TutorwampError
from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)


def wamp_error(error: TutorwampError, request_id: str) -> ApplicationError:
    """The contract's form of an error: the URI, no positional arguments, four keywords. Noted in the log."""
    answered.note(error, request_id)
    return application_error(error, request_id)


def application_error(error: TutorwampError, request_id: str) -> ApplicationError:
    """The same, where it is told by the line of a call."""
    return ApplicationError(
        error.uri,
        message=error.message,
        action=str(error.action),
        details=error.details,
        request_id=request_id,
    )


def unable(event: str, raised: BaseException | None) -> ApplicationError:
    """What is told in place of what nobody expected; the log has it under the same ``request_id``."""
    request_id = new_id()
    log.error(event, request_id=request_id, exc_info=raised)
    return application_error(Internal(), request_id)


def refusal(request: int, error: ApplicationError) -> message.Error:
    """The answer to an invocation."""
    return message.Error(message.Invocation.MESSAGE_TYPE, request, error.error, [], error.kwargs)
