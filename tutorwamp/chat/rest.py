"""Chat over REST: ``/api/lessons/<id>/messages…``."""

from __future__ import annotations

from typing import Final

from tutorwamp.chat import contracts
from tutorwamp.chat.contracts import CHANGED, DeleteMessage, EditMessage, Message
from tutorwamp.chat.reports.contracts import ListReports, Report, Reported, ReportMessage, ResolveReport
from tutorwamp.chat.reports.service import ReportsService
from tutorwamp.chat.service import ChatService
from tutorwamp.kernel.contracts import Caller, Page
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.edges.resource import Request, Route, forward
from tutorwamp.kernel.log.audit import Origin
from tutorwamp.lessons.contracts import OneLesson

MESSAGES: Final = "/api/lessons/<lesson_id>/messages"
MESSAGE: Final = f"{MESSAGES}/<message_id>"


async def _edit(chat: ChatService, caller: Caller, request: Request, lesson_id: str, message_id: str) -> Message:
    """Mend one's own words."""
    asked = request.body(EditMessage, message_id=message_id)
    return await chat.edit_message(caller, asked, lesson_id=_lesson_id(lesson_id))


async def _delete(chat: ChatService, caller: Caller, request: Request, lesson_id: str, message_id: str) -> Message:
    """Take a message away; the answer is what stays of it."""
    asked = request.body_if_any(DeleteMessage, message_id=message_id)
    return await chat.delete_message(caller, asked, lesson_id=_lesson_id(lesson_id))


def _lesson_id(text: str) -> str:
    return check(OneLesson, {"lesson_id": text}).lesson_id


async def _report(reports: ReportsService, caller: Caller, request: Request, **path: str) -> Reported:
    """Tell the admins of a message: 201."""
    asked = request.body(ReportMessage, message_id=path["message_id"])
    return await reports.report(caller, asked, lesson_id=_lesson_id(path["lesson_id"]))


async def _resolve(reports: ReportsService, caller: Caller, request: Request, report_id: str) -> Report:
    """Be done with a report; the author may be muted in that lesson, or their account closed."""
    asked = request.body_if_any(ResolveReport, report_id=report_id)
    return await reports.resolve(caller, asked, Origin(request.address, request.call.request_id))


REPORTS_ROUTES: Final = (
    Route("POST", f"{MESSAGE}/report", _report, asks=ReportMessage, gives=Reported, status=201),
    Route(
        "GET",
        "/api/reports",
        ReportsService.list_reports,
        read=Request.query,
        asks=ListReports,
        gives=Page[Report],
        meaning="What was reported, newest first.",
    ),
    Route("POST", "/api/reports/<report_id>/resolve", _resolve, asks=ResolveReport, gives=Report),
)

CHAT_ROUTES: Final = (
    forward("GET", MESSAGES, contracts.HISTORY, ChatService.history, "A lesson's messages, newest first."),
    forward(
        "POST",
        MESSAGES,
        contracts.SEND,
        ChatService.send_message,
        "Say something: 201 and the message.",
        read=Request.creation,
        status=201,
    ),
    # Procedures know a message by its id alone; a path names its lesson as well.
    Route("PATCH", MESSAGE, _edit, asks=EditMessage, gives=Message, line=CHANGED.line),
    Route("DELETE", MESSAGE, _delete, asks=DeleteMessage, gives=Message, line=CHANGED.line),
)
