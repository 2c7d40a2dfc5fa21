"""``tutorwamp up`` as an operator runs it: a subprocess whose processes can be found, killed and counted."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.node import ROOT, free_port
from tests.support.server import Started

START_WITHIN_S = 90.0


class Supervised(Started):
    """One ``tutorwamp up`` with a data folder and ports of its own; ``url`` and ``ws_url`` as a Node has them."""

    def __init__(self, *options: str, env: dict[str, str] | None = None, executable: str | None = None) -> None:
        """``executable``: another tree's ``tutorwamp``, which has its own code."""
        self.data_dir = Path(tempfile.mkdtemp(prefix="tw-"))
        self.port, self.rest_port = free_port(), free_port()
        self.url, self.ws_url = f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}/ws"
        self.errors = self.data_dir / "up.err"
        self.said: list[str] = []
        self.unread = b""
        self._options = options
        self._env = env or {}
        self.command = [executable] if executable else [sys.executable, "-m", "tutorwamp"]
        self.ours = {} if executable else self._of_this_tree()
        """What only this tree's node is told."""
        self._process: subprocess.Popen[str] | None = None

    @staticmethod
    def _of_this_tree() -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        return {"PYTHONPATH": path, "TUTORWAMP_REGISTRATION": "open"}

    def start(self) -> None:
        """Start it, again if need be, and wait for its line ``ready http://…``."""
        self.said.clear()
        self.unread = b""
        self.errors.unlink(missing_ok=True)
        # What it says has to be there at once without anybody's PYTHONUNBUFFERED.
        ours = {name: text for name, text in os.environ.items() if not name.startswith(("TUTORWAMP_", "PYTHONUNB"))}
        with self.errors.open("a") as errors:
            self._process = subprocess.Popen(  # noqa: S603  # our own arguments
                [*self.command, "up", f"--port={self.port}", f"--data={self.data_dir}", *self._options],
                env={**ours, **self.ours, "TUTORWAMP_REST_PORT": str(self.rest_port), **self._env},
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_WITHIN_S
        while not self.said or not self.said[-1].startswith("ready "):
            self.said.append(self._next_line(deadline))

    def _next_line(self, deadline: float) -> str:
        # By the descriptor: several lines that come at once would hide in the file's buffer, where select cannot see.
        stdout = self.process.stdout
        assert stdout is not None
        while b"\n" not in self.unread:
            readable, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            come = os.read(stdout.fileno(), 65_536) if readable else b""
            assert come, f"not ready; it said {self.said}\n{self.errors.read_text()}"
            self.unread += come
        line, _, self.unread = self.unread.partition(b"\n")
        return line.decode()

    @property
    def process(self) -> subprocess.Popen[str]:
        """The supervisor's process."""
        assert self._process is not None, "it does not run"
        return self._process

    def pids(self) -> dict[str, int]:
        """The processes under the supervisor, by what they are: ``controller``, ``router``, ``container``."""
        found: dict[str, int] = {}
        waiting = [self.process.pid]
        while waiting:
            for pid in children(waiting.pop()):
                title = _title(pid)
                kind = next((kind for kind in ("router", "container") if f".{kind}." in title), "controller")
                found.setdefault(kind, pid)  # what a worker has begun for a while comes after the controller
                waiting.append(pid)
        return found

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Stop it as an operator does; its exit code."""
        self.process.send_signal(how)
        return self.process.wait(30)

    def close(self) -> None:
        """Leave nothing behind."""
        if self._process is not None:
            for pid in self.pids().values() if self._process.poll() is None else ():
                os.kill(pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
        shutil.rmtree(self.data_dir, ignore_errors=True)


def children(pid: int) -> list[int]:
    """The processes a process has begun; none of one that is gone."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}").glob("task/*/children")]
    except OSError:
        return []
    return [int(child) for text in lists for child in text.split()]


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
