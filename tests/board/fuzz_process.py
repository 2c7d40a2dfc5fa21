"""A process of the backend that does only what it is told to, one step after another.

The machine, the SQL and the transactions are real. Its threads, its clock and the moments at which a transaction runs
and at which its answer comes are the test's, so that a seed decides everything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from unittest.mock import patch

from sqlalchemy import Connection, Engine, event
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, globalLogPublisher
from twisted.python.failure import Failure

from tests.support.machine import Given, HeardGate, TurnedClock
from tutorwamp.accounts import service as accounts_service
from tutorwamp.app import assembly
from tutorwamp.app.assembly import Machine, assemble
from tutorwamp.app.settings import Settings, engine_for, read_settings
from tutorwamp.board import rules, ticks
from tutorwamp.board.wamp import BOARD_PROCEDURES, EXCHANGE_PROCEDURES
from tutorwamp.client import board as client_board
from tutorwamp.client import streams as client_streams
from tutorwamp.client import stroke as client_stroke
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.edges.component import Served, served_by
from tutorwamp.kernel.edges.refusals import wamp_error
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.sql import database, migrate, transactions, writer
from tutorwamp.lessons.wamp import LESSONS_PROCEDURES
from tutorwamp.sessions.wamp import SESSIONS_PROCEDURES

Result = TypeVar("Result")
Fault = Literal["before", "after"]
"""When a commit fails: before it is done, or after, so that only its answer is lost."""


SMALL = (
    (rules, "PAGE_ELEMENTS_AT_MOST", 12),
    (rules, "PAGES_AT_MOST", 4),
    (rules, "BOARD_WEIGHT_AT_MOST", 14_000),
    (rules, "POINTS_AT_MOST", 30),
    (rules, "SNAPSHOT_EVENTS_AT_LEAST", 25),
    (ticks, "TICK_CHANGES_AT_MOST", 10),
    (client_stroke, "POINTS_AT_MOST", 30),
    (client_board, "CHANGES_AT_MOST", 3),
    (client_streams, "GAP_PATIENCE_S", 0.2),
    (transactions, "RETRY_PAUSE_S", 0),
    (writer, "SHARED_AT_MOST", 1),  # the ledger looks after each change what it has left
)
"""Limits at which everything happens within three hundred operations."""


class Lane:
    """Stands for a thread pool: keeps what is to be done until ``run``."""

    def __init__(self, _at_least: int, _at_most: int, name: str) -> None:
        self.name = name
        self.jobs: list[Callable[[], None]] = []

    def callInThreadWithCallback(  # Twisted's name
        self, on_result: Callable[[bool, Any], None], work: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        """What ``deferToThreadPool`` asks of a pool."""

        def run() -> None:
            try:
                result = work(*args, **kwargs)
            except Exception:  # noqa: BLE001  # as the real pool does
                on_result(False, Failure())  # noqa: FBT003  # Twisted's form
            else:
                on_result(True, result)  # noqa: FBT003  # Twisted's form

        self.jobs.append(run)

    def call(self, job: Callable[[], None]) -> None:
        """What a lane of writes asks of its thread."""
        self.jobs.append(job)

    def start(self) -> None:
        """There is no thread to start."""

    def stop(self) -> None:
        """There is no thread to wait for."""

    def run(self, place: int = 0) -> None:
        """Do one job, by default the oldest."""
        self.jobs.pop(place)()


class SteeredReactor(Clock):
    """Time that is advanced by hand, and answers of threads that wait to be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    def callFromThread(self, deliver: Callable[..., object], *args: Any) -> None:  # Twisted's name
        """What ``deferToThreadPool`` asks of a reactor."""
        self.answers.append((deliver, args))


