"""``tutorwamp up``: keep the node running, say what becomes of it, stop it when told to.

Any worker's death ends the node (crossbar/config.yaml), and one that stands still is killed; it starts again after a
growing pause. Only a node that cannot be made at all, or has lost its database, ends the supervisor, with one line.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import treq
from sqlalchemy.exc import SQLAlchemyError
from twisted.internet import defer, task
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionLost, ProcessExitedAlready
from twisted.internet.protocol import DatagramProtocol, ProcessProtocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed
from twisted.web.http import OK

from tutorwamp import __version__
from tutorwamp.app.metrics import RESTARTS
from tutorwamp.app.settings import Settings
from tutorwamp.kernel.lifeline import BEAT_EVERY_S, TOLD_BYTES_AT_MOST, address_in
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.kernel.sql.migrate import reason_of
from tutorwamp.supervision.asking import QUESTION, Report
from tutorwamp.supervision.data_folder import make_private
from tutorwamp.supervision.holding import Hold, Holder
from tutorwamp.supervision.node import SPARED, how_ended
from tutorwamp.supervision.output import Lines, Teller
from tutorwamp.supervision.processes import kill, processes_of, send
from tutorwamp.supervision.service_manager import ServiceManager
from tutorwamp.supervision.watch import Watch

RESTART_PAUSE_S: Final = 0.5
"""Before the first restart; a node needs about five seconds to start anyway."""
RESTART_PAUSE_AT_MOST_S: Final = 30.0
STABLE_AFTER_S: Final = 20.0
"""A node that ran this long starts the pauses afresh."""
FIRST_STARTS_AT_MOST: Final = 2
"""Of a node that was never ready and ends by itself: what cannot be made now cannot be made again."""
READY_WITHIN_S: Final = 90.0
"""A start on a busy machine takes twenty; one that takes longer than this has come to a standstill."""
STOP_WITHIN_S: Final = 7.0
"""Then it is killed: the contract promises ten seconds."""
LEFT_WITHIN_S: Final = 2.0
"""For the rest of a node whose first process has ended; then they are killed."""
LOOK_EVERY_S: Final = 0.1
MALLOC: Final = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""Of glibc, unless the operator says something else: with a heap for each thread (eight a processor) what large boards
leave behind lies in all of them, and is never given back. Python's lock lets one thread at a time ask for memory.
What has 128 KiB (glibc's first threshold, which it raises to whatever was given back) is a mapping of its own: a board
that was read as a whole is given back as a whole."""


class CannotGoOnError(Exception):
    """The node cannot be made; the text is one line for the operator."""


