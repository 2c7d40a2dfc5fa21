"""What a process of the node reports to its supervisor: that it lives, who has ended, why something cannot be made.

One datagram for each, JSON, on a socket in the node's folder that ``tutorwamp up`` reads. Where nobody reads, nobody is
told: a node that was started by hand has no supervisor.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tutorwamp.kernel.log.lines import printable

BEAT_EVERY_S: Final = 2.0
"""How often a process shows that its reactor turns."""
BEATS_MISSED_AT_MOST: Final = 3
"""A process that lets so many pass in a row stands still. Counted, not timed: who stood still as well judges nobody."""
SOCKET: Final = "life.sock"
TOLD_BYTES_AT_MOST: Final = 60_000
"""Of one datagram."""
REASON_CHARACTERS_AT_MOST: Final = 500


class Lifeline:
    """A process's way to its supervisor. Nothing here raises or waits."""

    def __init__(self, node_dir: Path) -> None:
        self._wire: socket.socket | None = None
        with contextlib.suppress(OSError):
            self._address = address_in(node_dir)
            self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    def report(self, what: str, **more: Any) -> None:
        """Tell it, if somebody listens."""
        if self._wire is not None:
            told = json.dumps({"what": what, "pid": os.getpid(), **more}).encode()
            with contextlib.suppress(OSError):  # nobody there, or too busy to hear more just now
                self._wire.sendto(told, self._address)

    @contextlib.contextmanager
    def making(self, name: str) -> Iterator[None]:
        """Tell why a part of the node cannot be made, and raise on."""
        try:
            yield
        except Exception as error:
            self.report("cannot", why=f"{name} cannot be made: {reason_of(error)}")
            raise


@contextlib.contextmanager
def addressed(node_dir: Path) -> Iterator[str]:
    """The socket's address: short, since a socket's path has room for 107 bytes."""
    folder = _opened(node_dir)
    try:
        yield _socket_in(folder)
    finally:
        os.close(folder)


def address_in(node_dir: Path) -> str:
    """The same, good while this process lives."""
    return _socket_in(_opened(node_dir))


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _socket_in(folder: int) -> str:
    return f"/proc/self/fd/{folder}/{SOCKET}"


def reason_of(error: BaseException) -> str:
    """What an exception says, on one line."""
    lines = str(error).strip().splitlines()
    return printable(lines[0] if lines else type(error).__name__, REASON_CHARACTERS_AT_MOST)
