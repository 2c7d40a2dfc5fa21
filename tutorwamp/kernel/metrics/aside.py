"""Work in a thread of its own: a page takes tens of milliseconds to write, and nobody's stroke waits for it.

Not in the reactor's pool, whose threads may all be busy when somebody wants to see why.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

Result = TypeVar("Result")


def aside(work: Callable[[], Result], reactor: Any) -> Deferred[Result]:
    """What the work gives, on the reactor's thread again. The thread goes with it, and with the process."""
    done: Deferred[Result] = Deferred()

    def run() -> None:
        outcome: Result | Failure
        try:
            outcome = work()
        except Exception:  # noqa: BLE001  # whatever it is, it is the outcome
            outcome = Failure()
        reactor.callFromThread(done.callback, outcome)  # a Failure becomes an error

    threading.Thread(target=run, name="metrics", daemon=True).start()
    return done