class Supervisor:
    """Watches over one node.

    ``tell`` writes a line for the operator; ``hold`` is the data folder's; ``prepare`` readies the database before each
    start, and raises SettingsError where there must not be one; ``manager`` is told how the node is.
    """

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        tell: Callable[[str], None],
        hold: Hold,
        prepare: Callable[[], None],
        manager: ServiceManager,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._tell = tell
        self._hold = hold
        self._prepare = prepare
        self.manager = manager
        self._node: _Node | None = None
        self._restarts = 0
        self._was_ready = False
        self._stopping = False

    async def run(self, ready: Callable[[], Awaitable[None]]) -> None:
        """Start the node, call ``ready`` once calls work, and go on until the reactor stops.

        Raises CannotGoOnError where it cannot be made.
        """
        await task.deferLater(self._reactor, 0)  # until the reactor runs nothing would stop the node on a signal
        self._reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(self.stop()))
        self._listen()
        self._pass_on_signals()
        task.LoopingCall(self._check).start(BEAT_EVERY_S)
        if self.manager.watched_s:
            task.LoopingCall(self._vouch).start(self.manager.watched_s / 2)
        self.manager.tell("starting")
        pause_s = RESTART_PAUSE_S
        while True:
            began_at = time.monotonic()
            ended = await self._live(ready)
            if self._stopping:
                return await Deferred()  # until the reactor has stopped
            if time.monotonic() - began_at >= STABLE_AFTER_S:
                pause_s = RESTART_PAUSE_S
            self._require_another_start(ended)
            self._restarts += 1
            self._say(f"{ended}; it starts again in {pause_s:g} s (restart {self._restarts})")
            await task.deferLater(self._reactor, pause_s)
            pause_s = min(pause_s * 2, RESTART_PAUSE_AT_MOST_S)

    async def stop(self) -> None:
        """End the node; returns when its processes are gone, those too that do not want to go."""
        self._stopping = True
        self.manager.tell("stopping", "STOPPING=1")
        session = self._node.pid if self._node else 0
        self._hold.say(Holder(os.getpid(), self._settings.node.port, session, stopping=True))
        if self._node is not None:
            self._node.quiet = True
            self._node.signal("TERM")
            await self._all_gone(self._node, within_s=STOP_WITHIN_S)

    def _listen(self) -> None:
        folder = self._settings.node.node_dir.absolute()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        address = address_in(folder)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(address)  # noqa: PTH108  # a name in /proc, which pathlib would resolve
        self._reactor.listenUNIXDatagram(
            address, _Told(self._told, self._report), maxPacketSize=TOLD_BYTES_AT_MOST, mode=0o600
        )

    def _pass_on_signals(self) -> None:
        """What says how much is logged (kernel/log/lines.py) is for those who log."""

        def pass_on(number: int, _frame: Any) -> None:
            if self._node is not None:
                send(number, self._node.watch.workers(), self._node.pid)

        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, pass_on)

    def _told(self, told: dict[str, Any]) -> None:
        if self._node is not None:
            self._act(self._node, self._node.watch.told(told))

    def _report(self) -> Report:
        """For whoever asks us: how it is by our watch."""
        processes = self._node.watch.processes if self._node is not None and not self._node.how else {}
        return Report(__version__, os.getpid(), self.manager.status, self._restarts, processes)

    def _check(self) -> None:
        """See who stands still, at every beat."""
        if self._node is not None and not self._stopping:
            self._act(self._node, self._node.watch.check())

    def _vouch(self) -> None:
        """Tell the service manager that all is in our hands: everybody lives, or is being started or stopped.

        Who stands still is ended by us, sooner than it would end us all for our silence; if we cannot, it shall.
        """
        node = self._node
        if node is None or node.how or node.watch.all_live:
            self.manager.say("WATCHDOG=1")

    def _say(self, line: str) -> None:
        self._tell(line)
        self.manager.tell(line)

    def _act(self, node: _Node, said: list[str]) -> None:
        for line in said:
            self._say(line)
        if node.watch.must_end and not node.how:
            self._kill(node)

    def _kill(self, node: _Node) -> None:
        kill(processes_of(node.pid))

    async def _live(self, ready: Callable[[], Awaitable[None]]) -> str:
        """One node's life, from its start until nothing is left of it; how it ended."""
        try:
            self._prepare()
        except SettingsError as error:
            raise CannotGoOnError(str(error)) from error
        except SQLAlchemyError as error:
            return f"database: {reason_of(error)}"
        node = self._node = _Node(self._tell)
        environment = {
            **MALLOC,
            **os.environ,
            RESTARTS: str(self._restarts),
            "TUTORWAMP_DATA_DIR": str(self._settings.node.data_dir.absolute()),
            "TUTORWAMP_PORT": str(self._settings.node.port),
            "TUTORWAMP_REST_PORT": str(self._settings.node.rest_port),
            # A checkout that is not installed must be found by the node's workers as well.
            "PYTHONPATH": os.pathsep.join([str(SPARED), *filter(None, sys.path)]),
        }
        command = [sys.executable, "-m", "tutorwamp.supervision.node", str(os.getpid())]
        self._reactor.spawnProcess(node, command[0], command, env=environment)
        self._hold.say(Holder(os.getpid(), self._settings.node.port, session=node.pid))
        self._see_it_ready(node, ready)
        await node.ended
        await self._all_gone(node, within_s=LEFT_WITHIN_S)
        await task.deferLater(self._reactor, LOOK_EVERY_S)  # for its last words
        return node.watch.why or f"the node ended: {node.how}"

    def _see_it_ready(self, node: _Node, ready: Callable[[], Awaitable[None]]) -> None:
        def failed(failure: Failure) -> None:
            self._tell(f"could not find out whether the node is ready: {failure.value!r}")

        Deferred.fromCoroutine(self._until_ready(node, ready)).addErrback(failed)

    async def _until_ready(self, node: _Node, ready: Callable[[], Awaitable[None]]) -> None:
        began_at = time.monotonic()
        while (status := await self._health()) != OK:
            if node.how or self._stopping:
                return
            # One that says itself that it is not well lives: its database may be away, and come back.
            if status is None and time.monotonic() - began_at > READY_WITHIN_S:
                node.watch.why = f"the node was not ready after {READY_WITHIN_S:g} s"
                self._kill(node)
                return
            await task.deferLater(self._reactor, LOOK_EVERY_S)
        make_private(self._settings.node.data_dir)  # Crossbar says itself what some of its files' modes are
        if self._was_ready:
            self._say(f"ready again after {time.monotonic() - began_at:.1f} s (restart {self._restarts})")
        else:
            self._was_ready = True
            await ready()
            self.manager.tell(f"ready on port {self._settings.node.port}", "READY=1")

    async def _health(self) -> int | None:
        """What health says; None where nobody does."""
        # REST itself is asked, not the gate in front of it, which would log each of our questions as unanswered.
        url = f"http://127.0.0.1:{self._settings.node.rest_port}/api/health/ready"
        try:
            answer = await treq.get(url, timeout=5)
            await answer.content()
        except (ConnectError, ConnectionLost, ResponseFailed, defer.CancelledError, defer.TimeoutError):
            return None
        return int(answer.code)

    async def _all_gone(self, node: _Node, within_s: float) -> None:
        until = time.monotonic() + within_s
        while left := processes_of(node.pid) + ([] if node.how else [node.pid]):
            if time.monotonic() > until:
                kill(left)
            await task.deferLater(self._reactor, LOOK_EVERY_S)

    def _require_another_start(self, ended: str) -> None:
        """Raises CannotGoOnError where the next start would end like the first."""
        if self._was_ready or self._node is None or self._node.killed:
            return
        if self._node.watch.cannot:
            raise CannotGoOnError(self._node.watch.cannot)
        if self._restarts + 1 >= FIRST_STARTS_AT_MOST:
            raise CannotGoOnError(f"{ended}: {self._node.last_line}; see: tutorwamp check")


