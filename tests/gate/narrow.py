"""Gates through which few come at once, or who must be quick, for routers of the tests.

The real allowances take thousands to use up, and the real patience ten seconds.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from twisted.internet.task import deferLater

from tutorwamp.gate import arrivals, wamp
from tutorwamp.kernel.limits import Allowance

FEW = 3
WAITING_AT_MOST = 10
GONE = "the gate has gone"
GONE_FOR_S = 3.0
"""Mostly it is some milliseconds."""
wamp.JOINS = Allowance(per_s=0.001, burst=FEW)  # type: ignore[attr-defined]  # the gate's own name for the kernel's

NarrowGate = wamp.GateComponent


class GoneGate(wamp.GateComponent):
    """Goes as it is asked to, and keeps the router's process waiting for a while longer."""

    def leave(self, reason: str | None = None, message: str | None = None) -> Any:
        from twisted.internet import reactor  # late: in the router's process only

        def gone(_: object) -> Any:
            self.log.info(GONE)
            return deferLater(reactor, GONE_FOR_S)

        return super().leave(reason, message).addBoth(gone)


class StrictGate(wamp.GateComponent):
    """Waits for three seconds, for ten of one address, who say sixty kilobytes; and for a second where one is slow."""

    def __init__(self, config: Any) -> None:
        wamp.JOINS = Allowance(per_s=100, burst=1_500)  # type: ignore[attr-defined]  # as above
        arrivals.SOCKETS_WAITING_AT_MOST = WAITING_AT_MOST  # type: ignore[misc]  # for this process
        arrivals.KILOBYTES = Allowance(per_s=10, burst=60)  # type: ignore[misc]  # as above
        wamp.SLOW_CUT_AFTER = timedelta(seconds=1)  # type: ignore[misc]  # as above
        super().__init__(config)

    async def onJoin(self, details: object) -> None:
        await super().onJoin(details)
        from tutorwamp.gate import wire  # late: in the router's process only

        wire.WELCOME_WITHIN_S = 3.0  # type: ignore[misc]  # as above
