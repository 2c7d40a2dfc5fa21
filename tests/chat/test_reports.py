"""Messages that are reported, and what admins do about them: on both engines."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from structlog.testing import capture_logs
from twisted.internet.defer import Deferred, gatherResults

from tests.kernel.edges.loopback import Loopback
from tests.support.machine import PASSWORD, Stage
from tests.support.refused import refused
from tutorwamp.accounts.contracts import LogIn
from tutorwamp.chat.contracts import ChatChanged, DeleteMessage, EditMessage, Message, SendMessage
from tutorwamp.chat.reports.contracts import ListReports, Report, ReportMessage, ResolveReport
from tutorwamp.chat.reports.rules import REPORTS
from tutorwamp.chat.reports.service import ReportsService
from tutorwamp.files.contracts import SendFile
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Forbidden, Invalid, NotFound, RateLimited
from tutorwamp.kernel.log.audit import OURS, Origin
from tutorwamp.lessons.contracts import OneLesson

BAD = "You are all stupid"
REASON = "He is at it again"


class Class:
    """Tina teaches Ben, who is rude, and Anna, who tells; and there is an admin."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.tina: Caller
        self.ben: Caller
        self.anna: Caller
        self.admin: Caller
        self.lesson_id = ""

    @classmethod
    async def meets(cls, stage: Stage) -> Class:
        made, given = cls(stage), stage.given
        made.tina, made.ben = await given.caller("tutor", "Tina"), await given.caller("student", "Ben")
        made.anna, made.admin = await given.caller("student", "Anna"), await given.caller("admin", "Root")
        lesson = await given.lesson(made.tina, made.ben, made.anna)
        made.lesson_id = lesson.id
        return made

    @property
    def reports(self) -> ReportsService:
        return self.stage.machine.reports

    async def say(self, who: Caller | None = None, body: str = BAD) -> Message:
        return await self.stage.machine.chat.send_message(
            who or self.ben, SendMessage(lesson_id=self.lesson_id, body=body)
        )

    async def report(self, message_id: str, who: Caller | None = None, reason: str = REASON) -> str:
        asked = ReportMessage(message_id=message_id, reason=reason)
        return (await self.reports.report(who or self.anna, asked)).report_id

    async def listed(self, **asked: Any) -> list[Report]:
        return (await self.reports.list_reports(self.admin, ListReports(**asked))).items

    async def resolve(self, report_id: str, **asked: Any) -> Report:
        return await self.reports.resolve(self.admin, ResolveReport(report_id=report_id, **asked), OURS)


async def test_C20_what_was_reported_is_kept_as_it_read_then(stage_on_both: Stage) -> None:
    room, chat = await Class.meets(stage_on_both), stage_on_both.machine.chat
    said = await room.say()
    edited = await chat.edit_message(room.ben, EditMessage(message_id=said.id, body=f"{BAD}!"))
    stage_on_both.clock.turn(seconds=5)
    report_id = await room.report(said.id)
    await chat.edit_message(room.ben, EditMessage(message_id=said.id, body="You are all kind"))
    await chat.delete_message(room.ben, DeleteMessage(message_id=said.id))
    (report,) = await room.listed()
    assert report == Report(
        id=report_id,
        state="open",
        message_id=said.id,
        lesson_id=room.lesson_id,
        author=said.author,
        reporter=await stage_on_both.machine.accounts.person(room.anna.user_id),
        reason=REASON,
        body=f"{BAD}!",
        files=[],
        said_at=said.created_at,
        edited_at=edited.edited_at,
        created_at=stage_on_both.clock(),
        resolution=None,
    )


async def test_C20_the_names_of_its_files_are_kept_where_they_are_gone(stage_on_both: Stage) -> None:
    room, machine, body = await Class.meets(stage_on_both), stage_on_both.machine, BytesIO(b"words")
    asked = SendFile(lesson_id=room.lesson_id, name="rude.txt")
    file = await machine.files.send(room.ben, asked, body, 5)
    sending = SendMessage(lesson_id=room.lesson_id, body="", file_ids=[file.id])
    said = await machine.chat.send_message(room.ben, sending)
    await room.report(said.id)
    await machine.chat.delete_message(room.ben, DeleteMessage(message_id=said.id))
    (report,) = await room.listed()
    assert (report.body, report.files) == ("", ["rude.txt"])


