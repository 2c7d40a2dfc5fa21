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
from twisted.python.failure import Failure

from tutorwamp.app.assembly import Machine, assemble, read_settings
from tutorwamp.app.site import make_site
from tutorwamp.board.wamp import BoardDoor
from tutorwamp.chat.wamp import ChatDoor
from tutorwamp.gate.wamp import GateClient
from tutorwamp.kernel.arguments import collect_seldom
from tutorwamp.kernel.component import Component
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.files import raise_open_files
from tutorwamp.kernel.nodes import RENEWED_EVERY_S
from tutorwamp.kernel.observability import configure, get_logger
from tutorwamp.lessons.wamp import LessonsDoor
from tutorwamp.notifications.wamp import NotificationsDoor
from tutorwamp.sessions.wamp import SessionsDoor

log = get_logger(__name__)

WATCH_INTERVAL_S: Final = 1.0
"""How exactly timeouts and grace times are kept; the contract gives others a second to be told."""
STOOD_STILL_S: Final = 5.0
"""Between two looks: far more than a busy process takes, far less than anybody may be silent."""
PRESENCE_NOTED_EVERY_S: Final = 10.0
"""What a crash may cost the attendance record."""
CATCH_UP_INTERVAL_S: Final = 15.0
"""Announcements are turned at once; this finds what a process that died, or another one, has left."""
REMINDER_INTERVAL_S: Final = 10.0
"""How late a reminder may be."""
COMPARISON_INTERVAL_S: Final = 10.0
"""How long a wrong count could stay, were there ever one."""
PUSH_INTERVAL_S: Final = 1.0
"""Up to twenty deliveries are taken each time, and more once they are through."""
COMPACTION_INTERVAL_S: Final = 60.0
"""A minute's share of what a lesson leaves behind is forgotten in one short transaction."""


@functools.cache
def machine() -> Machine:
    """The machine of this process, put together and started on first use."""
    from twisted.internet import reactor  # late: the worker has chosen it by now

    settings = read_settings(os.environ)
    configure(settings.log)
    collect_seldom()
    raise_open_files()
    made = assemble(settings, reactor)
    made.start()
    reactor.addSystemEventTrigger(
        "before", "shutdown", lambda: Deferred.fromCoroutine(made.push.dispatcher.stop(reactor))
    )
    reactor.addSystemEventTrigger("during", "shutdown", made.stop)
    return made


