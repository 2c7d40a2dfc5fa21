"""Who may do what: the one table. The page docs/authorization.md is made from it.

A real node is asked about each cell.

Columns are people and what they are to a lesson; a cell is what they are told:

- ``yes``  allowed: whatever comes of it, it is not refused to them
- ``no``   ``tutorwamp.error.forbidden``, or ``tutorwamp.error.board.no_pen`` where it is about drawing
- ``none`` ``tutorwamp.error.not_found``: to them there is no such thing
- ``who``  ``tutorwamp.error.unauthenticated``
- ``deny`` the router refuses it
"""

from __future__ import annotations

from typing import Final

PEOPLE: Final = ("student in", "student out", "tutor of", "other tutor", "admin")
"""Those who are logged in. Anonymous and deactivated people cannot connect over WAMP at all."""
NOBODIES: Final = ("anonymous", "deactivated")

EVERYBODY: Final = ("yes",) * 5
MEMBERS: Final = ("yes", "none", "yes", "none", "yes")
MODERATORS: Final = ("no", "none", "yes", "none", "yes")
PLANNERS: Final = ("no", "no", "yes", "yes", "yes")
ADMINS: Final = ("no", "no", "no", "no", "yes")
INVITED: Final = ("yes", "yes", "yes", "no", "yes")
"""Whoever has the code; only students become members by it."""
AUTHOR_IS_TUTOR: Final = ("no", "none", "yes", "none", "no")
"""The message that is asked about is the tutor's own."""
OWNER_IS_STUDENT: Final = ("yes", "none", "none", "none", "none")
"""The notification that is asked about is the student's own."""
IN_THE_ROOM: Final = ("yes", "deny", "yes", "deny", "yes")
"""Who has joined; who cannot join is refused by the router."""
NOBODY: Final = ("deny",) * 5
STUDENTS: Final = ("yes", "none", "no", "none", "no")
"""It is asked for oneself."""

PROCEDURES: Final[dict[str, tuple[str, ...]]] = {
    "tutorwamp.lesson.create": PLANNERS,
    "tutorwamp.lesson.get": MEMBERS,
    "tutorwamp.lesson.list": EVERYBODY,
    "tutorwamp.lesson.update": MODERATORS,
    "tutorwamp.lesson.cancel": MODERATORS,
    "tutorwamp.lesson.start": MODERATORS,
    "tutorwamp.lesson.end": MODERATORS,
    "tutorwamp.lesson.join": MEMBERS,
    "tutorwamp.lesson.leave": MEMBERS,
    "tutorwamp.lesson.set_pen": MODERATORS,
    "tutorwamp.lesson.set_rules": MODERATORS,
    "tutorwamp.lesson.raise_hand": STUDENTS,
    "tutorwamp.lesson.set_timer": MODERATORS,
    "tutorwamp.lesson.attendance": MODERATORS,
    "tutorwamp.lesson.replay": MEMBERS,
    "tutorwamp.lesson.invite": MODERATORS,
    "tutorwamp.lesson.accept": INVITED,
    "tutorwamp.lesson.lead": MODERATORS,
    "tutorwamp.lesson.media": MEMBERS,
    "tutorwamp.chat.send": MEMBERS,
    "tutorwamp.chat.edit": AUTHOR_IS_TUTOR,
    "tutorwamp.chat.delete": MODERATORS,
    "tutorwamp.chat.react": MEMBERS,
    "tutorwamp.chat.history": MEMBERS,
    "tutorwamp.chat.search": MEMBERS,
    "tutorwamp.chat.mark_read": MEMBERS,
    "tutorwamp.chat.report": MEMBERS,
    "tutorwamp.board.open": MEMBERS,
    "tutorwamp.board.at": MEMBERS,
    "tutorwamp.board.export": MEMBERS,
    "tutorwamp.board.submit": MEMBERS,
    "tutorwamp.board.import": MODERATORS,
    "tutorwamp.board.copy": MODERATORS,
    "tutorwamp.board.add_page": MODERATORS,
    "tutorwamp.board.remove_page": MODERATORS,
    "tutorwamp.board.clear": MODERATORS,
    "tutorwamp.poll.open": MODERATORS,
    "tutorwamp.poll.answer": STUDENTS,
    "tutorwamp.poll.close": MODERATORS,
    "tutorwamp.poll.list": MEMBERS,
    "tutorwamp.poll.answers": MODERATORS,
    "tutorwamp.session.heartbeat": EVERYBODY,
    "tutorwamp.session.resume": EVERYBODY,
    "tutorwamp.session.whoami": EVERYBODY,
    "tutorwamp.notification.list": EVERYBODY,
    "tutorwamp.notification.unread_count": EVERYBODY,
    "tutorwamp.notification.mark_read": OWNER_IS_STUDENT,
    "tutorwamp.notification.mark_all_read": EVERYBODY,
    "tutorwamp.notification.preferences": EVERYBODY,
    "tutorwamp.notification.set_preferences": EVERYBODY,
}