async def test_C20_telling_again_is_the_same_report_and_others_have_their_own(stage_on_both: Stage) -> None:
    room = await Class.meets(stage_on_both)
    said = await room.say()
    first = await room.report(said.id)
    assert await room.report(said.id, reason="For another reason") == first
    asking = [Deferred.fromCoroutine(room.report(said.id, room.tina)) for _ in range(5)]
    (tinas,) = set(await gatherResults(asking))
    assert {one.id: one.reason for one in await room.listed()} == {first: REASON, tinas: REASON}
    assert tinas != first


async def test_C20_only_members_tell_and_strangers_learn_nothing(stage_on_both: Stage) -> None:
    room = await Class.meets(stage_on_both)
    said = await room.say()
    unknown = await refused(NotFound, room.report(new_id()))
    foreign = await refused(NotFound, room.report(said.id, await stage_on_both.given.caller("tutor")))
    assert (unknown.message, unknown.details) == (foreign.message, foreign.details)
    await stage_on_both.machine.chat.delete_message(room.tina, DeleteMessage(message_id=said.id))
    await room.report(said.id)
    assert [one.body for one in await room.listed()] == [None], "who said it, and when, is still there"


async def test_C20_nobody_in_the_lesson_hears_of_it(stage_on_both: Stage) -> None:
    room = await Class.meets(stage_on_both)
    said = await room.say()
    heard = stage_on_both.events(ChatChanged)
    await room.report(said.id)
    assert heard == []


async def test_C21_twenty_an_hour_and_a_repetition_costs_nothing(stage: Stage) -> None:
    room = await Class.meets(stage)
    said = [await room.say(body=f"{BAD} {number}") for number in range(REPORTS.burst + 1)]
    for one in said[:-1]:
        await room.report(one.id)
        await room.report(one.id)
    await refused(RateLimited, room.report(said[-1].id))
    await room.report(said[-1].id, room.tina)
    stage.clock.turn(minutes=3)
    await room.report(said[-1].id)


async def test_C22_admins_and_nobody_else_see_reports(stage_on_both: Stage) -> None:
    room = await Class.meets(stage_on_both)
    ids = []
    for number in range(5):
        ids.append(await room.report((await room.say(body=f"{BAD} {number}")).id))
        stage_on_both.clock.turn(seconds=1)
    await room.resolve(ids[1])
    for who in (room.tina, room.ben, room.anna):
        await refused(Forbidden, room.reports.list_reports(who, ListReports()))
        await refused(Forbidden, room.reports.resolve(who, ResolveReport(report_id=ids[0]), OURS))
    assert [one.id for one in await room.listed(state="open")] == [ids[4], ids[3], ids[2], ids[0]]
    assert [one.id for one in await room.listed(state="resolved")] == [ids[1]]
    page = await room.reports.list_reports(room.admin, ListReports(limit=3))
    assert [one.id for one in page.items] == [ids[4], ids[3], ids[2]]
    assert [one.id for one in await room.listed(cursor=page.next_cursor)] == [ids[1], ids[0]]
    await refused(Invalid, room.listed(cursor="x"))


async def test_C23_a_report_is_resolved_and_what_was_done_stays_done(stage_on_both: Stage) -> None:
    room = await Class.meets(stage_on_both)
    report_id = await room.report((await room.say()).id)
    await refused(NotFound, room.resolve(new_id()))
    resolved = await room.resolve(report_id, note="Talked to him")
    assert resolved.state == "resolved"
    assert resolved.resolution is not None
    done = resolved.resolution
    assert (done.by.name, done.at, done.note) == ("Root", stage_on_both.clock(), "Talked to him")
    assert (done.muted, done.deactivated) == (False, False)
    assert (await room.resolve(report_id, deactivate=True)).resolution == done.model_copy(
        update={"note": None, "deactivated": True}
    )
    again = (await room.resolve(report_id, note="And again")).resolution
    assert again is not None
    assert (again.note, again.deactivated) == ("And again", True)


async def test_C23_the_author_is_out(stage_on_both: Stage) -> None:
    room = await Class.meets(stage_on_both)
    report_id = await room.report((await room.say()).id)
    await room.resolve(report_id, deactivate=True)
    assert [heard[:2] for heard in stage_on_both.gate.heard if heard[0] == "drop_user"] == [
        ("drop_user", room.ben.user_id)
    ]
    users = {one.user.id: one async for one in stage_on_both.machine.accounts.accounts()}
    assert not users[room.ben.user_id].active
    login = LogIn(email=users[room.ben.user_id].user.email, password=PASSWORD)
    await refused("tutorwamp.error.unauthenticated", stage_on_both.machine.accounts.log_in(login))


