"""Every cell of the table, asked of a real node."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_twisted
import treq
from autobahn.wamp.exception import ApplicationError

from tests.authorization import table
from tests.authorization.table import NOBODIES, PEOPLE, PROCEDURES, ROUTES, TOPICS
from tests.notifications.push.devices import Browser
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import planned_lesson, ticket_of
from tests.support.refused import refused
from tests.support.wamp import BareSession, connect
from tutorwamp.app.offline import run_offline
from tutorwamp.app.settings import read_settings
from tutorwamp.client import Login
from tutorwamp.kernel.contracts import AuthRole, instant_text, new_id
from tutorwamp.reference.catalogue import catalogue

PAGE = Path(__file__).parents[2] / "docs" / "authorization.md"
REFUSED = {
    "tutorwamp.error.forbidden": "no",
    "tutorwamp.error.board.no_pen": "no",
    "tutorwamp.error.not_found": "none",
    "tutorwamp.error.unauthenticated": "who",
    "wamp.error.not_authorized": "deny",
}
COMES_OF_IT: Final = frozenset({"tutorwamp.error.lesson.state", "tutorwamp.error.conflict"})
"""What may come of it all the same where it is allowed. Anything else is shown as it is, and is in no cell."""
ENDS_LOGINS: Final = frozenset({"/api/auth/password", "/api/auth/logout-everywhere"})
"""Asked by people who have nothing else to do here."""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c636460f8cfc000000301010018dd"
    "8db00000000049454e44ae426082"
)


def test_the_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == table.page(), f"{PAGE.name} must be:\n{table.page()}"


def test_every_procedure_topic_and_route_has_its_row() -> None:
    found = catalogue()
    topics = {(action, uri) for uri in found.topics for action in ("subscribe", "publish", "subscribe by prefix")}
    routes = {(one.route.method, one.path) for one in found.routes if one.path.startswith("/api/")}
    for rows, wanted in ((PROCEDURES, set(found.procedures)), (TOPICS, topics), (ROUTES, routes)):
        missing = wanted - rows.keys()
        assert not missing, f"Say in tests/authorization/table.py who may do this: {sorted(missing)}"
    gone = [*(PROCEDURES.keys() - found.procedures), *(ROUTES.keys() - routes)]
    assert not gone, f"These are no longer there; take their rows out of tests/authorization/table.py: {gone}"


@dataclass
class Cast:
    """Everybody, and what they are asked about; a lesson of its own for each cell that may change it."""

    node: Node
    users: dict[str, dict[str, Any]]
    emails: dict[str, str]
    tokens: dict[str, str]
    sessions: dict[str, BareSession]
    notification_id: str = ""
    hours: int = 0

    async def lesson(self) -> dict[str, Any]:
        """A new lesson with a message, a poll and an invitation of its tutor's."""
        self.hours += 2
        begins = datetime.now(UTC) + timedelta(hours=self.hours)
        tutor = self.sessions["tutor of"]
        lesson = await planned_lesson(tutor.ask, self.users["student in"], begins=begins)
        said = await tutor.ask("tutorwamp.chat.send", lesson_id=lesson["id"], body="Good morning")
        asked = await tutor.ask("tutorwamp.poll.open", lesson_id=lesson["id"], question="Clear?", kind="text")
        invited = await tutor.ask("tutorwamp.lesson.invite", lesson_id=lesson["id"])
        return {**lesson, "message_id": said["id"], "poll_id": asked["id"], "code": invited["code"]}


@pytest_twisted.async_yield_fixture(scope="module")
async def cast(node: Node) -> AsyncIterator[Cast]:
    users, emails, tokens = {}, {}, {}
    for name in (*PEOPLE, "deactivated"):
        role = {"student": "student", "deactivated": "student", "admin": "admin"}.get(name.split()[0], "tutor")
        emails[name] = f"{new_id()}@school.example"
        users[name] = await _account(node, emails[name], name, role)
        tokens[name] = await ticket_of(node, emails[name])
    sessions = {name: await connect(node, tokens[name]) for name in PEOPLE}
    run_offline(_settings(node), lambda machine: machine.accounts.deactivate(emails["deactivated"]))
    made = Cast(node, users, emails, tokens, sessions)
    lesson = await made.lesson()
    student = sessions["student in"]
    await student.hear(f"tutorwamp.user.{users['student in']['id']}.notifications")
    if not (await student.ask("tutorwamp.notification.list"))["items"]:
        await student.heard_at_least(1)
    made.notification_id = (await student.ask("tutorwamp.notification.list"))["items"][0]["id"]
    assert lesson
    yield made
    for session in sessions.values():
        session.leave()


