"""Who sees a file: pure. The numbers are those of docs/rules/files.md."""

from __future__ import annotations

from tutorwamp.kernel.contracts import Caller


def may_see(caller: Caller, owner_id: str, message_id: str | None) -> bool:
    """F7: what a message shows every member sees; before that only who has sent it."""
    return message_id is not None or caller.user_id == owner_id
