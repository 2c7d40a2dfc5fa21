"""``tutorwamp up``: keep the node running, say when it is ready, stop it when told to.

Any worker's death ends the node (crossbar/config.yaml); Twisted's process monitor starts it again after a growing
pause.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import treq
from twisted.internet import task
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.logger import ILogObserver, LogEvent, Logger, formatEvent
from twisted.runner.procmon import ProcessMonitor
from twisted.web.client import ResponseFailed
from zope.interface import provider

from tutorwamp.app.assembly import Settings

SPARED: Final = Path(__file__).with_name("spared")
"""What the node's processes are spared."""
NODE: Final = "node"
RESTART_PAUSE_S: Final = 0.5
"""Before the first restart; a node needs about five seconds to start anyway."""
RESTART_PAUSE_AT_MOST_S: Final = 30.0
STABLE_AFTER_S: Final = 20.0
"""A node that ran this long starts the pauses afresh."""
STOP_WITHIN_S: Final = 8.0
"""Then it is killed: the contract promises ten seconds."""
LOOK_EVERY_S: Final = 0.1


@provider(ILogObserver)
def _to_standard_error(event: LogEvent) -> None:
    """What the node prints reaches the operator as it is."""
    line = str(event.get("line") or formatEvent(event)).rstrip()
    if not line.endswith("]"):  # Crossbar logs its banner's empty lines, too: a prefix and nothing else
        print(line, file=sys.stderr, flush=True)  # noqa: T201  # a command's output


class Supervisor:
    """Watches over one node."""

    def __init__(self, reactor: Any, settings: Settings) -> None:
        self._reactor = reactor
        self._settings = settings
        self._monitor = ProcessMonitor(reactor)
        self._monitor.log = Logger(observer=_to_standard_error)
        # Twisted's annotations say int, but its timers take floats.
        for name, seconds in (
            ("threshold", STABLE_AFTER_S),
            ("killTime", STOP_WITHIN_S),
            ("minRestartDelay", RESTART_PAUSE_S),
            ("maxRestartDelay", RESTART_PAUSE_AT_MOST_S),
        ):
            setattr(self._monitor, name, seconds)

    async def run(self, ready: Callable[[], Awaitable[None]]) -> None:
        """Start the node, call ``ready`` once calls work, and go on until the reactor stops."""
        node = self._settings.node
        environment = {
            **os.environ,
            "TUTORWAMP_DATA_DIR": str(node.data_dir.absolute()),
            "TUTORWAMP_PORT": str(node.port),
            "TUTORWAMP_REST_PORT": str(node.rest_port),
            # A checkout that is not installed must be found by the node's workers as well.
            "PYTHONPATH": os.pathsep.join([str(SPARED), *filter(None, sys.path)]),
        }
        await task.deferLater(self._reactor, 0)  # until the reactor runs nothing would stop the node on a signal
        self._monitor.addProcess(NODE, [sys.executable, "-m", "tutorwamp.app.node", str(os.getpid())], env=environment)
        self._monitor.startService()
        self._reactor.addSystemEventTrigger("before", "shutdown", self.stop)
        while not await self._answers():
            await task.deferLater(self._reactor, LOOK_EVERY_S)
        await ready()
        await Deferred()  # until a signal stops the reactor

    def stop(self) -> Deferred[None]:
        """End the node; fires when its processes are gone."""
        return maybeDeferred(self._monitor.stopService)

    async def _answers(self) -> bool:
        # REST itself is asked, not the gate in front of it, which would log each of our questions as unanswered.
        url = f"http://127.0.0.1:{self._settings.node.rest_port}/api/health/ready"
        try:
            answer = await treq.get(url, timeout=5)
            await answer.content()
        except (ConnectError, ConnectionLost, ResponseFailed):
            return False
        return bool(answer.code == 200)