def _settings(node: Node) -> Any:
    return read_settings({name: text for name, text in node.env().items() if name.startswith("TUTORWAMP_")})


async def _account(node: Node, email: str, name: str, role: str) -> dict[str, Any]:
    if role != "admin":
        return await Login(node.url).register(email, PASSWORD, name=name.title(), role=role)
    user = run_offline(
        _settings(node), lambda machine: machine.accounts.add_user(email, PASSWORD, "Admin", AuthRole.ADMIN)
    )
    return user.plain()


ABOUT: Final = {"lesson_id": "id", "message_id": "message_id", "poll_id": "poll_id"}
"""What a call may be about, and where its id stands in the cast's lesson."""


def arguments(cast: Cast, uri: str, lesson: dict[str, Any]) -> dict[str, Any]:
    begins = datetime.now(UTC) + timedelta(days=300, hours=cast.hours)
    here, there, poll = ({name: lesson[of]} for name, of in ABOUT.items())
    special: dict[str, dict[str, Any]] = {
        "tutorwamp.lesson.create": {
            "title": "T",
            "student_ids": [cast.users["student in"]["id"]],
            "starts_at": instant_text(begins),
            "ends_at": instant_text(begins + timedelta(hours=1)),
        },
        "tutorwamp.lesson.list": {},
        "tutorwamp.lesson.update": {**here, "version": lesson["version"], "title": "Halves"},
        "tutorwamp.lesson.set_pen": {**here, "student_ids": []},
        "tutorwamp.lesson.raise_hand": {**here, "up": True},
        "tutorwamp.lesson.set_timer": {**here, "ends_at": None},
        "tutorwamp.lesson.accept": {"code": lesson["code"]},
        "tutorwamp.lesson.lead": {**here, "view": None},
        "tutorwamp.chat.send": {**here, "body": "hi"},
        "tutorwamp.chat.edit": {**there, "body": "hi"},
        "tutorwamp.chat.delete": there,
        "tutorwamp.chat.react": {**there, "emoji": "👍", "on": True},
        "tutorwamp.chat.search": {**here, "query": "x"},
        "tutorwamp.chat.report": {**there, "reason": "R"},
        "tutorwamp.chat.mark_read": {**here, "seq": 1},
        "tutorwamp.board.at": {**here, "seq": 0},
        "tutorwamp.board.export": {**here, "format": "svg"},
        "tutorwamp.board.submit": {**here, "changes": [{"op": "delete", "id": new_id(), "version": 1}]},
        "tutorwamp.board.import": {**here, "scene": {"type": "excalidraw", "elements": []}},
        "tutorwamp.board.copy": {**here, "from_lesson_id": lesson["id"]},
        "tutorwamp.board.remove_page": {**here, "page": lesson["id"]},
        "tutorwamp.poll.open": {**here, "question": "Why?", "kind": "text"},
        "tutorwamp.poll.answer": {**poll, "text": "So"},
        "tutorwamp.poll.close": poll,
        "tutorwamp.poll.answers": poll,
        "tutorwamp.notification.mark_read": {"notification_ids": [cast.notification_id]},
        "tutorwamp.notification.set_preferences": {"preferences": {}},
        "tutorwamp.session.resume": {"positions": {}},
    }
    if uri in special:
        return special[uri]
    return {} if uri.startswith(("tutorwamp.session", "tutorwamp.notification")) else here


async def told(doing: Any) -> str:
    """What somebody is told, as the table has it."""
    try:
        await doing
    except ApplicationError as error:
        # This node has no media server, and says so to whoever may ask.
        return "yes" if error.kwargs.get("message") == "This server has no media." else cell(error.error)
    return "yes"


