"""A component that stands still when it is told to, and its whole process with it."""

from __future__ import annotations

import time
from typing import Final

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.types import SessionDetails

from tutorwamp.gate.wamp import GateClient
from tutorwamp.kernel.events import Events

BLOCK: Final = "tutorwamp.test.block"


class Blocked:
    """An event whose listener takes long."""


class BlockerComponent(ApplicationSession):
    """Serves ``tutorwamp.test.block``."""

    def onConnect(self) -> None:  # autobahn's name
        """As every component."""
        self.join(self.config.realm, ["anonymous"])

    async def onJoin(self, details: SessionDetails) -> None:  # autobahn's name
        """Serve it."""
        await self.register(self._block, BLOCK)
        await GateClient(self.call).ready("blocker", [BLOCK])

    def _block(self, seconds: float) -> None:
        events = Events()
        events.listen(Blocked, lambda _: time.sleep(seconds))  # that a process stands still is what this is about
        events.announce(Blocked())
