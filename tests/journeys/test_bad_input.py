"""Bad input, for every procedure: a clear error of the contract, the session lives on, nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_twisted
import treq
from autobahn.wamp.exception import ApplicationError
from sqlalchemy import func, select
from twisted.internet import reactor
from twisted.web.http_headers import Headers

from tests.journeys.people import PythonPerson, bare, planned_lesson, register
from tests.support.node import Node
from tests.support.wamp import PATIENCE_S, BareSession
from tutorwamp.app.migrate import metadata
from tutorwamp.chat.wamp import ChatDoor
from tutorwamp.kernel.component import served_by
from tutorwamp.kernel.contracts import cursor_from, new_id
from tutorwamp.kernel.database import make_engine
from tutorwamp.lessons.wamp import LessonsDoor

REFUSALS = {"tutorwamp.error.invalid", "tutorwamp.error.too_large"}
PROCEDURES = {served.procedure.uri for door in (ChatDoor, LessonsDoor) for served in served_by(door.__new__(door))}

INTEGERS = {"limit", "seq", "version"}
FLAGS = {"on"}
LISTS = {"student_ids"}

ILL_TYPED: list[Any] = [7, -1, 1.5, True, [], {}, [[]], {"a": 1}, [1], 2**70]
HOSTILE_TEXTS = [
    "",
    "\0abc",
    "\0",
    "a\0b",
    "e\u0301",  # not NFC
    "\x1b[31m",
    "x" * 5_000,
    "x" * 1_100_000,
]


def valid(lesson_id: str, student_id: str, message_id: str, version: int) -> dict[str, dict[str, Any]]:
    """For every procedure arguments that pass the check of their form."""
    times = {"starts_at": "2031-01-01T10:00:00Z", "ends_at": "2031-01-01T11:00:00Z"}
    here, there = {"lesson_id": lesson_id}, {"message_id": message_id}
    page = {"limit": 10, "cursor": "MTA"}
    return {
        "tutorwamp.lesson.create": {
            "title": "T", "subject": "S", "student_ids": [student_id], "client_id": "c", **times
        },
        "tutorwamp.lesson.get": here,
        "tutorwamp.lesson.list": {
            "state": "live", "starts_after": times["starts_at"], "starts_before": times["ends_at"], **page
        },
        "tutorwamp.lesson.update": {
            **here, "version": version, "title": "T", "subject": "S", "student_ids": [student_id], **times
        },
        "tutorwamp.lesson.cancel": {**here, "reason": "ill"},
        "tutorwamp.lesson.start": here,
        "tutorwamp.lesson.end": here,
        "tutorwamp.lesson.join": here,
        "tutorwamp.lesson.leave": here,
        "tutorwamp.chat.send": {**here, "body": "hi", "client_id": "c", "reply_to": message_id},
        "tutorwamp.chat.edit": {**there, "body": "hi"},
        "tutorwamp.chat.delete": there,
        "tutorwamp.chat.react": {**there, "emoji": "👍", "on": True},
        "tutorwamp.chat.history": {**here, **page},
        "tutorwamp.chat.search": {"query": "x", **here, **page},
        "tutorwamp.chat.mark_read": {**here, "seq": 1},
    }  # fmt: skip


def fits(name: str, value: Any) -> bool:
    """Whether a hostile value happens to be a legal one for this argument."""
    if name in FLAGS:
        return isinstance(value, bool)
    if name in INTEGERS:
        return type(value) is int and 1 <= value <= 100
    if name in {"title", "subject", "reason", "query", "body"}:
        # Long bodies are tried with a length above their limit; the shorter fields' limits are far below it.
        return name == "reason" and value == ""
    return False


def bad_variants(arguments: dict[str, Any], required: set[str]) -> Iterator[dict[str, Any]]:
    yield {**arguments, "unknown": 1}
    yield {**arguments, "\0unknown": 1}
    yield {**arguments, "details": {}, "self": 1, "request": 1, "args": [], "kwargs": {}}
    for name in required:
        yield {key: value for key, value in arguments.items() if key != name}
        yield {**arguments, name: None}
    for name in arguments:
        for value in [*ILL_TYPED, *HOSTILE_TEXTS]:
            if not fits(name, value):
                yield {**arguments, name: value}
    for name in LISTS & set(arguments):
        for text in HOSTILE_TEXTS:
            yield {**arguments, name: [text]}
        yield {**arguments, name: arguments[name] * 2}
        yield {**arguments, name: [new_id() for _ in range(31)]}


def rows(node: Node) -> dict[str, int]:
    """How many rows each table of the node's database has."""
    engine = make_engine(f"sqlite:///{node.data_dir / 'tutorwamp.sqlite3'}")
    with engine.connect() as connection:
        counted = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return counted


