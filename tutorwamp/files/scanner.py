"""Somebody who looks at files before they are kept: clamd, spoken to by its INSTREAM command. Blocks."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final
from urllib.parse import urlsplit

from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.settings import PREFIX, SettingsError

log = get_logger(__name__)

PIECE_BYTES: Final = 64 * 1024
ANSWER_BYTES_AT_MOST: Final = 4 * 1024
WITHIN_S: Final = 15.0
"""To send and to look: clamd looks at 25 MiB of an archive in a few seconds."""


class ScannerError(Exception):
    """It was not reached, or did not say whether the file is clean."""


@dataclass(frozen=True)
class Scanner:
    """Where clamd listens: a path, or a host and port."""

    address: str | tuple[str, int]

    @classmethod
    def parse(cls, url: str) -> Scanner:
        """Read the setting. Raises SettingsError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        else:
            if parts.scheme == "unix" and not parts.netloc and len(parts.path) > 1:
                return cls(parts.path)
            if parts.scheme == "tcp" and host and port and not parts.path.strip("/"):
                return cls((host, port))
        raise SettingsError(f"{PREFIX}FILE_SCANNER: expected tcp://HOST:PORT or unix:///PATH.")

    def is_clean(self, file: BinaryIO, *, within_s: float = WITHIN_S) -> bool:
        """Whether it finds nothing in the file. Raises ScannerError."""
        answer = self._asked(file, time.monotonic() + within_s)
        said = answer.rstrip(b"\0\n").decode("utf-8", "replace")
        if said.endswith(" FOUND"):
            log.warning("a file was refused by the scanner", said=said)
            return False
        if said != "stream: OK":
            raise ScannerError(said or "it said nothing")
        return True

    def _asked(self, file: BinaryIO, until_s: float) -> bytes:
        try:
            with self._connected(until_s) as connection:
                with suppress(BrokenPipeError, ConnectionResetError):  # it has heard enough, and says why
                    _send(connection, file, until_s)
                return _received(connection, until_s)
        except OSError as error:
            raise ScannerError(str(error) or type(error).__name__) from error

    def _connected(self, until_s: float) -> socket.socket:
        if isinstance(self.address, tuple):
            return socket.create_connection(self.address, timeout=_left_s(until_s))
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(_left_s(until_s))
            connection.connect(self.address)
        except OSError:
            connection.close()
            raise
        return connection


def _send(connection: socket.socket, file: BinaryIO, until_s: float) -> None:
    """Pieces, each behind its length; an empty one is the end."""
    file.seek(0)
    connection.sendall(b"zINSTREAM\0")
    while piece := file.read(PIECE_BYTES):
        connection.settimeout(_left_s(until_s))
        connection.sendall(struct.pack("!I", len(piece)))
        connection.sendall(piece)
    connection.sendall(struct.pack("!I", 0))


def _received(connection: socket.socket, until_s: float) -> bytes:
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < ANSWER_BYTES_AT_MOST:
        connection.settimeout(_left_s(until_s))
        piece = connection.recv(ANSWER_BYTES_AT_MOST)
        if not piece:
            break
        answer += piece
    return answer


def _left_s(until_s: float) -> float:
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("it takes too long")
    return left_s
