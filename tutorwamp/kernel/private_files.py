"""Files of the data folder, which only its owner reads."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o077
"""The umask of every process that writes into the data folder: what is in it is its owner's alone."""


def write_new_private(path: Path, content: bytes) -> None:
    """Write a file only we can read; the first of several writers wins, and none sees it half written."""
    # A name of its own for each draft: in a container every start may have the same process id. Its mode is 0600.
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # a power cut must not leave an empty key behind
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    Path(draft).unlink()
