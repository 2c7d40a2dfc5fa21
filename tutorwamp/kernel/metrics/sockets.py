"""How REST's process gets what the node's other processes have counted: each gives its page away on a private socket.

The sockets lie in the node's folder, which is its owner's alone. All are asked at once, and who does not answer in time
is left out: a process that stands still is what somebody who reads metrics looks for.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, Final

from twisted.internet import defer, protocol
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.python.log import callWithContext

from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.metrics.aside import aside

log = get_logger(__name__)

ANSWERED_WITHIN_S: Final = 1.0
"""By all of them together. A page takes some ten milliseconds; Prometheus waits ten seconds."""
QUIETLY: Final = {"log_level": LogLevel.debug}
ROUTER: Final = "router"
CONTROLLER: Final = "controller"
"""The process that starts the workers."""
UNNAMED: Final = "process"
"""A process that no node started: a test's, a command's."""
_FILE: Final = re.compile(r"metrics-([\w-]+)\.sock")


def worker_name(arguments: Collection[str] | None = None) -> str:
    """The process's name: its worker's id in the node's configuration, as Crossbar gives it on the command line."""
    words = list(sys.argv if arguments is None else arguments)
    found = words[words.index("--worker") + 1] if "--worker" in words[:-1] else UNNAMED
    return found if re.fullmatch(r"[\w-]+", found) else UNNAMED


def clear(node_dir: Path, *, but: Collection[str] = ()) -> None:
    """Forget the processes of a node that was killed; ``but``: those that may live."""
    for path in node_dir.glob("metrics-*.sock"):
        found = _FILE.fullmatch(path.name)
        if found is None or found[1] not in but or not _is_listened_on(node_dir, found[1]):
            path.unlink(missing_ok=True)


def _is_listened_on(node_dir: Path, name: str) -> bool:
    folder = _opened(node_dir)
    try:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.setblocking(False)  # noqa: FBT003  # its only argument
            wire.connect(_address(folder, name))
    except ConnectionRefusedError:
        return False
    except BlockingIOError:  # so many ask that it is busy
        return True
    finally:
        os.close(folder)
    return True


def offer(node_dir: Path, name: str, begin: Callable[[], Callable[[], bytes]], reactor: Any) -> Any:
    """Give this process's page to whoever asks, on the port that is returned. ``begin``: see ``noted_page``.

    Where that cannot be done the process lives on, with a line in the log, and None is returned.
    """
    try:
        folder = _opened(node_dir)  # for as long as the process lives
        address = _address(folder, name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(address)  # noqa: PTH108  # a name in /proc, which pathlib would resolve
        # Twisted tells of each port it listens on, by itself at a level that Crossbar's controller shows.
        return callWithContext(QUIETLY, reactor.listenUNIX, address, _Giving(begin, reactor), mode=0o600)
    except Exception:  # whatever it is: nobody's lesson waits for metrics
        log.exception("this process's metrics cannot be read", process=name)
        return None


async def ask_all(node_dir: Path, reactor: Any, *, but: str) -> dict[str, bytes | None]:
    """The pages of the node's processes by name, ``but`` one's; null for who did not answer in time."""
    try:
        folder = _opened(node_dir)
    except OSError:  # no node lives here
        return {}
    try:
        asked = {name: _ask(_address(folder, name), reactor) for name in _names_in(node_dir) if name != but}
        return {name: await answer for name, answer in asked.items()}
    finally:
        os.close(folder)


def _names_in(node_dir: Path) -> list[str]:
    return sorted(found[1] for path in node_dir.glob("metrics-*.sock") if (found := _FILE.fullmatch(path.name)))


def _opened(node_dir: Path) -> int:
    return os.open(node_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _address(folder: int, name: str) -> str:
    """Short, since a socket's path has room for 107 bytes."""
    return f"/proc/self/fd/{folder}/metrics-{name}.sock"


def _ask(address: str, reactor: Any) -> Deferred[bytes | None]:
    taking = _Taking()
    reactor.connectUNIX(address, taking, timeout=ANSWERED_WITHIN_S)
    return taking.page.addTimeout(ANSWERED_WITHIN_S, reactor).addErrback(taking.give_up)


class _Giving(protocol.ServerFactory):
    """Whoever connects is told at once, and asks nothing."""

    noisy = False

    def __init__(self, begin: Callable[[], Callable[[], bytes]], reactor: Any) -> None:
        self._begin = begin
        self._reactor = reactor

    def buildProtocol(self, _address: Any) -> protocol.Protocol:  # noqa: N802  # Twisted's name
        return _Given(self._write)

    async def _write(self) -> bytes:
        return await aside(self._begin(), self._reactor)


class _Given(protocol.Protocol):
    def __init__(self, write: Callable[[], Coroutine[Any, Any, bytes]]) -> None:
        self._write = write

    def connectionMade(self) -> None:  # noqa: N802  # Twisted's name
        Deferred.fromCoroutine(self._write()).addCallbacks(self._give, self._fail)

    def _give(self, page: bytes) -> None:
        wire: Any = self.transport
        wire.write(page)
        wire.loseConnection()

    def _fail(self, failure: Failure) -> None:
        log.error("metrics could not be made", error=failure.getTraceback())
        wire: Any = self.transport
        wire.abortConnection()


class _Taking(protocol.ClientFactory):
    """One answer, whole or not at all."""

    noisy = False

    def __init__(self) -> None:
        self.page: Deferred[bytes | None] = Deferred()
        self.connection: _Taken | None = None

    def buildProtocol(self, _address: Any) -> protocol.Protocol:  # noqa: N802  # Twisted's name
        self.connection = _Taken(self)
        return self.connection

    def clientConnectionFailed(self, _connector: Any, _reason: Failure) -> None:  # noqa: N802  # Twisted's name
        self.done(None)

    def done(self, page: bytes | None) -> None:
        if not self.page.called:
            self.page.callback(page)

    def give_up(self, failure: Failure) -> None:
        failure.trap(defer.TimeoutError)
        if self.connection is not None and self.connection.transport is not None:
            wire: Any = self.connection.transport
            wire.abortConnection()


class _Taken(protocol.Protocol):
    def __init__(self, asker: _Taking) -> None:
        self._asker = asker
        self._heard = bytearray()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        self._heard += data

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:  # noqa: N802  # Twisted's name
        whole = reason.check(protocol.connectionDone.type) is not None and self._heard.endswith(b"\n")
        self._asker.done(bytes(self._heard) if whole else None)
