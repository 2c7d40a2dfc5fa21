"""A clamd that finds EICAR, and fails the test where it is not asked as its protocol says (clamd(8), INSTREAM)."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
PIECE_BYTES_AT_MOST = 25 * 1024 * 1024
"""Its StreamMaxLength."""


class Clamd:
    """Answers on a Unix socket and on a port, one after the other, in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[bytes] = []
        self.faults: list[str] = []
        self.answer: Callable[[bytes], bytes | None] = found
        """What it says of a stream; null: it ends without a word."""
        self._sockets = [socket.socket(socket.AF_UNIX), socket.socket(socket.AF_INET)]

    @property
    def urls(self) -> tuple[str, str]:
        """The setting, in both forms."""
        return f"unix://{self.path}", f"tcp://127.0.0.1:{self._sockets[1].getsockname()[1]}"

    def __enter__(self) -> Self:
        self._sockets[0].bind(str(self.path))
        self._sockets[1].bind(("127.0.0.1", 0))
        for listening in self._sockets:
            listening.listen()
            threading.Thread(target=self._serve, args=(listening,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for listening in self._sockets:
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        assert self.faults == []

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                answer = self._hear(connection)
                if answer is not None:
                    connection.sendall(answer)

    def _hear(self, connection: socket.socket) -> bytes | None:
        connection.settimeout(30)
        reading = connection.makefile("rb")
        if (command := reading.read(10)) != b"zINSTREAM\0":
            self.faults.append(f"a command that is none: {command!r}")
            return None
        stream = b""
        while size := struct.unpack("!I", reading.read(4))[0]:
            if size > PIECE_BYTES_AT_MOST:
                self.faults.append(f"a piece of {size} bytes")
                return None
            stream += reading.read(size)
        self.heard.append(stream)
        return self.answer(stream)


def found(stream: bytes) -> bytes:
    """What clamd says."""
    return b"stream: Eicar-Test-Signature FOUND\0" if EICAR in stream else b"stream: OK\0"
