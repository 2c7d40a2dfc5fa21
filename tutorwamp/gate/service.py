"""What the gate knows: who has reported ready, who is here, who is revoked, what is open to whom.

All of it is memory of the router's process. Nothing here waits: every answer is given at once, because an
authorizer that answers later lets Crossbar reorder a client's messages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from tutorwamp.gate.contracts import (
    CLIENT_ROLES,
    CLOSE_DRAINING,
    STOPPING,
    Alive,
    DropUser,
    Grant,
    ReportReady,
    RevokeGrants,
    SessionId,
    Status,
)
from tutorwamp.gate.counts import CLOSED, JOINED, LEFT, OPENED, OTHER, ended, refusing
from tutorwamp.gate.rules import Authorization, Client, Grants, Publications, address_of, decide, require_form
from tutorwamp.kernel.contracts import Clock
from tutorwamp.kernel.errors import Forbidden, Invalid, Unauthenticated, Unavailable
from tutorwamp.kernel.lifeline import BEATS_MISSED_AT_MOST
from tutorwamp.kernel.limits import Limits, network_of
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.settings import Network
from tutorwamp.kernel.tokens import AccessToken, verify

log = get_logger(__name__)

REVOCATIONS_KEPT_FOR: Final = timedelta(hours=24)
"""Longer than access tokens live."""
REVOCATIONS_AT_MOST: Final = 100_000
SESSIONS_AT_MOST: Final = 10_000
"""Where nothing else is said; the setting's default."""
FULL_FOR_S: Final = 5.0
"""When somebody who was too many may ask again: people go at the end of an hour, not of a second."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class GateService:
    """The gate's memory and its decisions. Raises the kernel's errors only."""

    def __init__(
        self,
        *,
        key: bytes,
        expected: Iterable[str],
        allowed_origins: Iterable[str],
        clock: Clock,
        joins: Limits | None = None,
        proxies: Collection[Network] = (),
        sessions_at_most: int = SESSIONS_AT_MOST,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        """``joins`` and ``now_s``, a clock that never goes back, are left out where nothing is to be counted."""
        self._key = key
        self._expected = frozenset(expected)
        self._allowed_origins = frozenset(allowed_origins)
        self._clock = clock
        self._joins = joins
        self._proxies = proxies
        self.sessions_at_most = sessions_at_most
        self._publications = Publications(now_s)
        self._closing = False
        self._alive: dict[SessionId, tuple[Alive, int]] = {}
        self._reports: dict[SessionId, dict[str, ReportReady]] = {}
        self._procedures: frozenset[str] = frozenset()
        self._clients: dict[SessionId, Client] = {}
        self._grants = Grants()
        self._revocations = Revocations()

    # the node: starting, open, closing

    def report_ready(self, report: ReportReady, session: SessionId) -> None:
        """A component serves its procedures. Raises Invalid for one that the configuration does not name."""
        if report.component not in self._expected:
            raise Invalid(
                f"The gate does not wait for a component named {report.component!r}.",
                details=[{"loc": ["component"], "msg": f"expected one of {', '.join(sorted(self._expected))}"}],
            )
        self._reports.setdefault(session, {})[report.component] = report
        # Never taken back: a call to a component that has died must be told to retry, not that it is not allowed.
        self._procedures |= frozenset(report.procedures)

    def expected(self) -> list[str]:
        """The components the configuration names."""
        return sorted(self._expected)

    def missing(self) -> frozenset[str]:
        """Components that have not reported ready, or left since."""
        return self._expected.difference(*self._reports.values())

    def alive(self, told: Alive, session: SessionId) -> None:
        """A process with components lives."""
        self._alive[session] = (told, 0)

    def beat(self) -> list[tuple[Alive, bool]]:
        """A beat has passed: the processes with components, and whether each stands still."""
        self._alive = {session: (told, missed + 1) for session, (told, missed) in self._alive.items()}
        return [(told, missed > BEATS_MISSED_AT_MOST) for told, missed in self._alive.values()]

    def status(self) -> Status:
        """What an operator may want to know."""
        return Status(
            expected=self.expected(),
            missing=sorted(self.missing()),
            still=sorted(
                {
                    component
                    for told, missed in self._alive.values()
                    if missed > BEATS_MISSED_AT_MOST
                    for component in told.components
                }
            ),
            late=sorted({work for told, _ in self._alive.values() for work in told.late}),
            sessions=len(self._clients),
            granted=len(self._grants),
            closing=self._closing,
        )

    def close(self) -> list[SessionId]:
        """The node stops: let nobody in any more. Answers with the clients that are still here."""
        self._closing = True
        return list(self._clients)

    def is_closing(self) -> bool:
        """Whether nobody is let in any more."""
        return self._closing

    @property
    def closed_and_empty(self) -> bool:
        """Whether the last client has left a closing node."""
        return self._closing and not self._clients

    # coming and going

    def authenticate(self, ticket: str, headers: Mapping[str, str], peer: str = "") -> AccessToken:
        """Check a ticket, and the page it comes from by the lower-case ``headers`` of the HTTP request.

        Raises Unavailable while a component is missing or the node is full or closing, RateLimited for an address that
        comes too often, Forbidden for a foreign page, Unauthenticated for a bad, expired or revoked token.
        """
        self._require_open()
        if self._joins is not None:
            with refusing("rate_limited"):
                self._joins.take(network_of(address_of(peer, headers, self._proxies)))
        with refusing("origin"):
            self._check_origin(headers)
        now = self._clock()
        with refusing("token"):
            token = verify(self._key, ticket, now=now)
        if self._revocations.covers(token.user_id, token.issued_at, now=now):
            with refusing("revoked"):
                raise Unauthenticated("This access token has been revoked.")
        return token

    def _require_open(self) -> None:
        if self._closing:
            with refusing("stopping"):
                raise Unavailable(STOPPING)
        if self.missing():
            with refusing("starting"):
                raise Unavailable("The node is starting. Come back in a moment.")
        if len(self._clients) >= self.sessions_at_most:
            with refusing("full"):
                raise Unavailable("The node is full. Come back in a moment.", retry_after_s=FULL_FOR_S)

    def _check_origin(self, headers: Mapping[str, str]) -> None:
        # Browsers always say which page opens a WebSocket, and never check it themselves.
        origin = headers.get("origin")
        if origin is None or origin in self._allowed_origins or _same_origin(origin, headers.get("host", "")):
            return
        log.info("a page of an origin that is not allowed", origin=origin)
        raise Forbidden("Pages of this origin may not connect.")

    def joined(self, session: SessionId, user_id: str, role: str, issued_at: datetime) -> bool:
        """A session has been let in, with a token of that time. False where it must go: it was revoked meanwhile."""
        if role not in CLIENT_ROLES:
            return True
        if self._revocations.covers(user_id, issued_at, now=self._clock()):
            return False
        self._clients[session] = Client(session, user_id, issued_at)
        JOINED[role].inc()
        return True

    def left(self, session: SessionId) -> None:
        """A session has ended, a client's or a component's."""
        self._forget_client(session, CLOSE_DRAINING if self._closing else LEFT)
        self._reports.pop(session, None)
        self._alive.pop(session, None)

    def drop(self, session: SessionId, reason: str = OTHER) -> bool:
        """From now on the session may do nothing. False when it is no client's, or was told before."""
        return self._forget_client(session, reason)

    def drop_user(self, command: DropUser) -> list[SessionId]:
        """Refuse the user's tokens issued until ``before``, and drop the sessions they opened; which ones they were."""
        self._revocations.add(command.user_id, command.before, now=self._clock())
        return [
            session
            for session in self._sessions_of(command.user_id)
            if self._clients[session].issued_at <= command.before and self.drop(session, command.reason)
        ]

    def _forget_client(self, session: SessionId, reason: str) -> bool:
        # A session that is not in the table may do nothing, so forgetting it is refusing it.
        self._grants.forget(session)
        self._publications.forget(session)
        was_here = self._clients.pop(session, None) is not None
        if was_here:
            ended(reason)
        return was_here

    def connected(self, user_ids: Iterable[str]) -> list[str]:
        """Those of these people who are here."""
        here = {client.user_id for client in self._clients.values()}
        return [user_id for user_id in user_ids if user_id in here]

    def _sessions_of(self, user_id: str) -> list[SessionId]:
        return [client.session for client in self._clients.values() if client.user_id == user_id]

    # what they may do

    def grant(self, command: Grant) -> None:
        """Open topics to a session; one that has gone meanwhile is no error. Raises Invalid for one without a form."""
        for topic in command.publish:
            require_form(topic)
        if command.session in self._clients:
            self._grants.open(command.session, command.key, command.subscribe, command.publish)
            OPENED.inc()

    def revoke_grants(self, command: RevokeGrants) -> dict[SessionId, frozenset[str]]:
        """Close a key; the topics whose live subscriptions must be taken from each session."""
        sessions = set(self._grants.holders(command.key))
        if command.session is not None:
            sessions &= {command.session}
        if command.user_id is not None:
            sessions &= set(self._sessions_of(command.user_id))
        if command.publish is not None:
            for session in sessions:
                self._grants.silence(session, command.key, command.publish)
            return {}
        CLOSED.inc(len(sessions))
        return {session: self._grants.close(session, command.key) for session in sessions}

    def authorize(self, session: SessionId, action: str, uri: str, options: Mapping[str, Any]) -> Authorization:
        """Crossbar's question for every step of a client."""
        return decide(
            self._clients.get(session), action, uri, options, procedures=self._procedures, grants=self._grants
        )

    def check_publication(
        self,
        session: SessionId,
        topic: str,
        options: Mapping[str, Any],
        positional: Sequence[Any] | None,
        said: Mapping[str, Any],
    ) -> None:
        """What a client publishes where it may: of the topic's form, and not too often. Raises Invalid or RateLimited.

        Where it may not, the router asks ``authorize`` as well, and says so.
        """
        if self.authorize(session, "publish", topic, options)["allow"]:
            self._publications.check(session, topic, positional, said)


