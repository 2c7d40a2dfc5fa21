"""What happens to reports: somebody tells of a message, an admin looks and decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tutorwamp.accounts.contracts import People, Person
from tutorwamp.chat.reports import rules
from tutorwamp.chat.reports.contracts import (
    Closing,
    KeptReport,
    ListReports,
    Muting,
    Report,
    Reported,
    ReportMessage,
    ResolutionFields,
    ResolveReport,
)
from tutorwamp.chat.reports.store import NewReport, ReportsStore
from tutorwamp.kernel.contracts import Caller, Clock, Page, new_id
from tutorwamp.kernel.errors import Invalid, NotFound
from tutorwamp.kernel.limits import Limits
from tutorwamp.kernel.log.audit import Origin, audit, origin_of_call
from tutorwamp.lessons.contracts import LessonAccessChecker

_UNKNOWN: Final = "There is no such message."


class ReportsService:
    """``limits``: of each person's reports; None where nothing is limited."""

    def __init__(
        self,
        store: ReportsStore,
        access: LessonAccessChecker,
        people: People,
        closing: Closing,
        muting: Muting,
        *,
        limits: Limits | None,
        clock: Clock,
    ) -> None:
        self._store = store
        self._access = access
        self._people = people
        self._closing = closing
        self._muting = muting
        self._limits = limits
        self._clock = clock

    async def report(self, caller: Caller, asked: ReportMessage, *, lesson_id: str | None = None) -> Reported:
        """C20: tell the admins of a message of a lesson one belongs to. Raises NotFound or RateLimited.

        Nobody else hears of it, nor who it was. ``lesson_id``: where the caller takes the message to be.
        """
        found = await self._store.lesson_of(asked.message_id)
        if found is None or lesson_id not in (None, found):
            raise NotFound(_UNKNOWN)
        try:
            await self._access.admit(caller, found, fresh=False)
        except NotFound:  # not "lesson": a stranger who tries ids must not learn that this one is a message's
            raise NotFound(_UNKNOWN) from None
        known = await self._store.of(asked.message_id, caller.user_id)
        if known is not None:
            return Reported(report_id=known)
        if self._limits is not None:
            self._limits.take(caller.user_id)
        origin = origin_of_call()
        new = NewReport(new_id(), asked.message_id, caller.user_id, asked.reason, self._clock())
        report_id = await self._store.keep(new)
        if report_id == new.id:
            audit("message reported", origin, caller.user_id, report_id=report_id, lesson_id=found)
        return Reported(report_id=report_id)

    async def list_reports(self, caller: Caller, asked: ListReports) -> Page[Report]:
        """C22: what was reported, newest first. Raises Forbidden or Invalid (cursor)."""
        rules.require_admin(caller)
        page = await self._store.page(asked.state, asked.limit, asked.cursor)
        return Page(items=await self._with_people(page.items), next_cursor=page.next_cursor)

    async def resolve(self, caller: Caller, asked: ResolveReport, origin: Origin) -> Report:
        """C23: be done with a report, having muted or closed out its author where that is asked.

        What is done about the author is done first: where that fails the report stays as it is. Raises Forbidden,
        NotFound, Invalid or WrongState.
        """
        rules.require_admin(caller)
        kept = await self._store.by_id(asked.report_id)
        if kept is None:
            raise NotFound("There is no such report.")
        about = {"report_id": kept.id, "about": kept.author}
        if asked.deactivate:
            rules.require_closable((await self._people.person(kept.author)).role)
        if asked.mute:
            await self._mute(caller, kept)
            audit("muted for a report", origin, caller.user_id, lesson_id=kept.lesson_id, **about)
        if asked.deactivate:
            await self._closing.close_account(kept.author)
            audit("deactivated for a report", origin, caller.user_id, **about)
        done = ResolutionFields[str](
            by=caller.user_id, at=self._clock(), note=asked.note, muted=asked.mute, deactivated=asked.deactivate
        )
        resolved = await self._store.resolve(kept.id, done)
        if resolved is None:
            raise NotFound("There is no such report.")
        audit("report resolved", origin, caller.user_id, **about)
        return (await self._with_people([resolved]))[0]

    async def _mute(self, caller: Caller, kept: KeptReport) -> None:
        try:
            await self._muting.mute(caller, kept.lesson_id, kept.author)
        except Invalid as error:  # its place is one of the lesson's list, which nobody has sent here
            fault = {"loc": ["mute"], "msg": "the author is no student of this lesson"}
            raise Invalid(error.message, details=[fault]) from None

    async def _with_people(self, kept: Sequence[KeptReport]) -> list[Report]:
        ids = {one.author for one in kept} | {one.reporter for one in kept}
        ids |= {one.resolution.by for one in kept if one.resolution is not None}
        people = {person.id: person for person in await self._people.persons(sorted(ids))} if ids else {}
        return [_shown(one, people) for one in kept]


def _shown(kept: KeptReport, people: dict[str, Person]) -> Report:
    done = kept.resolution
    resolution = done and ResolutionFields[Person](**{**dict(done), "by": people[done.by]})
    named = {"author": people[kept.author], "reporter": people[kept.reporter], "resolution": resolution}
    return Report(**{**dict(kept), **named})