def cell(uri: str) -> str:
    """An error as the table has it."""
    return "yes" if uri in COMES_OF_IT else REFUSED.get(uri, uri)


@pytest.mark.parametrize("uri", PROCEDURES)
async def test_procedures(cast: Cast, uri: str) -> None:
    seen = []
    for name in PEOPLE:
        lesson = await cast.lesson()
        seen.append(await told(cast.sessions[name].ask_raw(uri, arguments(cast, uri, lesson))))
    assert tuple(seen) == PROCEDURES[uri]


async def test_nobodies_cannot_connect(cast: Cast) -> None:
    for ticket in ("", "x", cast.tokens["deactivated"]):
        await refused("tutorwamp.error.unauthenticated", connect(cast.node, ticket))


@pytest.mark.parametrize(("action", "uri"), TOPICS)
async def test_topics(cast: Cast, action: str, uri: str) -> None:
    lesson = await cast.lesson()
    topic = uri.format(lesson_id=lesson["id"], user_id=cast.users["student in"]["id"])
    seen = []
    for name in PEOPLE:
        session = await connect(cast.node, cast.tokens[name])
        if "before joining" not in action:
            await told(session.ask("tutorwamp.lesson.join", lesson_id=lesson["id"]))
        if action == "publish":
            said = {"page": lesson["id"], "x": 1, "y": 1} if uri.endswith(".cursor") else {"typing": True}
            seen.append(await told(session.publish_raw(topic, said)))
        else:
            how: Any = action.rpartition("by ")[2] if " by " in action else None
            seen.append(await told(session.hear(topic, how)))
        session.leave()
    assert tuple(seen) == TOPICS[action, uri]


def body(cast: Cast, method: str, path: str, lesson: dict[str, Any], name: str) -> Any:
    given: dict[tuple[str, str], Any] = {
        ("POST", "/api/auth/register"): {
            "email": f"{new_id()}@x.example", "password": PASSWORD, "name": "N", "role": "student"
        },
        ("POST", "/api/auth/login"): {"email": cast.emails.get(name, cast.emails["admin"]), "password": PASSWORD},
        ("POST", "/api/auth/refresh"): {"refresh_token": "unknown"},
        ("POST", "/api/auth/logout"): {"refresh_token": "unknown"},
        ("PATCH", "/api/auth/me"): {"name": "N"},
        ("POST", "/api/auth/password"): {"current_password": PASSWORD, "password": "a battery staple"},
        ("POST", "/api/auth/password/forgot"): {"email": f"{new_id()}@x.example"},
        ("POST", "/api/auth/password/reset"): {"token": "unknown", "password": "a battery staple"},
        ("POST", "/api/auth/email/confirm"): {"token": "unknown"},
        ("POST", "/api/lessons"): arguments(cast, "tutorwamp.lesson.create", lesson),
        ("PATCH", "/api/lessons/{lesson_id}"): {"version": lesson["version"], "title": "Halves"},
        ("POST", "/api/lessons/accept"): {"code": lesson["code"]},
        ("POST", "/api/lessons/{lesson_id}/messages"): {"body": "hi"},
        ("POST", "/api/lessons/{lesson_id}/rules"): {"chat": "tutors"},
        ("POST", "/api/lessons/{lesson_id}/hand"): {"up": True},
        ("POST", "/api/lessons/{lesson_id}/timer"): {"ends_at": None},
        ("PATCH", "/api/lessons/{lesson_id}/messages/{message_id}"): {"body": "hi"},
        ("POST", "/api/lessons/{lesson_id}/polls"): {"question": "Why?", "kind": "text"},
        ("POST", "/api/lessons/{lesson_id}/polls/{poll_id}/answer"): {"text": "So"},
        ("POST", "/api/lessons/{lesson_id}/messages/{message_id}/report"): {"reason": "R"},
        ("POST", "/api/reports/{report_id}/resolve"): {"note": "N"},
        ("POST", "/api/lessons/{lesson_id}/board/import"): {"type": "excalidraw", "elements": []},
        ("POST", "/api/lessons/{lesson_id}/board/copy"): {"from_lesson_id": lesson["id"]},
        ("PATCH", "/api/notifications/preferences"): {"preferences": {}},
        ("DELETE", "/api/push/subscriptions"): {"endpoint": "https://push.example/1"},
        ("POST", "/api/push/subscriptions"): {
            "endpoint": "https://push.example/1",
            "keys": Browser().keys.model_dump(),
        },
    }  # fmt: skip
    return given.get((method, path))


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_routes(cast: Cast, method: str, path: str) -> None:
    seen = []
    for name in (*PEOPLE, *NOBODIES):
        lesson = await cast.lesson()
        picture = await _picture(cast, lesson) if "picture_id" in path else ""
        file = await _file(cast, lesson) if "file_id" in path else ""
        where = path.format(
            lesson_id=lesson["id"],
            message_id=lesson["message_id"],
            poll_id=lesson["poll_id"],
            notification_id=cast.notification_id,
            picture_id=picture,
            file_id=file,
            report_id=await _report(cast, lesson) if "report_id" in path else "",
        )
        queries = {"/export": "?format=svg", "/files": "?name=notes.txt", "/import": f"?page={lesson['id']}"}
        query = queries.get(f"/{path.rpartition('/')[2]}", "")
        token = await _leaving(cast, name) if path in ENDS_LOGINS and name in PEOPLE else cast.tokens.get(name)
        headers: dict[bytes | str, bytes | str] = {"authorization": f"Bearer {token}"} if token is not None else {}
        value: Any = body(cast, method, path, lesson, name)
        raw = json.dumps(value).encode() if value is not None else None
        if path.endswith(("/board/pictures", "/files")):
            raw, headers = PNG, {**headers, "content-type": "image/png"}
        elif raw is not None:
            headers = {**headers, "content-type": "application/json"}
        answer = await treq.request(method, cast.node.url + where + query, headers=headers, data=raw, timeout=30)
        content = await answer.content()
        seen.append(_read(answer.code, content, path))
    assert tuple(seen) == ROUTES[method, path]


