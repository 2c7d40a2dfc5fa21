"""What can be tuned about sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class SessionsSettings:
    """How a person's silence is noticed. The socket itself is watched by the router (crossbar/config.yaml)."""

    heartbeat_interval: timedelta = setting(
        "HEARTBEAT_INTERVAL",
        timedelta(seconds=30),
        "How often a client is asked to show that it lives; each one also finds out what it has missed.",
    )
    ping_timeout: timedelta = setting(
        "REALTIME_PING_TIMEOUT",
        timedelta(seconds=120),
        "Without a heartbeat for so long a session is ended: three of them may get lost.",
    )
