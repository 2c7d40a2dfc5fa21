"""A real Crossbar node for tests: a subprocess with its own folder and ports, that says itself when it is ready.

Its waits block the calling thread (they are waits for another process: its notification, its exit, its answer), so
call it from fixtures or between the steps of a test, from the main thread: a node dies with the thread that started it.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "crossbar" / "config.yaml"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def environment() -> dict[str, str]:
    """What this process runs with, without the settings of a node."""
    return {name: text for name, text in os.environ.items() if not name.startswith("TUTORWAMP_")}


class NodeError(AssertionError):
    """The node did not do what it should; the text ends with its output."""


PORTS = range(20_000, 32_768)
"""Below those the system gives to whoever asks for any: while a node is killed or frozen nobody else gets its ports."""


def free_port() -> int:
    """A TCP port of loopback that nobody uses just now, and that nobody is given unless they ask for it."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # somebody else's
            return port


class Node:
    """One node. ``start()``, ``wait_ready()``, then ``stop()`` or ``kill()``; start again as often as needed."""

    def __init__(self, *, env: Mapping[str, str] | None = None, config: Path = CONFIG) -> None:
        # A short path: unix sockets have room for 107 bytes.
        self.data_dir = Path(tempfile.mkdtemp(prefix="tw-"))
        self.config = config
        self.port = free_port()
        self.rest_port = free_port()
        self.output = self.data_dir / "node.out"
        self._extra_env = dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._notifications: socket.socket | None = None

    @contextmanager
    def running(self, *, rest: bool = True) -> Iterator[Node]:
        """Started and ready (``rest``: with REST); gone with its data afterwards."""
        try:
            self.start()
            self.wait_ready(rest=rest)
            yield self
        finally:
            self.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def router_socket(self) -> Path:
        return self.data_dir / "node" / "router.sock"

    def env(self) -> dict[str, str]:
        """What the node, and a command that should mean the same node, runs with."""
        return {
            **environment(),
            # Twisted's plugins and tutorwamp are found in the checkout, installed or not.
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
            "TUTORWAMP_DATA_DIR": str(self.data_dir),
            "TUTORWAMP_PORT": str(self.port),
            "TUTORWAMP_REST_PORT": str(self.rest_port),
            "PYTHONUNBUFFERED": "1",  # else what Crossbar prints is seen eight kilobytes later
            "TUTORWAMP_REGISTRATION": "open",  # a journey begins with its people
            **self._extra_env,
        }

    def start(self) -> None:
        """Start the process and return at once."""
        assert self._process is None, "the node runs"
        cbdir = self.data_dir / "node"
        cbdir.mkdir(exist_ok=True)
        path = self.data_dir / "notify"
        path.unlink(missing_ok=True)
        self._notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notifications.bind(str(path))
        command = [str(Path(sys.executable).parent / "crossbar"), "start", "--color", "false"]
        command += ["--cbdir", str(cbdir), "--config", str(self.config)]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                command,
                cwd=self.data_dir,
                env={**self.env(), "NOTIFY_SOCKET": str(path)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # one system call, safe beside threads
            )

    def wait_ready(self, *, timeout_s: float = 90, rest: bool = True) -> None:
        """Wait for the node's own word (systemd's READY=1), then, with ``rest``, for /api/health/ready."""
        deadline = time.monotonic() + timeout_s
        assert self._notifications is not None
        while not self._receive(deadline).startswith(b"READY=1"):
            pass
        while rest and not self._answers("/api/health/ready"):
            # REST says no while something behind it is not there yet; the exit of the node ends the wait at once.
            self._wait_exit(0.1)
            if time.monotonic() > deadline:
                raise self._failure("was not ready in time")

    def _receive(self, deadline: float) -> bytes:
        process, notifications = self._running(), self._notifications
        assert notifications is not None
        exited = os.pidfd_open(process.pid)
        try:
            remaining = max(0, deadline - time.monotonic())
            readable, _, _ = select.select([notifications.fileno(), exited], [], [], remaining)
        finally:
            os.close(exited)
        if notifications.fileno() in readable:
            return notifications.recv(4096)
        raise self._failure("ended" if readable else "was not ready in time")

    def _wait_exit(self, timeout_s: float) -> None:
        try:
            self._running().wait(timeout_s)
        except subprocess.TimeoutExpired:
            return
        raise self._failure("ended")

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310  # http on loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def wait_stopped(self, *, timeout_s: float = 30) -> int:
        """Wait until the node has ended by itself; its exit code."""
        process = self._running()
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise self._failure("did not stop in time") from None
        self._forget()
        return code

    def ask_to_stop(self) -> None:
        """Begin to stop it as an operator does; ``wait_stopped`` waits for the end."""
        self._running().send_signal(signal.SIGINT)

    def stop(self) -> int:
        """Stop it as an operator does; its exit code."""
        self.ask_to_stop()
        return self.wait_stopped()

    def kill(self) -> None:
        """End all its processes at once, without a chance to tidy up."""
        process = self._running()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._forget()

    def pids(self) -> dict[str, int]:
        """Process ids of the node's workers: ``router`` and ``container``."""
        process = self._running()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        titles = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in children}
        return {kind: int(pid) for pid, title in titles.items() for kind in ("router", "container") if kind in title}

    def close(self) -> None:
        """Leave nothing behind."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def log(self) -> str:
        """All it has written so far."""
        return self.output.read_text(errors="replace")

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the node does not run"
        return self._process

    def _forget(self) -> None:
        self._process = None
        if self._notifications is not None:
            self._notifications.close()

    def _failure(self, what: str) -> NodeError:
        return NodeError(f"The node {what}. Its output:\n{self.log()[-8000:]}")


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