async def _leaving(cast: Cast, name: str) -> str:
    """The token of another such person, who may be thrown out."""
    email = f"{new_id()}@school.example"
    await _account(cast.node, email, name, {"admin": "admin"}.get(name, "student" if "student" in name else "tutor"))
    return await ticket_of(cast.node, email)


async def _file(cast: Cast, lesson: dict[str, Any]) -> str:
    """A file of a message of the tutor's."""
    headers: dict[bytes | str, bytes | str] = {"authorization": f"Bearer {cast.tokens['tutor of']}"}
    url = f"{cast.node.url}/api/lessons/{lesson['id']}/files?name=notes.txt"
    kept = await (await treq.post(url, data=PNG, headers=headers)).json()
    here = {"lesson_id": lesson["id"], "body": ""}
    await cast.sessions["tutor of"].ask("tutorwamp.chat.send", **here, file_ids=[kept["id"]])
    return str(kept["id"])


async def _report(cast: Cast, lesson: dict[str, Any]) -> str:
    asked = {"message_id": lesson["message_id"], "reason": "R"}
    kept = await cast.sessions["tutor of"].ask("tutorwamp.chat.report", **asked)
    return str(kept["report_id"])


async def _picture(cast: Cast, lesson: dict[str, Any]) -> str:
    headers: dict[bytes | str, bytes | str] = {
        "authorization": f"Bearer {cast.tokens['tutor of']}",
        "content-type": "image/png",
    }
    url = f"{cast.node.url}/api/lessons/{lesson['id']}/board/pictures"
    kept = await (await treq.post(url, data=PNG, headers=headers)).json()
    return str(kept["id"])


def _read(status: int, content: bytes, path: str) -> str:
    if status < 400:
        return "yes"
    problem = json.loads(content)
    # This node has no Web Push, and says so to whoever may ask.
    without_push = path.startswith("/api/push/") and problem["detail"] == "This server sends no Web Push."
    return "yes" if without_push else cell(problem["type"])


def test_how_many_cells_there_are() -> None:
    print(f"\n{table.cells()} cells")  # noqa: T201  # for whoever looks with -s
    assert table.cells() > 600
