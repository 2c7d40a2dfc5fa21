"""Every table there is, by importing what declares them: each domain's store, and the kernel's own."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import tutorwamp
import tutorwamp.kernel.sql.nodes
import tutorwamp.kernel.sql.probe
import tutorwamp.kernel.sql.streams
import tutorwamp.notifications.push.queue  # for its tables, as those above
from tutorwamp.kernel.sql.database import metadata

__all__ = ["metadata"]

for store in sorted(Path(tutorwamp.__path__[0]).glob("*/store.py")):
    import_module(f"tutorwamp.{store.parent.name}.store")
