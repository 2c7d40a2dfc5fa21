"""Every table there is, by importing the stores; none of them is used otherwise."""

from __future__ import annotations

import tutorwamp.accounts.store
import tutorwamp.board.store
import tutorwamp.chat.store
import tutorwamp.kernel.sql.nodes
import tutorwamp.kernel.sql.probe
import tutorwamp.kernel.sql.streams
import tutorwamp.lessons.store
import tutorwamp.notifications.push.queue
import tutorwamp.notifications.store  # noqa: F401  # as above
from tutorwamp.kernel.sql.database import metadata

__all__ = ["metadata"]