class Working(Component):
    """A component of this process's machine; some of them also do something every so often, until they leave."""

    def __init__(self, config: ComponentConfig, *doors: object) -> None:
        super().__init__(config, outlet=machine().outlet, doors=doors, limits=machine().limits, ready=self._start)
        self._loops: list[LoopingCall] = []

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        raise NotImplementedError

    def _every(self, interval_s: float, work: Callable[[], Coroutine[Any, Any, object]], *, now: bool = False) -> None:
        """Do it again and again; where it fails it is logged, and done again next time."""

        def failed(failure: Failure) -> None:
            log.warning("recurring work failed", work=work.__qualname__, error=repr(failure.value))

        def once() -> Deferred[object]:
            return Deferred.fromCoroutine(work()).addErrback(failed)

        loop = LoopingCall(once)
        loop.start(interval_s, now=now)
        self._loops.append(loop)

    def _watch(self, session: ApplicationSession, judge: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Judge every second who was gone for too long, once everything they said until now is heard.

        What the router sent before it answers us lies before its answer in our socket. Where that was long ago, we or
        the router stood still, and what was heard just now is still being done: the next look judges.
        """
        gate = GateClient(session.call)
        heard_s = time.monotonic()

        @functools.wraps(judge)
        async def look() -> None:
            nonlocal heard_s
            await gate.connected(())
            before_s, heard_s = heard_s, time.monotonic()
            if heard_s - before_s < STOOD_STILL_S:
                await judge()

        self._every(WATCH_INTERVAL_S, look)

    def onLeave(self, details: CloseDetails) -> None:  # noqa: N802  # autobahn's name
        """Do it no more."""
        for loop in self._loops:
            if loop.running:
                loop.stop()
        super().onLeave(details)


class AccountsComponent(Working):
    """Watches for revocations; accounts are asked for over REST only."""

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        accounts = machine().accounts
        await accounts.tell_gate_of_revocations()
        self._every(machine().settings.accounts.revocation_poll.total_seconds(), accounts.tell_gate_of_revocations)
        await GateClient(session.call).ready("accounts", procedures)


class LessonsComponent(Working):
    """Serves ``tutorwamp.lesson.…``, hears when sessions leave, and knows how long they have been gone."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config, LessonsDoor(machine().lessons))

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        lessons = machine().lessons
        await self._take_lease()
        await lessons.recover()
        await session.subscribe(lessons.session_left, "wamp.session.on_leave")
        self._watch(session, lessons.pass_time)
        self._every(PRESENCE_NOTED_EVERY_S, lessons.note_presence)
        await GateClient(session.call).ready("lessons", procedures)

    async def _take_lease(self) -> None:
        from twisted.internet import reactor  # late: the worker has chosen it by now

        async def renew() -> None:
            if not await machine().nodes.renew():
                log.error("the database was restored while the node ran: it starts anew")
                self.leave()

        async def end() -> None:
            with suppress(TutorwampError):  # the database is away: the lease runs out by itself
                await machine().nodes.end()

        await machine().nodes.begin()
        self._every(RENEWED_EVERY_S, renew)
        reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(end()))


class SessionsComponent(Working):
    """Serves ``tutorwamp.session.…`` and ends sessions that have fallen silent."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config, SessionsDoor(machine().sessions))

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        sessions = machine().sessions
        await session.subscribe(sessions.session_joined, "wamp.session.on_join")
        await session.subscribe(sessions.session_left, "wamp.session.on_leave")
        self._watch(session, sessions.end_silent)
        await GateClient(session.call).ready("sessions", procedures)


class ChatComponent(Working):
    """Serves ``tutorwamp.chat.…``."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config, ChatDoor(machine().chat))

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        await GateClient(session.call).ready("chat", procedures)


class BoardComponent(Working):
    """Serves ``tutorwamp.board.…``, and forgets from time to time what nobody may ask for any more."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config, BoardDoor(machine().board, machine().exchange))

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        self._every(COMPACTION_INTERVAL_S, machine().board.compact)
        await GateClient(session.call).ready("board", procedures)


class NotificationsComponent(Working):
    """Serves ``tutorwamp.notification.…``, turns what happens into notifications, and reminds of lessons."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config, NotificationsDoor(machine().notifications))

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        await GateClient(session.call).ready("notifications", procedures)
        notifier = machine().notifier
        notifier.start()
        self._every(CATCH_UP_INTERVAL_S, notifier.catch_up)  # not at once: people are still coming back
        self._every(REMINDER_INTERVAL_S, notifier.remind, now=True)
        self._every(COMPARISON_INTERVAL_S, machine().counts.compare)
        self._every(PUSH_INTERVAL_S, machine().push.dispatcher.dispatch)


class RestComponent(Working):
    """Hosts the REST site on loopback; the gate passes ``/api`` on to it."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config)
        self._port: IListeningPort | None = None

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        from twisted.internet import reactor  # late: the worker has chosen it by now

        port = machine().settings.node.rest_port
        self._port = reactor.listenTCP(port, make_site(machine()), interface="127.0.0.1")
        await GateClient(session.call).ready("rest", procedures)

    def onLeave(self, details: CloseDetails) -> None:  # noqa: N802  # autobahn's name
        """Take no more requests."""
        if self._port is not None:
            maybeDeferred(self._port.stopListening).addErrback(lambda _: None)
        super().onLeave(details)
