"""A school's mail server on a thread of its own, which says what it offers and takes no mail."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        relay = cast("Relay", self.server)
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            relay.heard.append(word.decode())
            if relay.closes_at == word:
                return
            names = ["here", *relay.offers] if word == b"EHLO" else ["yes"]
            for name in names[:-1]:
                self.wfile.write(f"250-{name}\r\n".encode())
            self.wfile.write(f"250 {names[-1]}\r\n".encode())
            if word == b"QUIT":
                return


class Relay(socketserver.ThreadingTCPServer):
    """``offers``: names of extensions. ``closes_at``: the word after which it is gone."""

    daemon_threads = True

    def __init__(self, *offers: str, closes_at: bytes = b"") -> None:
        self.offers, self.closes_at = list(offers), closes_at
        self.heard: list[str] = []
        super().__init__(("127.0.0.1", 0), cast("Any", _Talk))

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}?from=school@school.example"


@contextmanager
def relay(*offers: str, closes_at: bytes = b"") -> Iterator[Relay]:
    with Relay(*offers, closes_at=closes_at) as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield made
        finally:
            made.shutdown()
