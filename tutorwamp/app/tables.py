"""Every table there is, by importing the stores; none of them is used otherwise."""

from __future__ import annotations

import tutorwamp.accounts.store
import tutorwamp.board.store
import tutorwamp.chat.store
import tutorwamp.kernel.nodes
import tutorwamp.kernel.probe
import tutorwamp.kernel.streams
import tutorwamp.lessons.store
import tutorwamp.notifications.push.queue
import tutorwamp.notifications.store  # noqa: F401  # as above
from tutorwamp.kernel.database import metadata

__all__ = ["metadata"]
