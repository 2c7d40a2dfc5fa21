"""Locks on a data folder and a SQLite file: one ``up`` at a time, and it says who the other one is."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

FOLDER: Final = "up.lock"
GONE_WITHIN_S: Final = 15.0
"""For one that is stopping: it promises ten seconds."""
LOOK_EVERY_S: Final = 0.1
"""While the holder is about to go."""


@dataclass(frozen=True)
class Holder:
    """Who holds it, as it said itself. ``pid`` 0: it has not said yet. ``session``: that of its node's processes."""

    pid: int = 0
    port: int = 0
    session: int = 0
    stopping: bool = False


class HeldError(Exception):
    """Somebody else holds it and does not go."""

    def __init__(self, holder: Holder) -> None:
        super().__init__(holder)
        self.holder = holder

    def __str__(self) -> str:
        return f"process {self.holder.pid}" + (f", port {self.holder.port}" if self.holder.port else "")


class Hold:
    """A lock on a file that ends with this process, however it ends. Its text says who holds it."""

    def __init__(self, path: Path, *, gone_within_s: float = GONE_WITHIN_S) -> None:
        """Take it. A holder that is stopping is waited for; raises HeldError for another one."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + gone_within_s
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = _read(self._descriptor)
                # One that has not said who it is, over the name of one that has gone, has only just begun.
                stays = Path(f"/proc/{holder.pid}").exists() and not holder.stopping
                if (holder.pid and stays) or time.monotonic() > until:
                    os.close(self._descriptor)
                    raise HeldError(holder) from None
                time.sleep(LOOK_EVERY_S)  # another process ends when it does; nothing else runs in this one yet
        self.before = _read(self._descriptor)
        """Who held it before us."""
        self._more: list[Hold] = []
        self.say(Holder())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of it."""
        for one in self._more:
            one.__exit__()
        os.close(self._descriptor)

    def also(self, hold: Hold) -> None:
        """Say the same of another one."""
        self._more.append(hold)

    def say(self, holder: Holder) -> None:
        """Tell those who ask."""
        text = json.dumps(asdict(holder)).encode()
        os.pwrite(self._descriptor, text.ljust(os.fstat(self._descriptor).st_size), 0)
        for one in self._more:
            one.say(holder)


def holder_of(path: Path) -> Holder | None:
    """Who holds it; None where nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Holder:
    try:
        return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        return Holder()
