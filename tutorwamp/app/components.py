"""The classes crossbar/config.yaml names: one WAMP session for each domain, and one that hosts REST.

Crossbar makes them by name, so they find their process's machine here; it is the one process-wide object. Any of them
can be moved to another container by configuration alone.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.types import CloseDetails, ComponentConfig
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall

from tutorwamp.app.assembly import DOMAINS, Machine, assemble
from tutorwamp.app.metrics import noted
from tutorwamp.app.settings import read_settings
from tutorwamp.app.site import PROBES, make_site
from tutorwamp.gate.wamp import GateClient
from tutorwamp.kernel.edges.answered import answered
from tutorwamp.kernel.edges.arguments import collect_seldom, spare_what_is_made
from tutorwamp.kernel.edges.component import Component
from tutorwamp.kernel.edges.open_files import accept_with_care, open_files
from tutorwamp.kernel.errors import Retryable, TutorwampError
from tutorwamp.kernel.files import raise_open_files
from tutorwamp.kernel.lifeline import BEAT_EVERY_S, Lifeline, reason_of
from tutorwamp.kernel.log.calls import on_finished
from tutorwamp.kernel.log.lines import configure, get_logger, obey_signals, tame_crossbar
from tutorwamp.kernel.log.requests import RequestLines
from tutorwamp.kernel.log.tracing import trace_calls
from tutorwamp.kernel.metrics.calls import count_calls
from tutorwamp.kernel.metrics.process import watch_process
from tutorwamp.kernel.metrics.sockets import offer, worker_name
from tutorwamp.kernel.metrics.turns import watch_reactor
from tutorwamp.kernel.node_settings import NodeSettings
from tutorwamp.kernel.private_files import PRIVATE
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.kernel.recurring import recurring
from tutorwamp.kernel.settings import gather, read
from tutorwamp.kernel.sql.database_file import require_database
from tutorwamp.kernel.sql.nodes import RENEWED_EVERY_S

log = get_logger(__name__)

WATCH_INTERVAL_S: Final = 1.0
"""How exactly timeouts and grace times are kept; the contract gives others a second to be told."""
STOOD_STILL_S: Final = 5.0
"""Between two looks: far more than a busy process takes, far less than anybody may be silent."""
PRESENCE_NOTED_EVERY_S: Final = 10.0
"""What a crash may cost the attendance record."""
CATCH_UP_INTERVAL_S: Final = 15.0
"""Announcements are projected at once; this finds what a process that died, or another one, has left."""
REMINDER_INTERVAL_S: Final = 10.0
"""How late a reminder may be."""
COMPARISON_INTERVAL_S: Final = 10.0
"""How long a wrong count could stay, were there ever one."""
PUSH_INTERVAL_S: Final = 1.0
"""Up to twenty deliveries are taken each time, and more once they are through."""
MAIL_INTERVAL_S: Final = 2.0
"""A mail about an account takes longer than that by itself."""
CHANGES_NOTICED_EVERY_S: Final = 5.0
"""How long another process may show somebody's old name; two readings a second of all processes would be felt."""
MEASURE_INTERVAL_S: Final = 15.0
"""How old what the metrics say of waiting deliveries may be: as often as Prometheus asks mostly."""
SWEEP_INTERVAL_S: Final = 600.0
"""Of files that nobody has sent on, which wait for a day."""
COMPACTION_INTERVAL_S: Final = 60.0
"""A minute's share of what a lesson leaves behind is forgotten in one short transaction."""


@functools.cache
def lifeline() -> Lifeline:
    """The process's way to its supervisor."""
    os.umask(PRIVATE)
    tame_crossbar()
    return Lifeline(read(NodeSettings, gather(os.environ)).node_dir)