class Process:
    """One process's machine on a database that others may use as well."""

    def __init__(self, settings: Settings, engine: Engine, clock: TurnedClock) -> None:
        self.reactor = SteeredReactor()
        self.alive = True
        lanes: dict[str, Lane] = {}

        def lane(at_least: int, at_most: int, name: str) -> Lane:
            name = "sql-write" if name.startswith("sql-write") else name
            return lanes.setdefault(name, Lane(at_least, at_most, name))

        with (
            patch.object(database, "ThreadPool", lane),
            patch.object(writer, "Worker", lambda name: lane(1, 1, name)),
            patch.object(accounts_service, "ThreadPool", lane),
            patch.object(assembly, "engine_for", lambda _: engine),  # compiling SQL anew takes longer than a storm
        ):
            self.machine: Machine = assemble(settings, self.reactor, clock=clock, gate=HeardGate())
        self.writer, self.reader, self._hashing = lanes["sql-write"], lanes["sql-read"], lanes["argon2"]
        served = (
            *served_by(self.machine.board, BOARD_PROCEDURES),
            *served_by(self.machine.exchange, EXCHANGE_PROCEDURES),
            *served_by(self.machine.lessons, LESSONS_PROCEDURES),
            *served_by(self.machine.sessions, SESSIONS_PROCEDURES),
        )
        self._served: dict[str, Served] = {one.procedure.uri: one for one in served}

    async def serve(self, caller: Caller, uri: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer a call as the component does. Raises ApplicationError."""
        served = self._served[uri]
        try:
            return (await served.method(caller, check(served.procedure.arguments, arguments))).plain()
        except TutorwampError as error:
            raise wamp_error(error, "") from None

    def fetch(self) -> None:
        """Let the oldest answer of a thread arrive."""
        deliver, args = self.reactor.answers.popleft()
        deliver(*args)

    def settle(self, awaitable: Awaitable[Result]) -> Result:
        """Do whatever there is to do until this has a result. Raises what it raises."""
        outcome: list[Any] = []
        Deferred.fromCoroutine(_awaited(awaitable)).addBoth(outcome.append)
        while not outcome:
            lanes = [lane for lane in (self.writer, self.reader, self._hashing) if lane.jobs]
            if lanes:
                lanes[0].run()
            elif self.reactor.answers:
                self.fetch()
            else:
                self.reactor.advance(self.reactor.getDelayedCalls()[0].getTime() - self.reactor.seconds())
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        result: Result = outcome[0]
        return result

    def die(self) -> None:
        """Do nothing more. Nothing that was begun is finished."""
        self.alive = False
        self.machine.database.stop()  # just its connections: the lanes wait for nobody


async def _awaited(awaitable: Awaitable[Result]) -> Result:
    return await awaitable


class World:
    """A database with people in it, on which storms follow one another, each in a lesson of its own."""

    def __init__(self, data_dir: Path, database_url: str | None = None) -> None:
        environment = {"TUTORWAMP_DATA_DIR": str(data_dir), "TUTORWAMP_BOARD_TICK": "100ms"}  # so that more meet in it
        environment["TUTORWAMP_REGISTRATION"] = "open"
        if database_url is not None:
            environment["TUTORWAMP_DATABASE_URL"] = database_url
        self.fault: Fault | None = None
        """What will be wrong with the next commit."""
        self._settings = read_settings(environment)
        self._engine = engine_for(self._settings)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        self._do_commit = self._engine.dialect.do_commit
        self._engine.dialect.do_commit = self._commit  # type: ignore[method-assign,assignment]  # this engine's alone
        migrate.upgrade(self._engine)
        self.clock = TurnedClock()
        self.office = self.process()
        """Another process on the same database, such as the command line's: plans lessons and looks things up."""
        self.given = Given(self.office.machine, self.clock)
        self.tutor, self.admin, *self.students = (
            self.office.settle(self.given.caller(role)) for role in ("tutor", "admin", "student", "student", "student")
        )

    def process(self) -> Process:
        """One more process on this database."""
        return Process(self._settings, self._engine, self.clock)

    def _commit(self, connection: Any) -> None:
        fault, self.fault = self.fault, None
        if fault != "before":
            self._do_commit(connection)
        if fault is not None:
            error: Exception = self._engine.dialect.loaded_dbapi.OperationalError(f"lost {fault} the commit")
            raise error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A look at the database at this very moment."""
        with self._engine.connect().execution_options(writes=False) as connection:
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        self.office.die()


@contextmanager
def small_limits() -> Iterator[None]:
    """While it lasts, little is much."""
    with ExitStack() as stack:
        for module, name, value in SMALL:
            stack.enter_context(patch.object(module, name, value))
        yield


@contextmanager
def noticing(faults: list[object]) -> Iterator[None]:
    """Failures that Twisted's log would tell a person of: a handler's, a Deferred's nobody listened to."""

    def notice(said: dict[str, Any]) -> None:
        if "log_failure" in said:
            faults.append(said["log_failure"].getTraceback())

    observer = cast("ILogObserver", notice)
    globalLogPublisher.addObserver(observer)
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(observer)
