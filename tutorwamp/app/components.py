"""The classes crossbar/config.yaml names: one WAMP session for each domain, and one that hosts REST.

Crossbar makes them by name, so they find their process's machine here; it is the one process-wide object. Any of them
can be moved to another container by configuration alone.
"""

from __future__ import annotations

import functools
import os

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.types import CloseDetails, ComponentConfig
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall

from tutorwamp.app.assembly import Machine, assemble, read_settings
from tutorwamp.app.site import make_site
from tutorwamp.board.wamp import BoardDoor
from tutorwamp.chat.wamp import ChatDoor
from tutorwamp.gate.wamp import GateClient
from tutorwamp.kernel.component import Component
from tutorwamp.kernel.observability import configure, get_logger
from tutorwamp.lessons.wamp import LessonsDoor

log = get_logger(__name__)

COMPACTION_INTERVAL_S = 60.0
"""A minute's share of what a lesson leaves behind is forgotten in one short transaction."""


@functools.cache
def machine() -> Machine:
    """The machine of this process, put together and started on first use."""
    from twisted.internet import reactor  # late: the worker has chosen it by now

    settings = read_settings(os.environ)
    configure(settings.log)
    made = assemble(settings, reactor)
    made.start()
    reactor.addSystemEventTrigger("during", "shutdown", made.stop)
    return made


class AccountsComponent(Component):
    """Watches for revocations; accounts are asked for over REST only."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config, outlet=machine().outlet, doors=[], ready=self._start)
        self._watch = LoopingCall(self._look)

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        await machine().accounts.tell_gate_of_revocations()
        self._watch.start(machine().settings.accounts.revocation_poll.total_seconds(), now=False)
        await GateClient(session.call).ready("accounts", procedures)

    def _look(self) -> Deferred[None]:
        looking = Deferred.fromCoroutine(machine().accounts.tell_gate_of_revocations())
        return looking.addErrback(
            lambda failure: log.warning("could not look for revocations", error=str(failure.value))
        )

    def onLeave(self, details: CloseDetails) -> None:  # noqa: N802  # autobahn's name
        """Stop watching."""
        if self._watch.running:
            self._watch.stop()
        super().onLeave(details)


class LessonsComponent(Component):
    """Serves ``tutorwamp.lesson.…`` and hears when sessions leave."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config, outlet=machine().outlet, doors=[LessonsDoor(machine().lessons)], ready=self._start)

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        await session.subscribe(machine().lessons.session_left, "wamp.session.on_leave")
        await GateClient(session.call).ready("lessons", procedures)


class ChatComponent(Component):
    """Serves ``tutorwamp.chat.…``."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config, outlet=machine().outlet, doors=[ChatDoor(machine().chat)], ready=self._start)

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        await GateClient(session.call).ready("chat", procedures)


class BoardComponent(Component):
    """Serves ``tutorwamp.board.…``, and forgets from time to time what nobody may ask for any more."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(
            config, outlet=machine().outlet, doors=[BoardDoor(machine().board, machine().exchange)], ready=self._start
        )
        self._compacting = LoopingCall(self._compact)

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        self._compacting.start(COMPACTION_INTERVAL_S, now=False)
        await GateClient(session.call).ready("board", procedures)

    def _compact(self) -> Deferred[None]:
        compacting = Deferred.fromCoroutine(machine().board.compact())
        return compacting.addCallbacks(
            lambda forgotten: log.info("board compacted", forgotten=forgotten) if forgotten else None,
            lambda failure: log.warning("could not compact the board", error=str(failure.value)),
        )

    def onLeave(self, details: CloseDetails) -> None:  # noqa: N802  # autobahn's name
        """Stop compacting."""
        if self._compacting.running:
            self._compacting.stop()
        super().onLeave(details)


class RestComponent(Component):
    """Hosts the REST site on loopback; the gate passes ``/api`` on to it."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config, outlet=machine().outlet, doors=[], ready=self._start)
        self._port: IListeningPort | None = None

    async def _start(self, session: ApplicationSession, procedures: list[str]) -> None:
        from twisted.internet import reactor  # late: the worker has chosen it by now

        port = machine().settings.node.rest_port
        self._port = reactor.listenTCP(port, make_site(machine()), interface="127.0.0.1")
        await GateClient(session.call).ready("rest", procedures)

    async def onLeave(self, details: CloseDetails) -> None:  # noqa: N802  # autobahn's name
        """Take no more requests."""
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        super().onLeave(details)
