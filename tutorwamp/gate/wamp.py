"""The gate's edge: a component inside the router's process, and the client by which services speak to it."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallDetails, ComponentConfig, PublishOptions, RegisterOptions
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater

from tutorwamp.gate.arrivals import Arrivals
from tutorwamp.gate.contracts import (
    ALIVE,
    AUTHENTICATE,
    AUTHORIZE,
    CLIENT_ROLES,
    CLOSE_DRAINING,
    CLOSE_REVOKED,
    CLOSE_SLOW,
    CONNECTED,
    CONNECTION_DRAINING,
    DROP,
    DROP_USER,
    GRANT,
    READY,
    REVOKE_GRANTS,
    STATUS,
    STOPPING,
    Alive,
    Draining,
    Drop,
    Dropped,
    DropUser,
    Grant,
    People,
    ReportReady,
    RevokeGrants,
    SessionId,
)
from tutorwamp.gate.counts import GateCollector, gate_registry, traffic
from tutorwamp.gate.health import standing
from tutorwamp.gate.router import Router
from tutorwamp.gate.rules import Authorization, address_of
from tutorwamp.gate.service import GateService
from tutorwamp.gate.settings import GateSettings
from tutorwamp.kernel.contracts import NOTHING, Answer, Arguments, Procedure, from_ms, new_id, to_ms, utc_now
from tutorwamp.kernel.edges.answered import answered, error_of
from tutorwamp.kernel.edges.arguments import bound_recursion, check, collect_seldom, spare_what_is_made
from tutorwamp.kernel.edges.open_files import accept_with_care, open_files
from tutorwamp.kernel.edges.refusals import application_error
from tutorwamp.kernel.errors import Internal, RateLimited, TutorwampError
from tutorwamp.kernel.files import raise_open_files, sessions_in
from tutorwamp.kernel.lifeline import BEAT_EVERY_S, Lifeline
from tutorwamp.kernel.limits import JOINS, Limits, LimitSettings
from tutorwamp.kernel.log.calls import Call, Edge, finish, on_finished, tell_begun, working_for
from tutorwamp.kernel.log.lines import LogSettings, configure, get_logger, obey_signals, tame_crossbar
from tutorwamp.kernel.log.requests import ERRORS, RequestLines
from tutorwamp.kernel.log.tracing import TracingSettings, trace_calls
from tutorwamp.kernel.log.unsaid import say_when_read
from tutorwamp.kernel.metrics.pages import noted_page
from tutorwamp.kernel.metrics.process import watch_process
from tutorwamp.kernel.metrics.settings import MetricsSettings
from tutorwamp.kernel.metrics.sockets import CONTROLLER, clear, offer, worker_name
from tutorwamp.kernel.metrics.turns import watch_reactor
from tutorwamp.kernel.node_settings import NodeSettings
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.kernel.settings import gather, read

log = get_logger(__name__)

CLOSE_AFTER: Final = timedelta(seconds=1)
"""How long a session that was told to go may take to go by itself."""
CUT_AFTER: Final = timedelta(seconds=1.5)
"""When the connection is cut, whatever the client does."""

SLOW_CUT_AFTER: Final = timedelta(seconds=10)
"""The same for a session that does not read: a page that was asleep for a moment still finds the reason."""

DRAINED_AT_ONCE: Final = 100
DRAIN_PAUSE: Final = timedelta(milliseconds=50)
"""Between batches of farewells, so that the answers to earlier ones, and calls under way, are not held up by them."""
BACK_BETWEEN_S: Final = (2.0, 6.0)
"""A node takes about five seconds to start again; everybody is told another moment."""


class GateComponent(ApplicationSession):
    """Runs in the router's process and is there before its doors open.

    ``extra.components`` in the node's configuration names the components without which nobody is let in.
    """

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config)
        tame_crossbar()
        bound_recursion()
        collect_seldom()
        values = gather(os.environ)
        settings = read(NodeSettings, values)
        self._node_dir = settings.node_dir.absolute()
        self._lifeline = Lifeline(self._node_dir)
        self._limited = limited = read(LimitSettings, values).rate_limits
        self._files = raise_open_files()
        accept_with_care()
        self._audits, self._proxies = Limits(ERRORS, time.monotonic), settings.trusted_proxies
        sessions_at_most = min(read(GateSettings, values).sessions_at_most, sessions_in(self._files))
        with self._lifeline.making("gate"):
            lines = read(LogSettings, values)
            configure(lines)
            obey_signals(lines.level)
            self._counts = read(MetricsSettings, values).metrics
            trace_calls(read(TracingSettings, values), worker_name(), asked_by_ours=True)
            on_finished(RequestLines(lines, time.monotonic, answered.note, is_quiet=lambda _: True).write)
            self._service = GateService(
                key=settings.signing_key(),
                expected=config.extra["components"],
                allowed_origins=settings.allowed_origins,
                clock=utc_now,
                joins=Limits(JOINS, time.monotonic) if limited else None,
                proxies=settings.trusted_proxies,
                sessions_at_most=sessions_at_most,
                now_s=time.monotonic if limited else None,
            )
        self._arrivals = Arrivals(sessions_at_most, limited=limited, proxies=settings.trusted_proxies)
        self._router: Router
        self._all_left: Deferred[None] = Deferred()

    async def onJoin(self, details: object) -> None:  # noqa: N802  # autobahn's name
        """Register everything. Where that fails the worker must not live on without its gate."""
        try:
            await self._open()
        except Exception:  # whatever it was, Crossbar would go on as if the component were ready
            self.log.failure("The gate could not be opened.")
            running_reactor().callLater(0, running_reactor().stop)
            raise

    async def _open(self) -> None:
        from tutorwamp.gate.wire import stand_at_the_door  # late: Crossbar takes a second to import

        if other := say_when_read():  # the door has loaded what is left of Crossbar
            log.warning("words of Crossbar that nobody reads", reason=other)
        self._router = Router(self)
        self._router.check_publications(self._service.check_publication)
        stand_at_the_door(
            self._arrivals,
            self._too_slow,
            self._service.is_closing,
            connections_at_most=self._files,
            limited=self._limited,
        )
        await self.subscribe(self._on_join, "wamp.session.on_join")
        await self.subscribe(self._on_leave, "wamp.session.on_leave")
        await self.register(self._authenticate, AUTHENTICATE)
        await self.register(self._authorize, AUTHORIZE)
        self._router.answer_steps(CLIENT_ROLES, self._service.authorize)
        await self._serve(READY, self._ready)
        await self._serve(ALIVE, self._service.alive)
        await self._serve(GRANT, lambda command, _: self._service.grant(command))
        await self._serve(REVOKE_GRANTS, self._revoke_grants)
        await self._serve(STATUS, lambda _nothing, _session: self._service.status())
        await self._serve(CONNECTED, self._connected)
        await self._serve(DROP, self._drop)
        await self._serve(DROP_USER, self._drop_user)
        # What Crossbar and its libraries brought along stays as it is: 160,000 objects that Python would look through
        # again and again while many small ones are made, as for a large message (70 ms instead of 8).
        gc.collect()
        gc.freeze()
        self._count()
        LoopingCall(self._beat).start(BEAT_EVERY_S)
        standing.status = self._service.status

    def _count(self) -> None:
        """The router is the first of the workers: what a killed node has left goes before anybody else comes."""
        clear(self._node_dir, but=(CONTROLLER,))
        watch_process()
        if self._counts:
            watch_reactor(running_reactor())
        offer(self._node_dir, worker_name(), self._metrics, running_reactor())

    def _metrics(self) -> Callable[[], bytes]:
        now = GateCollector(self._service.status(), self._service.sessions_at_most)
        return noted_page((gate_registry, traffic, now))

    async def _serve(
        self, procedure: Procedure[Arguments, Answer], handle: Callable[[Arguments, SessionId], Answer | None]
    ) -> None:
        def answer(*positional: object, call: CallDetails, **arguments: object) -> dict[str, Any]:
            # By position come request_id and trace of the call, over either door, that this is done for.
            request_id, traceparent = (*map(str, positional[:2]), "", "")[:2]
            ours = Call(procedure.uri, Edge.WAMP, request_id, traceparent=traceparent)
            tell_begun(ours)
            try:
                with working_for([ours]):
                    done = (handle(check(procedure.arguments, arguments), _caller(call)) or NOTHING).plain()
            except Exception as raised:  # noqa: BLE001  # logged; its text may not reach the caller
                error = error_of(raised, ours)
                finish(ours, error)
                raise application_error(error, ours.request_id) from None
            finish(ours)
            return done

        await self.register(answer, procedure.uri, RegisterOptions(details_arg="call"))

    def onUserError(self, fail: Any, msg: str) -> None:  # noqa: N802  # autobahn's name
        """Autobahn would write every refused ticket into the log as an error; what matters was logged where raised."""

    def _log_unexpected(self) -> str:
        request_id = new_id()
        self.log.failure("Unexpected exception in the gate, request_id={request_id}", request_id=request_id)
        return request_id

    # asked by the router

    def _authenticate(self, _realm: str | None, _authid: str | None, details: Mapping[str, Any]) -> dict[str, Any]:
        # Of an error raised here Crossbar passes on the URI and the first positional argument, nothing else.
        try:
            headers = details["transport"].get("http_headers_received") or {}
            peer = str(details["transport"].get("peer") or "")
            token = self._service.authenticate(details["ticket"], headers, peer)
        except TutorwampError as error:
            self._refused(details, error)
            raise ApplicationError(error.uri, error.message) from None
        except Exception:  # noqa: BLE001  # logged; its text may not reach the client
            request_id = self._log_unexpected()
            raise ApplicationError(Internal.uri, f"{Internal().message} (request_id={request_id})") from None
        extra = {"issued_ms": to_ms(token.issued_at)}  # comes back with on_join
        return {"realm": self.config.realm, "authid": token.user_id, "role": token.role.value, "extra": extra}

    def _refused(self, details: Mapping[str, Any], error: TutorwampError) -> None:
        """The audit's line, as accounts write theirs; ABORT has no place for its ``request_id``."""
        with contextlib.suppress(RateLimited):
            self._audits.take("ticket refused")
            headers = details["transport"].get("http_headers_received") or {}
            peer = str(details["transport"].get("peer") or "")
            address = address_of(peer, headers, self._proxies)
            log.info(
                "audit", what="ticket refused", user_id=None, address=address, request_id=new_id(), reason=error.uri
            )

    def _authorize(
        self, session: Mapping[str, Any], uri: str, action: str, options: Mapping[str, Any] | None = None
    ) -> Authorization:
        return self._service.authorize(session["session"], action, uri, options or {})

    def _on_join(self, details: Mapping[str, Any]) -> None:
        issued_at = from_ms(int((details.get("authextra") or {}).get("issued_ms", 0)))
        if not self._service.joined(details["session"], details["authid"], details["authrole"], issued_at):
            self._send_away(details["session"], CLOSE_REVOKED, "Your sessions were ended.")
        if details["authrole"] in CLIENT_ROLES:
            self._router.welcome(details["session"])

    def _on_leave(self, session: SessionId, *_: object) -> None:
        self._service.left(session)
        if self._service.closed_and_empty and not self._all_left.called:
            self._all_left.callback(None)

    # asked by components

    def _ready(self, report: ReportReady, session: SessionId) -> None:
        self._service.report_ready(report, session)
        missing = self._service.missing()
        if not missing:
            spare_what_is_made()
        self.log.info(
            "{component} is ready, {rest}",
            component=report.component,
            rest=f"waiting for {', '.join(sorted(missing))}" if missing else "the gate is open",
        )

    def _beat(self) -> None:
        """Tell the supervisor that this process lives, and which containers do not show it."""
        open_files.check()
        heard = self._service.beat()
        containers = [(told.pid, told.components) for told, _ in heard]
        self._lifeline.report("router", containers=containers, still=[told.pid for told, still in heard if still])

    def _connected(self, asked: People, _session: SessionId) -> People:
        return People(user_ids=self._service.connected(asked.user_ids))

    def _revoke_grants(self, command: RevokeGrants, _session: SessionId) -> None:
        for session, topics in self._service.revoke_grants(command).items():
            self._router.take_subscriptions(session, topics)

    def _drop(self, command: Drop, _session: SessionId) -> Dropped:
        if not self._service.drop(command.session, command.reason):
            return Dropped(sessions=0)
        self._send_away(command.session, command.reason, command.message)
        return Dropped(sessions=1)

    def _drop_user(self, command: DropUser, _session: SessionId) -> Dropped:
        sessions = self._service.drop_user(command)
        for session in sessions:
            self._send_away(session, command.reason, command.message)
        return Dropped(sessions=len(sessions))

    def _send_away(self, session: SessionId, reason: str, message: str) -> None:
        self._router.take_subscriptions(session)
        self._router.goodbye(session, reason, message)
        running_reactor().callLater(CLOSE_AFTER.total_seconds(), self._router.close, session)
        running_reactor().callLater(CUT_AFTER.total_seconds(), self._router.cut, session)

    def _too_slow(self, session: SessionId) -> None:
        """Asked by a wire that has let go of what waited: a client that reads again finds the reason."""
        if self._service.drop(session, CLOSE_SLOW):
            self.log.info("session {session} does not read what it is told, and is ended", session=session)
            self._router.take_subscriptions(session)
            self._router.goodbye(session, CLOSE_SLOW, "Too much waited to be read. Come back and resume.")
        running_reactor().callLater(SLOW_CUT_AFTER.total_seconds(), self._router.cut, session)

    # stopping

    def leave(self, reason: str | None = None, message: str | None = None) -> Deferred[None]:
        """The router's process asks this of its components when it stops, and waits for the answer.

        So the clients can be told first, while the gate still refuses new ones.
        """
        return Deferred.fromCoroutine(self._drain()).addBoth(
            lambda _: super(GateComponent, self).leave(reason, message)
        )

    async def _drain(self) -> None:
        clients = self._service.close()
        for first in range(0, len(clients), DRAINED_AT_ONCE):
            for session in clients[first : first + DRAINED_AT_ONCE]:
                told = Draining(retry_after_s=round(random.uniform(*BACK_BETWEEN_S), 3))  # noqa: S311  # no secret
                self.publish(CONNECTION_DRAINING, **told.plain(), options=PublishOptions(eligible=[session]))
                self._router.goodbye(session, CLOSE_DRAINING, STOPPING)
            await deferLater(running_reactor(), DRAIN_PAUSE.total_seconds())
        if not self._service.closed_and_empty:
            with contextlib.suppress(defer.TimeoutError):
                await self._all_left.addTimeout(CLOSE_AFTER.total_seconds(), running_reactor())


