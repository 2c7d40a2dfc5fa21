"""Who came in, who was refused, whose account was changed and what was reported: a line in the log for each.

Nothing that somebody typed is in it, for people type passwords into the wrong field: an account is named by its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.log.calls import call_under_way
from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)


@dataclass(frozen=True)
class Origin:
    """Where something is asked for. ``address`` null: by our own code, such as the command line."""

    address: str | None = None
    request_id: str | None = None


OURS: Final = Origin()


def origin_of_call() -> Origin:
    """Of the call under way, whose line in the log has the same ``request_id``; over WAMP nobody says from where."""
    call = call_under_way()
    return OURS if call is None else Origin(None, call.request_id)


def audit(what: str, origin: Origin, user_id: str | None, **more: str) -> None:
    """Note it; ``user_id`` null: nobody's whom we know."""
    request_id = origin.request_id or new_id()
    log.info("audit", what=what, user_id=user_id, address=origin.address, request_id=request_id, **more)
