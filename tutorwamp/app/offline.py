"""Use the services without a running reactor: for the command line, which must not spend the process's only one."""

from __future__ import annotations

import queue
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tutorwamp.app.assembly import Machine, assemble
from tutorwamp.app.settings import Settings
from tutorwamp.kernel.log.lines import configure

Result = TypeVar("Result")


class NoGate:
    """The gate of a process without a router: the node learns of revocations from the database."""

    async def grant(self, session: int, key: str, *, subscribe: Any, publish: Any = ()) -> None:
        """Nobody is connected here."""

    async def revoke_grants(
        self, key: str, *, session: int | None = None, user_id: str | None = None, publish: Any = None
    ) -> None:
        """Nobody is connected here."""

    async def connected(self, user_ids: Any) -> set[str]:
        """Nobody is connected here."""
        return set()

    async def drop(self, session: int, *, reason: str, message: str) -> int:
        """No session is told."""
        return 0

    async def drop_user(self, user_id: str, *, before: datetime, reason: str, message: str) -> int:
        """Nobody is connected here."""
        return 0


class _Pump:
    """The one thing the services' threads need of a reactor: have something called in the main thread."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = queue.SimpleQueue()

    def callFromThread(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:  # noqa: N802  # Twisted's name
        self._calls.put((call, args, kwargs))

    def run_until(self, done: Deferred[Result]) -> Result:
        outcome: list[Result | Failure] = []
        done.addBoth(outcome.append)
        while not outcome:
            call, args, kwargs = self._calls.get()
            call(*args, **kwargs)
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        return outcome[0]


def run_offline(settings: Settings, work: Callable[[Machine], Awaitable[Result]]) -> Result:
    """Put a machine together, do the work, take it apart. Raises what the work raises."""
    # Where the node's lines go; without this, structlog prints them with all variables in sight.
    configure(settings.log)
    pump = _Pump()
    machine = assemble(settings, pump, gate=NoGate())
    machine.start()

    async def run() -> Result:
        return await work(machine)

    try:
        return pump.run_until(Deferred.fromCoroutine(run()))
    finally:
        machine.stop()