@functools.cache
def machine() -> Machine:
    """The machine of this process, put together and started on first use."""
    reactor, settings = running_reactor(), read_settings(os.environ)
    configure(settings.log)
    obey_signals(settings.log.level)
    trace_calls(settings.tracing, worker_name())
    on_finished(RequestLines(settings.log, time.monotonic, answered.note, lambda call: call.name in PROBES).write)
    collect_seldom()
    raise_open_files()
    accept_with_care()
    require_database(settings)
    made = assemble(settings, reactor)
    made.start()
    reactor.addSystemEventTrigger(
        "before", "shutdown", lambda: Deferred.fromCoroutine(made.push.dispatcher.stop(reactor))
    )
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(made.notifier.stop()))
    reactor.addSystemEventTrigger("during", "shutdown", made.stop)
    LoopingCall(_show_life, made).start(BEAT_EVERY_S)
    recurring.every(CHANGES_NOTICED_EVERY_S, "accounts.notice_changes", made.accounts.notice_changes)
    _count(made, reactor)
    return made


def _count(made: Machine, reactor: Any) -> None:
    watch_process()
    if made.settings.metrics.metrics:
        watch_reactor(reactor)
        count_calls()
    offer(made.settings.node.node_dir, worker_name(), lambda: noted(made), reactor)


def _end_with(made: Machine) -> None:
    """What is written from now on would be found by nobody: the node starts again, with what is there."""
    why = "the database's file was deleted or replaced under the node"
    log.critical(why, file=made.database.engine.url.database)
    lifeline().report("cannot", why=why)
    running_reactor().stop()


_ready: Final[list[str]] = []
"""The components of this process that have reported ready."""
_ending: Final[list[Machine]] = []


def _show_life(made: Machine) -> None:
    open_files.check()
    if not made.database.file.is_itself() and made not in _ending:
        _ending.append(made)
        _end_with(made)
    if _ready:
        alive = GateClient(made.publisher.call).alive(os.getpid(), sorted(_ready), recurring.late())
        Deferred.fromCoroutine(alive).addErrback(lambda _: None)  # the gate is away, and knows it


