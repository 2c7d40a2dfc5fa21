"""Who sees reports and what may come of one: pure, numbered as in docs/rules/chat.md."""

from __future__ import annotations

from typing import Final

from tutorwamp.kernel.contracts import AuthRole, Caller
from tutorwamp.kernel.errors import Forbidden
from tutorwamp.kernel.limits import Allowance

REPORTS: Final = Allowance(per_s=20 / 3600, burst=20)
"""C21: of a person: a bad hour, and no flood for those who read them."""


def require_admin(caller: Caller) -> None:
    """C22: raise Forbidden for anybody else."""
    if caller.role is not AuthRole.ADMIN:
        raise Forbidden("Reports are for admins.")


def require_closable(role: AuthRole) -> None:
    """C23: raise Forbidden where the account is not one to be closed from here."""
    if role is AuthRole.ADMIN:
        raise Forbidden("An admin's account is closed on the command line: tutorwamp user deactivate.")
