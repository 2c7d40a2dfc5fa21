"""How accounts say no."""

from __future__ import annotations

from tutorwamp.kernel.errors import Action, Conflict


class EmailTaken(Conflict, uri="tutorwamp.error.account.email_taken", action=Action.FIX):
    """Somebody has registered with this e-mail address already."""