LESSON_TOPICS: Final = ("state", "chat", "board", "polls", "presence", "typing", "cursor", "view")
TOPICS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    **{("subscribe", f"tutorwamp.lesson.{{lesson_id}}.{kind}"): IN_THE_ROOM for kind in LESSON_TOPICS},
    **{
        ("publish", f"tutorwamp.lesson.{{lesson_id}}.{kind}"): IN_THE_ROOM if kind in ("typing", "cursor") else NOBODY
        for kind in LESSON_TOPICS
    },
    **{("subscribe, before joining", f"tutorwamp.lesson.{{lesson_id}}.{kind}"): NOBODY for kind in LESSON_TOPICS},
    **{("subscribe by prefix", f"tutorwamp.lesson.{{lesson_id}}.{kind}"): NOBODY for kind in LESSON_TOPICS},
    ("subscribe by prefix", "tutorwamp.user.{user_id}.notifications"): NOBODY,
    ("subscribe by prefix", "tutorwamp.connection.timeout"): NOBODY,
    ("subscribe", "tutorwamp.user.{user_id}.notifications"): ("yes", "deny", "deny", "deny", "deny"),
    ("publish", "tutorwamp.user.{user_id}.notifications"): NOBODY,
    ("subscribe", "tutorwamp.connection.timeout"): EVERYBODY,
    ("publish", "tutorwamp.connection.timeout"): NOBODY,
    ("subscribe by prefix", "tutorwamp.connection.draining"): NOBODY,
    ("subscribe", "tutorwamp.connection.draining"): EVERYBODY,
    ("publish", "tutorwamp.connection.draining"): NOBODY,
    ("subscribe by prefix", "tutorwamp.lesson."): NOBODY,
    ("subscribe by wildcard", "tutorwamp.lesson..chat"): NOBODY,
    ("subscribe by prefix", "wamp."): NOBODY,
}
"""The notifications are the student's in the lesson."""

OPEN: Final = ("yes",) * 7
TOKEN: Final = (*EVERYBODY, "who", "who")


def _with_token(cells: tuple[str, ...]) -> tuple[str, ...]:
    return (*cells, "who", "who")