async def test_C23_the_author_is_muted_in_that_lesson(stage_on_both: Stage) -> None:
    room, machine = await Class.meets(stage_on_both), stage_on_both.machine
    report_id = await room.report((await room.say()).id)
    for _ in range(2):
        resolved = await room.resolve(report_id, mute=True)
    assert resolved.resolution is not None
    assert resolved.resolution.muted
    lesson = await machine.lessons.get(room.tina, OneLesson(lesson_id=room.lesson_id))
    assert lesson.rules.muted == [room.ben.user_id]
    await refused("tutorwamp.error.lesson.muted", room.say())
    await room.say(room.anna, "Thank you")


async def test_C23_who_cannot_be_muted_or_closed_from_here_leaves_the_report_open(stage_on_both: Stage) -> None:
    room = await Class.meets(stage_on_both)
    about_tutor = await room.report((await room.say(room.tina)).id)
    error = await refused(Invalid, room.resolve(about_tutor, mute=True))
    assert error.details == [{"loc": ["mute"], "msg": "the author is no student of this lesson"}]
    about_admin = await room.report((await room.say(room.admin)).id)
    await refused(Forbidden, room.resolve(about_admin, deactivate=True))
    assert [one.state for one in await room.listed()] == ["open", "open"]


async def test_C24_each_is_an_audit_line_without_anybodys_words(stage: Stage) -> None:
    room, here = await Class.meets(stage), Origin("192.0.2.7", "seen-by-proxy")
    with capture_logs() as lines:
        report_id = await room.report((await room.say()).id)
        await room.report(room_message := (await room.listed())[0].message_id)
        asked = ResolveReport(report_id=report_id, note="Talked to him", mute=True, deactivate=True)
        await room.reports.resolve(room.admin, asked, here)
    audits = [one for one in lines if one["event"] == "audit"]
    assert [(one["what"], one["user_id"], one["report_id"]) for one in audits if "report_id" in one] == [
        ("message reported", room.anna.user_id, report_id),
        ("muted for a report", room.admin.user_id, report_id),
        ("deactivated for a report", room.admin.user_id, report_id),
        ("report resolved", room.admin.user_id, report_id),
    ]
    assert room_message
    assert {one["about"] for one in audits if "about" in one} == {room.ben.user_id}
    assert {one["address"] for one in audits if one["what"] == "report resolved"} == {"192.0.2.7"}
    assert not any(words in str(lines) for words in (BAD, REASON, "Talked"))


async def test_C20_C22_C23_over_rest(site: Loopback, stage_on_both: Stage) -> None:
    room = await Class.meets(stage_on_both)
    said = await room.say()
    tokens: dict[str, Any] = {}
    for account in [one async for one in stage_on_both.machine.accounts.accounts()]:
        login = LogIn(email=account.user.email, password=PASSWORD)
        issued = await stage_on_both.machine.accounts.log_in(login)
        tokens[account.user.name] = {"Authorization": f"Bearer {issued.access_token}"}
    path = f"/api/lessons/{room.lesson_id}/messages/{said.id}/report"
    for reason in ("", " ", "x" * 1_001, "a\x07b", None, 5):
        answered = await site.ask("POST", path, {"reason": reason}, headers=tokens["Anna"])
        assert (answered.status, answered.json["type"]) == (422, "tutorwamp.error.invalid")
    made = await site.ask("POST", path, {"reason": REASON}, headers=tokens["Anna"])
    assert made.status == 201
    elsewhere = path.replace(room.lesson_id, new_id())
    assert (await site.ask("POST", elsewhere, {"reason": REASON}, headers=tokens["Anna"])).status == 404
    page = await site.ask("GET", "/api/reports?state=open&limit=1", headers=tokens["Root"])
    assert [one["id"] for one in page.json["items"]] == [made.json["report_id"]]
    for query in ("?state=closed", "?limit=0", "?cursor=!", "?x=1"):
        assert (await site.ask("GET", f"/api/reports{query}", headers=tokens["Root"])).status == 422
    resolve = f"/api/reports/{made.json['report_id']}/resolve"
    for body in ({"note": ""}, {"mute": 1}, {"x": 1}):
        assert (await site.ask("POST", resolve, body, headers=tokens["Root"])).status == 422
    assert (await site.ask("POST", resolve, None, headers=tokens["Anna"])).status == 403
    done = await site.ask("POST", resolve, None, headers=tokens["Root"])
    assert (done.status, done.json["state"]) == (200, "resolved")
    assert (await site.ask("GET", "/api/reports?state=open", headers=tokens["Root"])).json["items"] == []
