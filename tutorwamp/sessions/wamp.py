"""Sessions over WAMP: ``tutorwamp.session.…``, and the topic ``tutorwamp.connection.timeout``."""

from __future__ import annotations

from typing import Final

from tutorwamp.gate.contracts import CONNECTION_TIMEOUT
from tutorwamp.kernel.contracts import instant_text
from tutorwamp.kernel.edges.component import Publisher, serve
from tutorwamp.kernel.errors import Action
from tutorwamp.kernel.events import Events
from tutorwamp.sessions import contracts
from tutorwamp.sessions.contracts import SessionTimedOut
from tutorwamp.sessions.service import SessionsService

SESSIONS_PROCEDURES: Final = (
    serve(contracts.HEARTBEAT, SessionsService.heartbeat),
    serve(contracts.RESUME, SessionsService.resume),
    serve(contracts.WHOAMI, SessionsService.whoami),
)


def publish_sessions(events: Events, publisher: Publisher) -> None:
    """Publish what sessions announce."""

    def timed_out(one: SessionTimedOut) -> None:
        told = {
            "session": one.session,
            "last_seen": instant_text(one.last_seen),
            "timeout_s": one.timeout.total_seconds(),
            "action": str(Action.RETRY),
            "retry_after_s": one.retry_after_s,
        }
        publisher.publish(CONNECTION_TIMEOUT, told, only=one.session)

    events.listen(SessionTimedOut, timed_out)
