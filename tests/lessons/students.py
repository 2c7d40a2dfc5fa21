"""What a student may do in a lesson: the one table. The page docs/rules/students.md is made from it.

A real node is asked about each cell, and about each combination of rules in each state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEEDS: Final = (
    "send",
    "edit one's own",
    "delete one's own",
    "react",
    "read, mark as read",
    "draw with the pen",
    "draw without",
    "raise a hand",
    "tell that one types",
    "answer a poll",
)

NO_RULE: Final = "no rule"
TUTORS: Final = "`chat: tutors`"
MUTED: Final = "`muted`"
ATTENDED: Final = "`unattended: closed`, tutor there"
UNATTENDED: Final = "`unattended: closed`, tutor away"

FREE: Final = ("yes", "yes", "yes", "yes", "yes", "yes", "no_pen", "yes", "yes", "yes")
SILENT: Final = ("muted", "muted", "yes", "muted", "yes", "yes", "no_pen", "yes", "deny", "yes")
OPEN: Final = {
    NO_RULE: FREE,
    TUTORS: SILENT,
    MUTED: SILENT,
    ATTENDED: FREE,
    UNATTENDED: ("muted", "muted", "yes", "muted", "yes", "muted", "muted", "yes", "deny", "yes"),
}
"""In a lesson that is scheduled, live or interrupted."""

DONE: Final = ("state", "yes", "yes", "state", "yes", "state", "state", "state", "deny", "state")
SILENT_DONE: Final = ("state", "muted", "yes", "state", "yes", "state", "state", "state", "deny", "state")
OVER: Final = {NO_RULE: DONE, TUTORS: SILENT_DONE, MUTED: SILENT_DONE, UNATTENDED: DONE}
"""In a lesson that has ended or was cancelled: nobody is there."""

STRONGEST: Final = ("deny", "state", "muted", "no_pen", "yes")
"""Where several rules hold, the strongest answer is given."""


def expected(table: Mapping[str, tuple[str, ...]], rules: list[str]) -> tuple[str, ...]:
    """What a student is told where these rules hold together."""
    rows = [table[rule] for rule in (NO_RULE, *rules)]
    return tuple(min(cells, key=STRONGEST.index) for cells in zip(*rows, strict=True))


def page() -> str:
    """docs/rules/students.md."""
    lines = [
        "# What a student may do",
        "",
        "Rules L24 to L26 of [lessons.md](lessons.md), C16, B42 and P3 as one table.",
        "It is made from `tests/lessons/students.py`; a real node is asked about each cell, and all rules together.",
        "",
        "`yes`: allowed. `muted`: `tutorwamp.error.lesson.muted`. `state`: `tutorwamp.error.lesson.state`.",
        "`no_pen`: `tutorwamp.error.board.no_pen`. `deny`: the router passes nothing on.",
        "Where several rules hold, what one of them refuses is refused: first `state`, then `muted`, then `no_pen`.",
        "The lesson's tutor and admins are bound by no rule but the state. To edit there are 24 hours.",
        "The tutor is there while in the room or kept a place for the grace time (L25).",
    ]
    for title, table in (("Scheduled, live or interrupted", OPEN), ("Ended or cancelled", OVER)):
        rows = [("rule", *DEEDS), ("---",) * (len(DEEDS) + 1), *((name, *cells) for name, cells in table.items())]
        lines += ["", f"## {title}", "", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"
