"""Ask the supervisor of a node on this machine who lives: by the socket on which the node's processes tell it.

A question is a datagram from a socket with a name, to which the answer goes. Only the node's account can ask.
"""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tutorwamp.kernel.lifeline import TOLD_BYTES_AT_MOST, addressed

QUESTION: Final = b'{"what": "asked"}'


@dataclass(frozen=True)
class Report:
    """What a supervisor knows of its node."""

    version: str
    """Of tutorwamp, as it was started."""
    pid: int
    """Of the supervisor."""
    doing: str
    """In a line: starting, ready, why it starts again."""
    restarts: int
    processes: dict[str, bool]
    """Those that were heard, in words, and whether each shows life; none while the node is being started."""

    def told(self) -> bytes:
        """As it goes over the socket."""
        return json.dumps(asdict(self)).encode()


def ask(node_dir: Path, within_s: float) -> Report | None:
    """The supervisor's answer; None where there is none. Raises TimeoutError where it does not answer in time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.settimeout(within_s)
        wire.bind("")  # Linux gives it a name of its own, without a file
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError, PermissionError):
            with addressed(node_dir) as address:
                wire.sendto(QUESTION, address)
            return Report(**json.loads(wire.recv(TOLD_BYTES_AT_MOST)))
    return None