def _caller(call: CallDetails) -> SessionId:
    if call.caller is None:  # the role `component` lost its `disclose` in the node's configuration
        raise RuntimeError("The router does not disclose who calls the gate.")
    return call.caller


class GateClient:
    """Implements ``gate.contracts.Gate`` over a component's session: ``call(uri, **kwargs)`` is a WAMP call."""

    def __init__(self, call: Callable[..., Awaitable[Any]]) -> None:
        self._call = call

    async def _request(self, procedure: Procedure[Arguments, Answer], arguments: Arguments) -> Answer:
        return procedure.result.model_validate(await self._call(procedure.uri, **arguments.plain()))

    async def ready(self, component: str, procedures: Sequence[str]) -> None:
        """Everything is registered; clients may come."""
        await self._request(READY, ReportReady(component=component, procedures=list(procedures)))

    async def alive(self, pid: int, components: Sequence[str], late: Sequence[str]) -> None:
        """Say that this process lives; the work of its components that is late."""
        await self._request(ALIVE, Alive(pid=pid, components=list(components), late=list(late)))

    async def grant(
        self, session: SessionId, key: str, *, subscribe: Sequence[str], publish: Sequence[str] = ()
    ) -> None:
        """Open topics to a session that is still there; a session already gone is no error."""
        command = Grant(session=session, key=key, subscribe=list(subscribe), publish=list(publish))
        await self._request(GRANT, command)

    async def revoke_grants(
        self,
        key: str,
        *,
        session: SessionId | None = None,
        user_id: str | None = None,
        publish: Sequence[str] | None = None,
    ) -> None:
        """Close what was granted under ``key``. ``publish``: only these topics, and only for publishing."""
        topics = None if publish is None else list(publish)
        await self._request(REVOKE_GRANTS, RevokeGrants(key=key, session=session, user_id=user_id, publish=topics))

    async def connected(self, user_ids: Iterable[str]) -> set[str]:
        """Those of these people who have a live session on this node."""
        return set((await self._request(CONNECTED, People(user_ids=list(user_ids)))).user_ids)

    async def drop(self, session: SessionId, *, reason: str, message: str) -> int:
        """End one session; how many there were, 0 or 1."""
        dropped = await self._request(DROP, Drop(session=session, reason=reason, message=message))
        return dropped.sessions

    async def drop_user(self, user_id: str, *, before: datetime, reason: str, message: str) -> int:
        """End all sessions of a user; how many there were."""
        command = DropUser(user_id=user_id, before=before, reason=reason, message=message)
        dropped = await self._request(DROP_USER, command)
        return dropped.sessions
