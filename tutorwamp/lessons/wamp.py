"""Lessons over WAMP: ``tutorwamp.lesson.…``, and the topics ``….state`` and ``….presence``."""

from __future__ import annotations

from typing import Final

from tutorwamp.kernel.edges.component import Publisher, Serving, serve
from tutorwamp.kernel.events import Events
from tutorwamp.lessons import contracts
from tutorwamp.lessons.contracts import PRESENCE_TOPIC, LessonChanged, PresenceChanged
from tutorwamp.lessons.invites import contracts as invites
from tutorwamp.lessons.invites.service import InvitesService
from tutorwamp.lessons.lead.contracts import LEAD, VIEW_TOPIC, ViewChanged, ViewMessage
from tutorwamp.lessons.lead.service import LeadService
from tutorwamp.lessons.media.contracts import MEDIA
from tutorwamp.lessons.media.service import MediaService
from tutorwamp.lessons.service import LessonsService

LESSONS_PROCEDURES: Final[tuple[Serving[LessonsService], ...]] = (
    serve(contracts.CREATE, LessonsService.create),
    serve(contracts.GET, LessonsService.get),
    serve(contracts.LIST, LessonsService.list_lessons),
    serve(contracts.UPDATE, LessonsService.update),
    serve(contracts.CANCEL, LessonsService.cancel),
    serve(contracts.START, LessonsService.start),
    serve(contracts.END, LessonsService.end),
    serve(contracts.JOIN, LessonsService.join),
    serve(contracts.LEAVE, LessonsService.leave),
    serve(contracts.ATTENDANCE, LessonsService.attendance),
    serve(contracts.REPLAY, LessonsService.replay),
    serve(contracts.SET_PEN, LessonsService.set_pen),
    serve(contracts.SET_RULES, LessonsService.set_rules),
    serve(contracts.RAISE_HAND, LessonsService.raise_hand),
    serve(contracts.SET_TIMER, LessonsService.set_timer),
)

INVITES_PROCEDURES: Final = (
    serve(invites.INVITE, InvitesService.invite),
    serve(invites.ACCEPT, InvitesService.accept),
)

LEAD_PROCEDURES: Final = (serve(LEAD, LeadService.lead),)

MEDIA_PROCEDURES: Final = (serve(MEDIA, MediaService.media),)


def publish_lessons(events: Events, publisher: Publisher) -> None:
    """Publish what lessons announce."""

    def presence(change: PresenceChanged) -> None:
        participant = change.participant.plain()
        deadline = {} if change.participant.deadline is None else {"deadline": participant["deadline"]}
        told = {"type": change.type, "at": change.at, "participant": participant, **deadline}
        publisher.publish(PRESENCE_TOPIC.of(change.lesson_id), told)

    def changed(change: LessonChanged) -> None:
        for event in (*change.followed, change.event):  # this one last: it may be the last that is heard
            publisher.publish_stream_event(event)

    events.listen(LessonChanged, changed)
    events.listen(PresenceChanged, presence)
    events.listen(
        ViewChanged,
        lambda led: publisher.publish(VIEW_TOPIC.of(led.lesson_id), ViewMessage(at=led.at, view=led.view).plain()),
    )
