"""What can be asked of leading, and what is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tutorwamp.kernel.contracts import Id, Instant, Nothing, Procedure, Value
from tutorwamp.kernel.topics import Topic
from tutorwamp.lessons.values import View


class LeadLesson(Value):
    """Show everybody this part of the board; null: everybody looks where they like."""

    lesson_id: Id
    view: View | None


class ViewMessage(Value):
    """What everybody is led to; null: nobody leads any more."""

    type: Literal["view.changed"] = "view.changed"
    at: Instant
    view: View | None


LEAD = Procedure(
    "tutorwamp.lesson.lead",
    LeadLesson,
    Nothing,
    "Lead everybody to a part of the board, or nobody any more.",
    # Not counted as a write, although the last view is kept: it comes as often as a pointer moves, and costs no more.
)
VIEW_TOPIC = Topic("tutorwamp.lesson.{lesson_id}.view", "What the tutor leads everybody to.", message=ViewMessage)


@dataclass(frozen=True)
class ViewChanged:
    """The tutor leads to another part of the board."""

    lesson_id: str
    at: datetime
    view: View | None
