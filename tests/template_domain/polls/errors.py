"""How polls say no, beside the kernel's words."""

from __future__ import annotations

from tutorwamp.kernel.errors import Conflict


class TooMany(Conflict, uri="tutorwamp.error.poll.too_many"):
    """The lesson has as many polls as it may have."""
