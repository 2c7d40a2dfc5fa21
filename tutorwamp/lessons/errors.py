"""How lessons say no."""

from __future__ import annotations

from tutorwamp.kernel.errors import Conflict


class WrongState(Conflict, uri="tutorwamp.error.lesson.state"):
    """The lesson is not in a state that allows this."""


class Overlap(Conflict, uri="tutorwamp.error.lesson.overlap"):
    """The tutor has another lesson at that time."""