class PeriodicComponent(Component):
    """A component of this process's machine; some of them also do something every so often, until they leave."""

    name = ""
    """As the node's configuration tells the gate."""

    def __init__(self, config: ComponentConfig) -> None:
        with lifeline().making(self.name):
            served = [row for domain in DOMAINS if domain.name == self.name for row in domain.wamp(machine())]
            super().__init__(
                config, publisher=machine().publisher, served=served, limits=machine().limits, ready=self._begin
            )
        self._loops: dict[str, LoopingCall] = {}

    async def _begin(self, session: ApplicationSession, procedures: list[str]) -> None:
        try:
            await self._start(session)
        except Retryable:
            raise  # the next start may find what this one missed
        except Exception as error:
            lifeline().report("cannot", why=f"{self.name} cannot be made: {reason_of(error)}")
            raise
        await GateClient(session.call).ready(self.name, procedures)
        _ready.append(self.name)
        spare_what_is_made()
        _show_life(machine())
        await self._go_on()

    async def _start(self, session: ApplicationSession) -> None:
        """What must be done before people come."""

    async def _go_on(self) -> None:
        """What is done once they may."""

    def _every(self, interval_s: float, work: Callable[[], Coroutine[Any, Any, object]], *, now: bool = False) -> None:
        """Do it again and again, until this component leaves."""
        name = f"{self.name}.{work.__name__}"
        self._loops[name] = recurring.every(interval_s, name, work, now=now)

    def _watch(self, session: ApplicationSession, judge: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Judge every second who was gone for too long, once everything they said until now is heard.

        What the router sent before it answers us lies before its answer in our socket. Where that was long ago, we or
        the router stood still, and what was heard just now is still being done: the next look judges.
        """
        gate = GateClient(session.call)
        heard_s = time.monotonic()

        @functools.wraps(judge)
        async def check() -> None:
            nonlocal heard_s
            await gate.connected(())
            before_s, heard_s = heard_s, time.monotonic()
            if heard_s - before_s < STOOD_STILL_S:
                await judge()

        self._every(WATCH_INTERVAL_S, check)

    def onLeave(self, details: CloseDetails) -> None:  # noqa: N802  # autobahn's name
        """Do it no more."""
        for name, loop in self._loops.items():
            recurring.forget(name)
            if loop.running:
                loop.stop()
        super().onLeave(details)


class AccountsComponent(PeriodicComponent):
    """Watches for revocations and sends mail about accounts; they are asked for over REST only."""

    name = "accounts"

    async def _start(self, session: ApplicationSession) -> None:
        accounts = machine().accounts
        await accounts.tell_gate_of_revocations()
        self._every(machine().settings.accounts.revocation_poll.total_seconds(), accounts.tell_gate_of_revocations)
        self._every(MAIL_INTERVAL_S, machine().recovery.send_due)


class LessonsComponent(PeriodicComponent):
    """Serves ``tutorwamp.lesson.…``, hears when sessions leave, and knows how long they have been gone."""

    name = "lessons"

    async def _start(self, session: ApplicationSession) -> None:
        lessons = machine().lessons
        await self._take_lease()
        await lessons.recover()
        await session.subscribe(lessons.session_left, "wamp.session.on_leave")
        self._watch(session, lessons.pass_time)
        self._every(WATCH_INTERVAL_S, machine().lead.write)
        self._every(PRESENCE_NOTED_EVERY_S, lessons.note_presence)
        await machine().media.recover()

    async def _take_lease(self) -> None:
        async def renew() -> None:
            if not await machine().nodes.renew():
                log.error("the database was restored while the node ran: it starts anew")
                self.leave()

        async def end() -> None:
            with suppress(TutorwampError):  # the database is away: the lease runs out by itself
                await machine().nodes.end()

        await machine().nodes.begin()
        self._every(RENEWED_EVERY_S, renew)
        running_reactor().addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(end()))


class SessionsComponent(PeriodicComponent):
    """Serves ``tutorwamp.session.…`` and ends sessions that have fallen silent."""

    name = "sessions"

    async def _start(self, session: ApplicationSession) -> None:
        sessions = machine().sessions
        await session.subscribe(sessions.session_joined, "wamp.session.on_join")
        await session.subscribe(sessions.session_left, "wamp.session.on_leave")
        self._watch(session, sessions.end_silent)


class FilesComponent(PeriodicComponent):
    """Sweeps away files that nobody has sent on; files themselves are asked for over REST only."""

    name = "files"

    async def _go_on(self) -> None:
        self._every(SWEEP_INTERVAL_S, machine().files.sweep)


class BoardComponent(PeriodicComponent):
    """Serves ``tutorwamp.board.…``, and forgets from time to time what nobody may ask for any more."""

    name = "board"

    async def _start(self, session: ApplicationSession) -> None:
        self._every(COMPACTION_INTERVAL_S, machine().board.compact)


class NotificationsComponent(PeriodicComponent):
    """Serves ``tutorwamp.notification.…``, turns what happens into notifications, and reminds of lessons."""

    name = "notifications"

    async def _go_on(self) -> None:
        notifier = machine().notifier
        notifier.start()
        self._every(CATCH_UP_INTERVAL_S, notifier.catch_up)  # not at once: people are still coming back
        self._every(REMINDER_INTERVAL_S, notifier.remind, now=True)
        self._every(COMPARISON_INTERVAL_S, machine().counts.compare)
        self._every(PUSH_INTERVAL_S, machine().push.dispatcher.dispatch)
        self._every(MEASURE_INTERVAL_S, machine().push.dispatcher.measure)


class RestComponent(PeriodicComponent):
    """Hosts the REST site on loopback; the gate passes ``/api`` on to it."""

    name = "rest"

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config)
        self._port: IListeningPort | None = None

    async def _start(self, session: ApplicationSession) -> None:
        port = machine().settings.node.rest_port
        self._port = running_reactor().listenTCP(port, make_site(machine()), interface="127.0.0.1")

    def onLeave(self, details: CloseDetails) -> None:  # noqa: N802  # autobahn's name
        """Take no more requests."""
        if self._port is not None:
            maybeDeferred(self._port.stopListening).addErrback(lambda _: None)
        super().onLeave(details)


def component_class(domain: str) -> str:
    """What crossbar/config.yaml calls a domain's component."""
    return f"{domain.title()}Component"


def __getattr__(name: str) -> type[PeriodicComponent]:
    """The component of a domain that does nothing but serve needs no class of its own; ``ChatComponent`` is one."""
    for domain in DOMAINS:
        if component_class(domain.name) == name:
            return type(name, (PeriodicComponent,), {"name": domain.name})
    raise AttributeError(f"{__name__} has no {name}: add its Domain(...) to DOMAINS in tutorwamp/app/assembly.py")
