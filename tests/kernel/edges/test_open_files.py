"""A real node whose processes may open hardly any file more, and those who take the last ones."""

from __future__ import annotations

import resource
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from tests.support.node import Node

pytestmark = pytest.mark.alone

FILES_LEFT = 200
COME = 400
"""Sockets: many more than there are files."""
AT_ONCE = 40
"""Fewer than wait at REST's port before it has looked."""
HEALTH = "/api/health"
PATIENCE_S = 30.0

SILENT: Final = b""
HALF_A_HEAD: Final = b"GET /api/lessons HTTP/1.1\r\nHost: here\r\n"
NO_BODY: Final = (
    b"POST /api/auth/login HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n"
)
NO_HELLO: Final = (
    b"GET /ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
)
BEGUN = "event='hardly any file is left: only health is answered'"
OVER = "event='there are files again'"


@contextmanager
def few_files(pid: int) -> Iterator[None]:
    """The process may open so many more."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(
        pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())) + FILES_LEFT, before[1])
    )
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def asked(node: Node, path: str) -> int:
    """The answer's status; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"{node.url}{path}", timeout=PATIENCE_S) as answer:  # noqa: S310  # loopback
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def health_while_they_come(node: Node, port: int, said: bytes) -> set[int]:
    """What is answered while many come, say this, and wait."""
    found = set()
    with ExitStack() as crowd:
        for number in range(COME):
            one = crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
            with suppress(OSError):  # it had to go
                one.sendall(said)
            if number % AT_ONCE == 0:
                found.add(asked(node, HEALTH))
        assert asked(node, "/api/auth/me") in (401, 503), "others are answered as well"
    return found


@pytest.mark.parametrize(
    ("process", "crowds"),
    [("router", [SILENT, HALF_A_HEAD, NO_BODY, NO_HELLO]), ("container", [SILENT, HALF_A_HEAD, NO_BODY])],
)
def test_H14_health_is_answered_whoever_takes_the_last_files(node: Node, process: str, crowds: list[bytes]) -> None:
    before = len(node.log())
    port = node.port if process == "router" else node.rest_port
    with few_files(node.pids()[process]):
        assert [health_while_they_come(node, port, said) for said in crowds] == [{200}] * len(crowds)
    until = time.monotonic() + PATIENCE_S
    while (told := node.log()[before:]).count(BEGUN) > told.count(OVER):
        assert asked(node, HEALTH) == 200
        assert time.monotonic() < until
    assert 0 < told.count(BEGUN) == told.count(OVER) <= len(crowds)
    assert "EMFILE" not in told
    assert "Traceback" not in told
