"""How chat says no."""

from __future__ import annotations

from tutorwamp.kernel.errors import Conflict


class EditWindow(Conflict, uri="tutorwamp.error.chat.edit_window"):
    """The message is too old to be edited."""