class Revocations:
    """Whose tokens are worth nothing, until when they were issued; of bounded size.

    What is forgotten becomes a floor for everybody: no token that was revoked is ever accepted again, at the price
    that a very old one of somebody else must be renewed.
    """

    def __init__(self) -> None:
        self._before: dict[str, datetime] = {}
        self._floor = datetime.min.replace(tzinfo=UTC)

    def __len__(self) -> int:
        return len(self._before)

    def add(self, user_id: str, before: datetime, *, now: datetime) -> None:
        """Remember one; the oldest are forgotten where they are too old or too many."""
        known = self._before.pop(user_id, before)
        self._before[user_id] = max(known, before)
        self._forget(now)

    def covers(self, user_id: str, issued_at: datetime, *, now: datetime) -> bool:
        """Whether a token of that person and time was revoked."""
        self._forget(now)
        return issued_at <= max(self._before.get(user_id, self._floor), self._floor)

    def _forget(self, now: datetime) -> None:
        while self._before:
            user_id, before = next(iter(self._before.items()))
            if len(self._before) <= REVOCATIONS_AT_MOST and before > now - REVOCATIONS_KEPT_FOR:
                break
            del self._before[user_id]
            self._floor = max(self._floor, before)


def _same_origin(origin: str, host: str) -> bool:
    try:
        page, here = urlsplit(origin), urlsplit(f"//{host}")
        default = _DEFAULT_PORTS[page.scheme]
        return page.hostname is not None and (page.hostname, page.port or default) == (
            here.hostname,
            here.port or default,
        )
    except (ValueError, KeyError):  # not an http(s) origin, "null" among them, or no port number
        return False
