"""What the tests' own servers have in common: a folder, and a process that dies with the thread that started it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, Self

START_TIMEOUT_S: Final = 60.0
"""Usually under one second; generous, because a busy machine is no failure of the code under test."""
STOP_TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.02

# Runs before the server, in its process: become the user (-1: stay), ask the kernel for a signal when the parent dies,
# then turn into the server. In this order, because changing the user cancels the request. A program of its own and not
# Popen's preexec_fn, which may deadlock in a process that has threads, as every one with a reactor's thread pool has.
_LEASH: Final = """
import ctypes, os, sys
parent, signal_number, uid, gid = map(int, sys.argv[1:5])
prctl = ctypes.CDLL(None, use_errno=True).prctl
if uid >= 0:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
PR_SET_PDEATHSIG = 1
if prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
    sys.exit("prctl failed: " + os.strerror(ctypes.get_errno()))
if os.getppid() == parent:  # otherwise the parent died before the kernel was asked
    os.execv(sys.argv[5], sys.argv[5:])
"""


class Started:
    """What is started for the length of a ``with``, and leaves nothing behind."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Server(Started):
    """One server with a data folder of its own: ``with`` it, or ``start()`` and ``stop()`` or ``kill()`` it, again
    and again, and ``close()`` it. Start it from the main thread: it dies with the thread."""

    name: ClassVar[str]
    at_parents_death: ClassVar[signal.Signals] = signal.SIGKILL
    stopped_by: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self) -> None:
        self.home = _short_folder()
        self._log = self.home / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: Mapping[str, str] | None = None
        self._user: tuple[int, int] | None = None
        """A uid and gid to run as; only root can ask for it."""

    @property
    def pid(self) -> int:
        """The server's main process. Raises RuntimeError when it is not running."""
        return self._running().pid

    def start(self) -> None:
        """Start, on the data of the last time if any was kept; returns when the server answers.

        Raises RuntimeError, with the server's log, when it does not.
        """
        if self._process is not None:
            raise RuntimeError(f"{self.name} is already running")
        uid, gid = self._user or (-1, -1)
        leash = [sys.executable, "-ISc", _LEASH, str(os.getpid()), str(int(self.at_parents_death)), str(uid), str(gid)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [*leash, *(str(word) for word in self._command())],
                cwd=self.home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            try:
                still_starting(self._process, name=self.name, log=self._log, deadline=deadline)
            except RuntimeError:
                self._process = None
                raise

    def stop(self) -> None:
        """Shut down, cutting off its clients. Not running: fine."""
        if self._process is not None:
            self._process.send_signal(self.stopped_by)
            self._process.wait(STOP_TIMEOUT_S)
            self._process = None

    def kill(self) -> None:
        """End the process at once, as ``kill -9`` or the lack of memory would."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def close(self) -> None:
        """Stop and remove everything."""
        self.stop()
        shutil.rmtree(self.home)

    def _command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process


def _short_folder() -> Path:
    """A new private folder in which the path of a unix socket stays under the kernel's 107 bytes."""
    room_for_the_rest = 60
    base = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="tw-", dir=base if len(base) < room_for_the_rest else "/tmp"))  # noqa: S108 - mkdtemp makes it private


def still_starting(process: subprocess.Popen[bytes], *, name: str, log: Path, deadline: float) -> None:
    """Let a starting server have a moment. Raises RuntimeError, with its log, when it died or the deadline is over."""
    try:
        code = process.wait(POLL_S)
    except subprocess.TimeoutExpired:
        if time.monotonic() < deadline:
            return
        process.kill()
        process.wait()
        raise RuntimeError(f"{name} did not answer within {START_TIMEOUT_S:.0f} s:\n{log.read_text()}") from None
    raise RuntimeError(f"{name} ended with {code} while starting:\n{log.read_text()}")
