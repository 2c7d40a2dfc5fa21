"""Sessions over WAMP: ``tutorwamp.session.…``, and the topic ``tutorwamp.connection.timeout``."""

from __future__ import annotations

from tutorwamp.gate.contracts import CONNECTION_TIMEOUT
from tutorwamp.kernel.contracts import Caller, Nothing, instant_text
from tutorwamp.kernel.edges.component import Publisher, serves
from tutorwamp.kernel.errors import Action
from tutorwamp.kernel.events import Events
from tutorwamp.sessions import contracts
from tutorwamp.sessions.contracts import (
    Beat,
    Heartbeat,
    Me,
    Resume,
    Resumed,
    SessionTimedOut,
)
from tutorwamp.sessions.service import SessionsService


class SessionsDoor:
    """The WAMP door of sessions."""

    def __init__(self, sessions: SessionsService) -> None:
        self._sessions = sessions

    @serves(contracts.HEARTBEAT)
    async def heartbeat(self, caller: Caller, asked: Heartbeat) -> Beat:
        """I am here."""
        return await self._sessions.heartbeat(caller, asked)

    @serves(contracts.RESUME)
    async def resume(self, caller: Caller, asked: Resume) -> Resumed:
        """What was missed."""
        return await self._sessions.resume(caller, asked)

    @serves(contracts.WHOAMI)
    async def whoami(self, caller: Caller, _asked: Nothing) -> Me:
        """Whose session this is."""
        return await self._sessions.whoami(caller)


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
