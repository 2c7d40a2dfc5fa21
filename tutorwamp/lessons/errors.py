"""How lessons say no."""

from __future__ import annotations

from tutorwamp.kernel.errors import Action, Conflict, Forbidden


class WrongState(Conflict, uri="tutorwamp.error.lesson.state"):
    """The lesson is not in a state that allows this."""


class Overlap(Conflict, uri="tutorwamp.error.lesson.overlap"):
    """The tutor has another lesson at that time."""


class LessonFull(Conflict, uri="tutorwamp.error.lesson.full", action=Action.STOP):
    """The lesson has as many students as one can have."""


class Muted(Forbidden, uri="tutorwamp.error.lesson.muted"):
    """The lesson's rules do not let this person write now. ``details.rule`` says which: chat, muted or unattended."""
