"""Every table that the code means: each module that makes one is imported, so that none is forgotten."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import tutorwamp
from tutorwamp.kernel.sql.columns import metadata

__all__ = ["metadata"]

_PACKAGE = Path(tutorwamp.__path__[0])
for _path in sorted(_PACKAGE.rglob("*.py")):
    if " = Table(\n" in _path.read_text():
        import_module(".".join(_path.relative_to(_PACKAGE.parent).with_suffix("").parts))
