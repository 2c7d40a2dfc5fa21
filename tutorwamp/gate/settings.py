"""What can be tuned at the gate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tutorwamp.kernel.settings import Source, setting


@dataclass(frozen=True)
class GateSettings:
    """How many people there is room for, the way of /api to the REST process, and what the page may do."""

    sessions_at_most: int = setting(
        "SESSIONS_AT_MOST",
        10_000,
        "Live sessions of one node (about 13 KB each). More: tutorwamp.error.unavailable. Fewer where files are few.",
    )
    request_body_limit: int = setting(
        "REQUEST_BODY_LIMIT",
        6 * 1024 * 1024,
        "Bytes a request to /api may carry: a picture for the board. Above: tutorwamp.error.too_large.",
    )
    file_bytes: int = setting(
        "FILE_BYTES",
        25 * 1024 * 1024,
        "Bytes of one file in chat: what mail servers let through. Above: tutorwamp.error.too_large.",
    )
    upstream_timeout: timedelta = setting(
        "UPSTREAM_TIMEOUT",
        timedelta(seconds=30),
        "How long the REST process may take to begin its answer. After: tutorwamp.error.unavailable.",
    )
    page_connect: tuple[Source, ...] = setting(
        "PAGE_CONNECT",
        (),
        "Other origins that the page may connect to, comma-separated: wss://media.school.example. Its own always.",
    )
    page_frames: tuple[Source, ...] = setting(
        "PAGE_FRAMES",
        (),
        "Origins whose pages may show the classroom in a frame, comma-separated: https://school.example, "
        "https://*.school.example, or self. Unset: nobody's, so that no page can lead clicks astray.",
    )
