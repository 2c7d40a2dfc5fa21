"""Run the Crossbar node in this process; it ends with the process that started it.

``tutorwamp up`` starts ``python -m tutorwamp.supervision.node`` and starts it again when it ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tutorwamp.kernel.files import raise_open_files
from tutorwamp.kernel.lifeline import BEAT_EVERY_S, Lifeline
from tutorwamp.kernel.metrics import sockets
from tutorwamp.kernel.metrics.pages import noted_page
from tutorwamp.kernel.metrics.process import watch_process
from tutorwamp.kernel.metrics.settings import MetricsSettings
from tutorwamp.kernel.metrics.turns import watch_reactor
from tutorwamp.kernel.node_settings import NodeSettings
from tutorwamp.kernel.settings import gather, read

PR_SET_PDEATHSIG: Final = 1
"""prctl(2), Linux only: the signal a process gets when its parent dies."""

OPTIONS: Final = ("--loglevel=warn", "--color=false")
SPARED: Final = Path(__file__).with_name("spared")
"""What Crossbar's processes are spared."""
LEFT_BEHIND: Final = ("node.pid", "router.sock.lock", "router.sock")
"""Of a node that was killed: process ids that somebody else may have by now, which would stop the start."""


def config_file() -> Path:
    """The node's configuration; ``tutorwamp/node`` is the top-level folder ``crossbar/``."""
    return Path(__file__).parents[1] / "node" / "config.yaml"


def end_with_parent(parent: int) -> None:
    """Have the kernel stop us when our parent is gone, however it went; now, if it has gone before we could ask."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the process that started this node is gone")


def main() -> None:
    """Run the node until it ends or is told to; the one argument is the process id of our parent."""
    end_with_parent(int(sys.argv[1]))
    raise_open_files()  # its workers inherit it
    for number in (signal.SIGUSR1, signal.SIGUSR2):  # for our processes that log, not for Crossbar's controller
        signal.signal(number, signal.SIG_IGN)
    os.setsid()  # so that all our processes are found, and Ctrl-C is for the supervisor alone
    import crossbar  # late: it takes a second

    values = gather(os.environ)  # the supervisor has read them all; every domain's would be ten megabytes here
    settings = read(NodeSettings, values)
    node_dir = settings.node_dir.absolute()
    node_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in LEFT_BEHIND:
        (node_dir / name).unlink(missing_ok=True)
    sockets.clear(node_dir)
    _show_life(Lifeline(node_dir))
    _have_no_keys()
    _count(node_dir, turns=read(MetricsSettings, values).metrics)
    config = (settings.node_config or config_file()).absolute()
    os.chdir(node_dir)  # where all our processes work: by that they are known
    # crossbar.run() reads the command line of its process.
    sys.argv = [
        "crossbar",
        "start",
        f"--cbdir={node_dir}",
        f"--config={config}",
        *OPTIONS,
    ]
    crossbar.run()


def how_ended(ended: Any) -> str:
    """What Twisted says of a process's end, in two words."""
    number = getattr(ended, "signal", None)
    if number is not None:
        return signal.Signals(number).name
    code = getattr(ended, "exitCode", None)
    return "by itself" if code is None else f"exit code {code}"


def _show_life(lifeline: Lifeline) -> None:
    """Tell the supervisor that this process lives, and which of its workers ended how."""
    from crossbar.node.native import NativeWorkerClientProtocol
    from twisted.internet import reactor, task  # epoll's by default on Linux, the one that Crossbar chooses as well

    beating = task.LoopingCall(lifeline.report, "controller")
    reactor.callWhenRunning(beating.start, BEAT_EVERY_S)
    connection_lost = NativeWorkerClientProtocol.connectionLost

    def report_and_go_on(worker: Any, reason: Any) -> None:
        lifeline.report("ended", worker=worker._pid, how=how_ended(reason.value))  # noqa: SLF001  # pinned by a test
        connection_lost(worker, reason)

    NativeWorkerClientProtocol.connectionLost = report_and_go_on


@dataclass
class _NoKeys:
    """In place of the keys by which a node is known to others of its cluster, which need Ethereum's libraries."""

    is_open: bool = True
    is_locked: bool = False

    def __getitem__(self, _number: int) -> _NoKeys:
        return self

    def public_key(self, *, binary: bool) -> str:
        """What each worker is told when it has come."""
        return ""


def _have_no_keys() -> None:
    """Spare the node's keys: nobody asks a node of its own who it is."""
    from crossbar.node.node import Node

    def load_none(node: Any, _folder: str, **_files: str) -> bool:
        node._node_secmod = _NoKeys()  # noqa: SLF001  # pinned by a test
        return False

    Node.load_keys = load_none


def _count(node_dir: Path, *, turns: bool) -> None:
    """Let the node's metrics tell of this process as well; ``turns``: of its reactor's, too."""
    from twisted.internet import reactor  # the same

    watch_process()
    if turns:
        watch_reactor(reactor)
    sockets.offer(node_dir, sockets.CONTROLLER, noted_page, reactor)


if __name__ == "__main__":
    main()