async def try_everything(session: BareSession, calls: dict[str, dict[str, Any]]) -> int:
    tried = 0
    models = {served.procedure.uri: served.procedure.arguments for door in (ChatDoor, LessonsDoor)
              for served in served_by(door.__new__(door))}  # fmt: skip
    for uri, arguments in calls.items():
        required = {name for name, field in models[uri].model_fields.items() if field.is_required()}
        for variant in bad_variants(arguments, required):
            with pytest.raises(ApplicationError) as refused:
                await session.ask(uri, **variant)
            shown = {name: repr(value)[:60] for name, value in variant.items()}
            assert refused.value.error in REFUSALS, (uri, shown, refused.value.error)
            assert refused.value.args == ()
            assert set(refused.value.kwargs) == {"message", "action", "details", "request_id"}
            assert refused.value.kwargs["action"] == "fix"
            if refused.value.error == "tutorwamp.error.invalid":
                assert all(set(fault) == {"loc", "msg"} for fault in refused.value.kwargs["details"])
            tried += 1
        with pytest.raises(ApplicationError) as refused:
            await session.ask_raw(uri, arguments, ["positional"])
        assert refused.value.error == "tutorwamp.error.invalid"
    return tried


@pytest_twisted.ensureDeferred
async def test_what_only_cbor_can_carry_is_refused_as_well(node: Node) -> None:
    email, _ = await register(node, "Tina", "tutor")
    session = await bare(node, email)
    lesson_id = new_id()
    histories: list[dict[str, Any]] = [
        {"lesson_id": b"bytes"},
        {"lesson_id": lesson_id, "limit": float("nan")},
        {"lesson_id": lesson_id, "limit": float("inf")},
        {"lesson_id": lesson_id, "cursor": datetime.now(UTC)},
        {"lesson_id": lesson_id, "cursor": [[[[[[[[[[]]]]]]]]]]},
    ]
    for arguments in histories:
        with pytest.raises(ApplicationError) as refused:
            await session.ask_raw("tutorwamp.chat.history", arguments)
        assert refused.value.error == "tutorwamp.error.invalid", arguments
    lists: list[dict[str, Any]] = [
        {"cursor": cursor_from(10**20, lesson_id)},
        {"cursor": cursor_from("x", lesson_id)},
        {"cursor": cursor_from(1)},
        {"state": b"live"},
        {"starts_after": "2026-W48-1T09:00:00Z"},
        {"starts_after": "2026-11-23T09:00:00"},
        {"starts_after": "2026-13-23T09:00:00Z"},
        {"starts_after": "0001-01-01T00:00:00+10:00"},
    ]
    for arguments in lists:
        with pytest.raises(ApplicationError) as refused:
            await session.ask_raw("tutorwamp.lesson.list", arguments)
        assert refused.value.error == "tutorwamp.error.invalid", arguments
    session.leave()
    await session.left


@pytest_twisted.ensureDeferred
async def test_deep_nesting_ends_its_own_connection_and_nothing_else(node: Node) -> None:
    email, _ = await register(node, "Tina", "tutor")
    bystander = await bare(node, email)
    depth = 100_000
    for nested in (b'[48, 1, {}, "tutorwamp.lesson.list", [], {"a": ' + b"[" * depth, b"[" * depth + b"]" * depth):
        session = await bare(node, email, "json")
        session.wire().sendMessage(nested, isBinary=False)
        await session.left.addTimeout(PATIENCE_S, reactor)
        assert (await bystander.ask("tutorwamp.lesson.list"))["items"] == []
    body = b'{"email": ' + b"[" * depth + b"]" * depth + b"}"
    headers = Headers({"content-type": ["application/json"]})
    answer = await treq.post(f"{node.url}/api/auth/login", data=body, headers=headers)
    assert (answer.code, (await answer.json())["type"]) == (400, "tutorwamp.error.malformed")
    assert (await bystander.ask("tutorwamp.lesson.list"))["items"] == []
    bystander.leave()
    await bystander.left


@pytest_twisted.ensureDeferred
async def test_a_hostile_event_of_a_member_disturbs_nobody(node: Node) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    student_email, student = await register(node, "Stan", "student")
    tutor = await PythonPerson.enter(node, tutor_email)
    lesson = await planned_lesson(tutor, student)
    await tutor.join(lesson["id"])
    typing = f"tutorwamp.lesson.{lesson['id']}.typing"
    session = await bare(node, student_email)
    await session.ask("tutorwamp.lesson.join", lesson_id=lesson["id"])
    hostile = {"self": 1, "fun": 2, "details": 3, "values": 4, "autobahns": 5}
    await session.publish_raw(typing, hostile)
    await tutor.heard_until(lambda: bool(tutor.heard[typing]))
    assert tutor.heard[typing] == [hostile]
    await tutor.call("tutorwamp.chat.send", lesson_id=lesson["id"], body="still here")
    session.leave()
    await session.left
    await tutor.close()


def test_every_procedure_is_tried() -> None:
    assert set(valid("", "", "", 1)) == PROCEDURES


@pytest.mark.parametrize("serializer", ["cbor", "json"])
@pytest_twisted.ensureDeferred
async def test_bad_input_is_refused_and_nothing_happens(node: Node, serializer: str) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    _, student = await register(node, "Stan", "student")
    session = await bare(node, tutor_email, serializer)

    class Tutor:
        @staticmethod
        async def call(uri: str, **arguments: Any) -> Any:
            return await session.ask(uri, **arguments)

    lesson = await planned_lesson(Tutor, student)
    message = await session.ask("tutorwamp.chat.send", lesson_id=lesson["id"], body="hello")
    before = rows(node)
    tried = await try_everything(session, valid(lesson["id"], student["id"], message["id"], lesson["version"]))
    assert tried >= 900
    assert rows(node) == before
    assert await session.ask("tutorwamp.lesson.get", lesson_id=lesson["id"]) == lesson
    session.leave()
    await session.left
