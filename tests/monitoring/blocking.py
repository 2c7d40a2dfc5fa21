"""A component that makes sending a message block its process for two seconds, once a file lies where it looks."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.types import SessionDetails

from tutorwamp.chat import service

FILE: Final = "BLOCK_WHEN_THERE"
"""An environment variable: where it looks."""
BLOCKED_S: Final = 2.0


class Blocking(ApplicationSession):
    """Joins as every component does, and spoils a function of the chat's service."""

    def onConnect(self) -> None:
        self.join(self.config.realm, ["anonymous"])

    def onJoin(self, _details: SessionDetails) -> None:
        names: dict[str, Any] = vars(service)
        digest_of = names["digest_of"]

        def slow_digest(*parts: Any) -> Any:
            told = Path(os.environ[FILE])
            if told.exists():
                told.unlink()
                time.sleep(BLOCKED_S)  # the fault itself: what nobody should do in the reactor's thread
            return digest_of(*parts)

        names["digest_of"] = slow_digest
