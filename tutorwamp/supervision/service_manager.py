"""Tell the service manager how we are (systemd's ``Type=notify``): a word on the socket that it names."""

from __future__ import annotations

import os
import socket
from typing import Final

SOCKET: Final = "NOTIFY_SOCKET"


def notify(word: str) -> None:
    """Such as ``READY=1`` or ``STOPPING=1``. Nothing happens where nobody wants to know."""
    path = os.environ.get(SOCKET)
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path  # one without a file
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
            wire.sendto(word.encode(), address)
    except OSError:  # it has gone: no reason for us to go as well
        return
