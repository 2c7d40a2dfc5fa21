"""What can be asked of invite codes, and what is answered."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from tutorwamp.kernel.contracts import Id, Instant, Procedure, Value
from tutorwamp.lessons.contracts import Lesson
from tutorwamp.lessons.invites.codes import CODE_PATTERN, normal

LIVES_S: Final = 7 * 24 * 3600
"""Where nothing else is said: until the lesson of next week."""
LIVES_AT_LEAST_S: Final = 60
LIVES_AT_MOST_S: Final = 90 * 24 * 3600

Code = Annotated[str, StringConstraints(pattern=CODE_PATTERN, max_length=64), AfterValidator(normal)]
"""As somebody has typed it: in either case, with spaces and hyphens where they like, O for 0, I and L for 1."""


class InviteToLesson(Value):
    """Make a code for a lesson; the one before it is worth nothing from now on."""

    lesson_id: Id
    ttl_s: Annotated[int, Field(ge=LIVES_AT_LEAST_S, le=LIVES_AT_MOST_S)] = LIVES_S


class Invitation(Value):
    """Who has the code joins the lesson's students until then. It is shown once: nobody can read it again."""

    code: str
    url: str
    """The page, which asks whoever opens it to log in."""
    expires_at: Instant


class AcceptInvitation(Value):
    """Join the students of the lesson that the code is for."""

    code: Code


INVITE: Final = Procedure(
    "tutorwamp.lesson.invite",
    InviteToLesson,
    Invitation,
    "Make an invite code. A new one ends the old one.",
    writes=True,
)
ACCEPT: Final = Procedure(
    "tutorwamp.lesson.accept",
    AcceptInvitation,
    Lesson,
    "Join a lesson's students with an invite code.",
    writes=True,
)
