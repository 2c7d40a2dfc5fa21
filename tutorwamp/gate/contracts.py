"""What components may ask of the gate, and the close reasons a client may see.

The gate keeps everything in memory and forgets it with the router's process; components tell it again when they join.
Its procedures can be called by components only (role ``component``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, Protocol

from pydantic import Field

from tutorwamp.kernel.contracts import Id, Instant, Nothing, Procedure, Value

CLOSE_REVOKED: Final = "tutorwamp.close.revoked"
CLOSE_PING_TIMEOUT: Final = "tutorwamp.close.ping_timeout"
CLOSE_DRAINING: Final = "tutorwamp.close.draining"
CLOSE_SLOW: Final = "tutorwamp.close.slow"
STOPPING: Final = "The node is stopping. Come back in a moment."

CONNECTION_TIMEOUT: Final = "tutorwamp.connection.timeout"
CONNECTION_DRAINING: Final = "tutorwamp.connection.draining"
"""Topics open to every session, and told to one at a time, before it is ended (``sessions/contracts.py``)."""

CLIENT_ROLES: Final = ("student", "tutor", "admin")

AUTHENTICATE: Final = "tutorwamp.gate.authenticate"
AUTHORIZE: Final = "tutorwamp.gate.authorize"

SessionId = int
"""A WAMP session id: 1 to 2**53, random, given by the router."""


POINTED_AT_MOST: Final = 1_000_000
"""Pixels from the middle of a board, as far as one draws (``board/contracts.py``, which the gate may not know)."""
Pointed = Annotated[float, Field(ge=-POINTED_AT_MOST, le=POINTED_AT_MOST, allow_inf_nan=False)]


class Typing(Value):
    """Whether somebody is writing."""

    typing: bool


class CursorAt(Value):
    """Where somebody points on the board, in its pixels; ``laser`` where it is to be seen from afar."""

    page: Id
    x: Pointed
    y: Pointed
    laser: bool = False


SAID_BY_MEMBERS: Final[Mapping[str, type[Value]]] = {"typing": Typing, "cursor": CursorAt}
"""What a publication of a client may be, by the last word of its topic; a topic with another is not granted.

The gate asks for it before the router tells anybody, so the models are here and not with the topics' domain.
"""


class Draining(Value):
    """The node is being stopped, and this session with it: come back after so many seconds, different for each."""

    action: Literal["retry"] = "retry"
    retry_after_s: float


class ReportReady(Value):
    """A component has registered everything it serves."""

    component: str
    procedures: list[str]
    """URIs that clients of any role may call; what else they may is the service's to decide."""


class Alive(Value):
    """A process with components lives. ``late``: work of theirs that should have been done again by now."""

    pid: int
    components: list[str]
    late: list[str]


class Grant(Value):
    """Open topics to one session, under a key by which they can be closed again.

    The last word of each topic in ``publish`` is one of ``SAID_BY_MEMBERS``.
    """

    session: SessionId
    key: str
    subscribe: list[str]
    publish: list[str]


class RevokeGrants(Value):
    """Close the topics granted under ``key``, for one session, one user or (both null) for everybody.

    Live subscriptions to these topics are taken away at once.
    """

    key: str
    session: SessionId | None = None
    user_id: Id | None = None
    publish: list[str] | None = None
    """Only these, and only for publishing; null: all of them, for everything."""


class Drop(Value):
    """End one session: GOODBYE with ``reason``, nothing more is allowed from now, and the socket is cut if it stays."""

    session: SessionId
    reason: str
    message: str


class DropUser(Value):
    """End all sessions of a user, and refuse the tokens issued until now."""

    user_id: Id
    before: Instant
    reason: str
    message: str


class Dropped(Value):
    """How many sessions were told to go."""

    sessions: int = Field(ge=0)


class People(Value):
    """Some people."""

    user_ids: list[Id]


class Status(Value):
    """Which components the gate waits for, which of them are not there, and how much it keeps in memory.

    ``still``: components whose process has not shown life lately; ``late``: work that should have been done by now.
    ``sessions``: clients that are in; ``granted``: those of them to which a lesson's topics are open. ``closing``: the
    node stops, and nobody is let in any more.
    """

    expected: list[str]
    missing: list[str]
    still: list[str]
    late: list[str]
    sessions: int
    granted: int
    closing: bool = False


State = Literal["ok", "down"]


class Health(Value):
    """Each dependency with its state; ``status`` is ``ok`` where all are that were asked for (the cache never is)."""

    status: State
    dependencies: dict[str, State]


READY: Final = Procedure("tutorwamp.gate.ready", ReportReady, Nothing)
ALIVE: Final = Procedure("tutorwamp.gate.alive", Alive, Nothing)
GRANT: Final = Procedure("tutorwamp.gate.grant", Grant, Nothing)
REVOKE_GRANTS: Final = Procedure("tutorwamp.gate.revoke_grants", RevokeGrants, Nothing)
STATUS: Final = Procedure("tutorwamp.gate.status", Nothing, Status)
CONNECTED: Final = Procedure("tutorwamp.gate.connected", People, People)
DROP: Final = Procedure("tutorwamp.gate.drop", Drop, Dropped)
DROP_USER: Final = Procedure("tutorwamp.gate.drop_user", DropUser, Dropped)


class Gate(Protocol):
    """The gate as a service sees it. ``gate/wamp.py`` speaks to the real one over the router."""

    async def grant(
        self, session: SessionId, key: str, *, subscribe: Sequence[str], publish: Sequence[str] = ()
    ) -> None:
        """Open topics to a session that is still there; a session already gone is no error."""
        ...

    async def revoke_grants(
        self,
        key: str,
        *,
        session: SessionId | None = None,
        user_id: str | None = None,
        publish: Sequence[str] | None = None,
    ) -> None:
        """Close what was granted under ``key``. ``publish``: only these topics, and only for publishing."""
        ...

    async def connected(self, user_ids: Iterable[str]) -> set[str]:
        """Those of these people who have a live session on this node."""
        ...

    async def drop(self, session: SessionId, *, reason: str, message: str) -> int:
        """End one session; how many there were, 0 or 1."""
        ...

    async def drop_user(self, user_id: str, *, before: datetime, reason: str, message: str) -> int:
        """End all sessions of a user; how many there were."""
        ...
