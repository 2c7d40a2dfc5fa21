"""Waiting for what other processes and threads do: looked at again and again, up to a limit that is a failure."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.task import deferLater

PATIENCE_S = 90.0
"""However busy the machine; a node that was killed often waits up to half a minute before it starts again."""
LOOKS_EVERY_S = 0.02


async def until(true: Callable[[], Any], what: object, *, within_s: float = PATIENCE_S) -> Any:
    """What ``true`` gives or is answered, as soon as it is something. Else AssertionError with ``what``, or its answer.

    ``what`` may be a function, for what is known only in the end.
    """
    deadline = time.monotonic() + within_s
    while True:
        found = true()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"waited in vain: {what() if callable(what) else what}"
        await deferLater(cast("Any", reactor), LOOKS_EVERY_S)
