"""The reactor of the process, for modules that are imported before it is chosen."""

from __future__ import annotations

from typing import Any


def running_reactor() -> Any:
    """The one reactor there is; asked for where it is used, because importing it chooses it."""
    from twisted.internet import reactor

    return reactor
