"""Tell the service manager how we are (systemd's ``Type=notify``): words on the socket that it names."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping
from typing import Final

SOCKET: Final = "NOTIFY_SOCKET"
WATCHDOG: Final = "WATCHDOG_USEC"
"""Microseconds within which it wants to hear from us, again and again."""
WATCHDOG_PID: Final = "WATCHDOG_PID"
TAKEN_WITHIN_S: Final = 1.0
"""A word that is not taken by then is lost; its socket has room for ten."""
STATUS_CHARACTERS_AT_MOST: Final = 500
"""It is one line of ``systemctl status``."""


class ServiceManager:
    """Whoever started us and wants to know. Nothing here raises; where nobody wants to, nothing happens."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """Read what it has put there for us, and take it away: our processes would speak in our name."""
        path = environment.pop(SOCKET, "")
        self._address = "\0" + path[1:] if path.startswith("@") else path  # one without a file
        watchdog_us, pid = environment.pop(WATCHDOG, ""), environment.pop(WATCHDOG_PID, "")
        meant = bool(path) and pid in ("", str(os.getpid()))
        self.watched_s = int(watchdog_us) / 1_000_000 if meant and watchdog_us.isdecimal() else 0.0
        """After so many seconds without ``WATCHDOG=1`` it ends us; 0: it does not watch."""
        self.status = ""
        """What was told last, whether or not anybody wants to know."""

    def say(self, *words: str) -> None:
        """Such as ``READY=1``, each on a line of one datagram."""
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),  # it has gone, or is busy for long: no reason for us to go
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire,
        ):
            wire.settimeout(TAKEN_WITHIN_S)
            wire.sendto("\n".join(words).encode(), self._address)

    def tell(self, status: str, *words: str) -> None:
        """Say in a line what we are doing, for whoever asks for our status."""
        self.status = " ".join(status.split())[:STATUS_CHARACTERS_AT_MOST]
        self.say(*words, f"STATUS={self.status}")