def run(supervisor: Supervisor, ready: Callable[[], Awaitable[None]], teller: Teller) -> None:
    """Run the reactor until a signal; does not return. Where the node cannot be made: one line, exit 1."""

    async def run_it() -> None:
        try:
            await supervisor.run(ready)
        except CannotGoOnError as error:
            teller.tell(f"Error: {error}")
            supervisor.manager.tell(f"Error: {error}")
            raise SystemExit(1) from error

    try:
        task.react(lambda _: Deferred.fromCoroutine(run_it()), ())
    finally:
        teller.finish()


class _Told(DatagramProtocol):
    def __init__(self, told: Callable[[dict[str, Any]], None], report: Callable[[], Report]) -> None:
        self._told = told
        self._report = report

    def datagramReceived(self, datagram: bytes, address: Any) -> None:  # noqa: N802  # Twisted's name
        # Nobody but our own processes, and commands of our account, can open the socket.
        if datagram == QUESTION:
            with contextlib.suppress(OSError):  # whoever asked has gone
                cast("Any", self.transport).write(self._report().told(), address)
        else:
            self._told(json.loads(datagram))


class _Node(ProcessProtocol):
    """One run of the node."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.watch = Watch()
        self.ended: Deferred[None] = Deferred()
        self.how = ""
        """How its first process ended; empty while it runs."""
        self.killed = False
        self.quiet = False
        """It was told to stop, and what it says of that is no news."""
        self.pid = 0
        self.last_line = "it said nothing"
        self._out, self._err = Lines(self._heard), Lines(self._heard)

    def connectionMade(self) -> None:  # noqa: N802  # Twisted's name
        self.pid = self._process().pid

    def outReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        self._out.feed(data)

    def errReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        self._err.feed(data)

    def _heard(self, line: str) -> None:
        if line and not line.endswith("]"):  # Crossbar logs its banner's empty lines, too: a prefix and nothing else
            self.last_line = line.strip()
            if not self.quiet:
                self._tell(line)

    def signal(self, name: str) -> None:
        with contextlib.suppress(ProcessExitedAlready):
            self._process().signalProcess(name)

    def _process(self) -> Any:
        return self.transport

    def processExited(self, reason: Failure) -> None:  # noqa: N802  # Twisted's name
        self.killed = getattr(reason.value, "signal", None) is not None
        self.how = how_ended(reason.value)
        self.ended.callback(None)

    def processEnded(self, _reason: Failure) -> None:  # noqa: N802  # Twisted's name
        """Nobody holds the other end of its output any more."""
        self._out.close()
        self._err.close()
