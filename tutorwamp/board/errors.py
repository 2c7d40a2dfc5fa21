"""How the board says no."""

from __future__ import annotations

from tutorwamp.kernel.errors import Action, Conflict, Forbidden


class Stale(Conflict, uri="tutorwamp.error.board.stale"):
    """The element is not at the version the change is for; the rejection carries it as it is now."""


class NoPen(Forbidden, uri="tutorwamp.error.board.no_pen"):
    """Only the lesson's tutor and the students who have the pen draw."""


class Locked(Forbidden, uri="tutorwamp.error.board.locked"):
    """The element, or something on the page, is locked: only the lesson's tutor and admins change or unlock it."""


class Full(Conflict, uri="tutorwamp.error.board.full", action=Action.FIX):
    """No room for more: elements of a page, pages of a board, or all of them together."""
