"""The limit of open files, sockets among them, and how many people that is room for."""

from __future__ import annotations

import resource
from typing import Final

RESERVED_AT_MOST: Final = 1_000
"""For what is no session: health, REST (two for each request: from the client, to REST), the page, our own files."""
UNLIMITED: Final = 1_000_000
"""What an unlimited process is reckoned with; Linux itself allows 1,048,576."""


def raise_open_files() -> int:
    """Raise the soft limit to the hard one, which needs nobody's leave; how many may be open now.

    The soft limit is low for the sake of old programs that ``select``; ours do not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return open_files_at_most()


def open_files_at_most() -> int:
    """What the limit will be once it is raised."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return UNLIMITED if hard == resource.RLIM_INFINITY else min(hard, UNLIMITED)


def sessions_in(files: int) -> int:
    """How many sessions so many files are room for."""
    return files - min(RESERVED_AT_MOST, files // 2)