ROUTES: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("GET", "/api/health"): OPEN,
    ("GET", "/api/health/live"): OPEN,
    ("GET", "/api/health/ready"): OPEN,
    ("GET", "/api/openapi.json"): OPEN,
    ("GET", "/api/docs"): OPEN,
    ("POST", "/api/auth/register"): OPEN,
    ("POST", "/api/auth/login"): (*EVERYBODY, "yes", "who"),
    ("POST", "/api/auth/refresh"): ("who",) * 7,
    ("POST", "/api/auth/logout"): OPEN,
    ("GET", "/api/auth/me"): TOKEN,
    ("PATCH", "/api/auth/me"): TOKEN,
    ("POST", "/api/auth/password"): TOKEN,
    ("POST", "/api/auth/logout-everywhere"): TOKEN,
    ("POST", "/api/auth/password/forgot"): OPEN,
    ("POST", "/api/auth/password/reset"): ("none",) * 7,
    ("POST", "/api/auth/email/confirmation"): TOKEN,
    ("POST", "/api/auth/email/confirm"): ("none",) * 7,
    ("GET", "/api/lessons"): TOKEN,
    ("POST", "/api/lessons"): _with_token(PLANNERS),
    ("GET", "/api/lessons/{lesson_id}"): _with_token(MEMBERS),
    ("PATCH", "/api/lessons/{lesson_id}"): _with_token(MODERATORS),
    ("POST", "/api/lessons/{lesson_id}/start"): _with_token(MODERATORS),
    ("POST", "/api/lessons/{lesson_id}/end"): _with_token(MODERATORS),
    ("POST", "/api/lessons/{lesson_id}/cancel"): _with_token(MODERATORS),
    ("POST", "/api/lessons/{lesson_id}/rules"): _with_token(MODERATORS),
    ("POST", "/api/lessons/{lesson_id}/hand"): _with_token(STUDENTS),
    ("POST", "/api/lessons/{lesson_id}/timer"): _with_token(MODERATORS),
    ("POST", "/api/lessons/{lesson_id}/invite"): _with_token(MODERATORS),
    ("POST", "/api/lessons/accept"): _with_token(INVITED),
    ("GET", "/api/lessons/{lesson_id}/attendance"): _with_token(MODERATORS),
    ("GET", "/api/lessons/{lesson_id}/replay"): _with_token(MEMBERS),
    ("GET", "/api/lessons/{lesson_id}/messages"): _with_token(MEMBERS),
    ("POST", "/api/lessons/{lesson_id}/messages"): _with_token(MEMBERS),
    ("PATCH", "/api/lessons/{lesson_id}/messages/{message_id}"): _with_token(AUTHOR_IS_TUTOR),
    ("DELETE", "/api/lessons/{lesson_id}/messages/{message_id}"): _with_token(MODERATORS),
    ("POST", "/api/lessons/{lesson_id}/files"): _with_token(MEMBERS),
    ("GET", "/api/lessons/{lesson_id}/files/{file_id}"): _with_token(MEMBERS),
    ("POST", "/api/lessons/{lesson_id}/messages/{message_id}/report"): _with_token(MEMBERS),
    ("GET", "/api/reports"): _with_token(ADMINS),
    ("POST", "/api/reports/{report_id}/resolve"): _with_token(ADMINS),
    ("GET", "/api/lessons/{lesson_id}/board"): _with_token(MEMBERS),
    ("GET", "/api/lessons/{lesson_id}/board/export"): _with_token(MEMBERS),
    ("POST", "/api/lessons/{lesson_id}/board/import"): _with_token(MODERATORS),
    ("POST", "/api/lessons/{lesson_id}/board/copy"): _with_token(MODERATORS),
    ("POST", "/api/lessons/{lesson_id}/board/pictures"): _with_token(MODERATORS),
    ("GET", "/api/lessons/{lesson_id}/board/pictures/{picture_id}"): _with_token(MEMBERS),
    ("GET", "/api/lessons/{lesson_id}/polls"): _with_token(MEMBERS),
    ("POST", "/api/lessons/{lesson_id}/polls"): _with_token(MODERATORS),
    ("POST", "/api/lessons/{lesson_id}/polls/{poll_id}/answer"): _with_token(STUDENTS),
    ("POST", "/api/lessons/{lesson_id}/polls/{poll_id}/close"): _with_token(MODERATORS),
    ("GET", "/api/lessons/{lesson_id}/polls/{poll_id}/answers"): _with_token(MODERATORS),
    ("GET", "/api/notifications"): TOKEN,
    ("GET", "/api/notifications/unread-count"): TOKEN,
    ("POST", "/api/notifications/{notification_id}/read"): _with_token(OWNER_IS_STUDENT),
    ("POST", "/api/notifications/read-all"): TOKEN,
    ("GET", "/api/notifications/preferences"): TOKEN,
    ("PATCH", "/api/notifications/preferences"): TOKEN,
    ("GET", "/api/push/key"): OPEN,
    ("POST", "/api/push/subscriptions"): TOKEN,
    ("DELETE", "/api/push/subscriptions"): TOKEN,
}
"""The students have no pen. What a mail's link does is asked with a token that nobody was sent. ``login`` is asked
with one's own password, ``anonymous`` with a stranger's of theirs."""


def cells() -> int:
    """How many are asked; over WAMP those who cannot connect have one cell each, for all they might ask."""
    rows = (*PROCEDURES.values(), *TOPICS.values(), *ROUTES.values())
    return sum(map(len, rows)) + len(NOBODIES)


def page() -> str:
    """docs/authorization.md."""
    lines = [
        "# Who may do what",
        "",
        f"{cells()} cells, each asked of a real node by `tests/authorization/`; the page is made from its table.",
        "",
        (
            "`yes`: allowed. "
            "`no`: `tutorwamp.error.forbidden` (drawing without the pen: `tutorwamp.error.board.no_pen`). "
            "`none`: `tutorwamp.error.not_found`, to them there is no such thing."
        ),
        (
            "`who`: `tutorwamp.error.unauthenticated`. `deny`: refused by the router. "
            "In and out, of and other say what somebody is to the lesson; students have no pen."
        ),
        "Over WAMP anonymous and deactivated people cannot connect: ABORT `tutorwamp.error.unauthenticated`.",
        "The message and its file are the tutor's, the notification and its topic are the student's in the lesson.",
    ]
    lines += _section("Procedures", ("procedure", *PEOPLE), [(f"`{uri}`", *row) for uri, row in PROCEDURES.items()])
    topics = [(action, f"`{uri}`".replace("{", "<").replace("}", ">"), *row) for (action, uri), row in TOPICS.items()]
    lines += _section("Topics", ("action", "topic", *PEOPLE), topics)
    routes = [(f"`{method} {path}`", *row) for (method, path), row in ROUTES.items()]
    lines += _section("REST", ("route", *PEOPLE, *NOBODIES), routes)
    return "\n".join(lines) + "\n"


def _section(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    shown = [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]
    return ["", f"## {title}", "", *shown]
