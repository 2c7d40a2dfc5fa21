"""Bad input, for every procedure: a clear error of the contract, the session lives on, nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator, Set
from datetime import UTC, datetime
from typing import Any

import pytest
import treq
from autobahn.wamp.exception import ApplicationError
from sqlalchemy import func, select
from twisted.internet import reactor
from twisted.web.http_headers import Headers

from tests.conftest import migrated_node
from tests.support.node import Node
from tests.support.people import PythonPerson, bare, planned_lesson, register
from tests.support.quiet import all_is_told
from tests.support.refused import refused
from tests.support.schema import metadata
from tests.support.wamp import PATIENCE_S, BareSession
from tutorwamp.board.wamp import BOARD_PROCEDURES, EXCHANGE_PROCEDURES
from tutorwamp.chat.wamp import CHAT_PROCEDURES
from tutorwamp.kernel.contracts import cursor_from, new_id
from tutorwamp.kernel.sql.database import make_engine
from tutorwamp.lessons.wamp import INVITES_PROCEDURES, LEAD_PROCEDURES, LESSONS_PROCEDURES, MEDIA_PROCEDURES

REFUSALS = {"tutorwamp.error.invalid", "tutorwamp.error.too_large"}
MODELS = {
    row.procedure.uri: row.procedure.arguments
    for table in (
        CHAT_PROCEDURES,
        LESSONS_PROCEDURES,
        INVITES_PROCEDURES,
        LEAD_PROCEDURES,
        MEDIA_PROCEDURES,
        BOARD_PROCEDURES,
        EXCHANGE_PROCEDURES,
    )
    for row in table
}

INTEGERS = {"limit", "seq", "version"}
NUMBERS = {"x", "y", "width", "height", "stroke_width", "size"}
FLAGS = {"on", "finished", "up"}
LISTS = {"student_ids", "pages", "muted"}
EMPTY_LISTS = {
    "tutorwamp.lesson.create",
    "tutorwamp.lesson.update",
    "tutorwamp.lesson.set_pen",
    "tutorwamp.lesson.set_rules",
    "tutorwamp.board.open",
}
"""Where a list may be empty: students who come by invitation, the pen for nobody, a board's pages without elements."""
NULL = {"tutorwamp.lesson.set_timer": {"ends_at"}, "tutorwamp.lesson.lead": {"view"}}
"""What has to be said, and may be null."""

ILL_TYPED: list[Any] = [7, -1, 1.5, True, [], {}, [[]], {"a": 1}, [1], 2**70]
UNSEEN = "\N{HANGUL FILLER}\N{ZERO WIDTH SPACE}"
HOSTILE_TEXTS = [
    "",
    "\0abc",
    "\0",
    "a\0b",
    "e\u0301",  # not NFC
    UNSEEN,
    "\x1b[31m",
    "x" * 5_000,
    "x" * 1_100_000,
]


def valid(lesson_id: str, student_id: str, message_id: str, version: int) -> dict[str, dict[str, Any]]:
    """For every procedure arguments that pass the check of their form."""
    times = {"starts_at": "2031-01-01T10:00:00Z", "ends_at": "2031-01-01T11:00:00Z"}
    here, there = {"lesson_id": lesson_id}, {"message_id": message_id}
    page, once = {"limit": 10, "cursor": "MTA"}, {"client_id": "c"}
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
        "tutorwamp.lesson.attendance": here,
        "tutorwamp.lesson.replay": {**here, "limit": 10},
        "tutorwamp.lesson.set_pen": {**here, "student_ids": [student_id]},
        "tutorwamp.lesson.set_rules": {**here, "chat": "tutors", "unattended": "closed", "muted": [student_id]},
        "tutorwamp.lesson.raise_hand": {**here, "up": False, "user_id": student_id},
        "tutorwamp.lesson.set_timer": {**here, "ends_at": times["ends_at"], "title": "T"},
        "tutorwamp.lesson.invite": {**here, "ttl_s": 60},
        "tutorwamp.lesson.lead": {**here, "view": {"page": lesson_id, "x": 0, "y": 0, "width": 1, "height": 1}},
        "tutorwamp.lesson.media": here,
        "tutorwamp.lesson.accept": {"code": "K7QD-93XM-4TFA"},
        "tutorwamp.chat.send": {**here, "body": "hi", "client_id": "c", "reply_to": message_id},
        "tutorwamp.chat.edit": {**there, "body": "hi"},
        "tutorwamp.chat.delete": there,
        "tutorwamp.chat.react": {**there, "emoji": "👍", "on": True},
        "tutorwamp.chat.history": {**here, **page},
        "tutorwamp.chat.search": {"query": "x", **here, **page},
        "tutorwamp.chat.mark_read": {**here, "seq": 1},
        "tutorwamp.board.open": {**here, "pages": [lesson_id]},
        "tutorwamp.board.submit": {**here, "changes": [{"op": "delete", "id": message_id, "version": 1}], **once},
        "tutorwamp.board.add_page": {**here, "page": message_id, **once},
        "tutorwamp.board.remove_page": {**here, "page": message_id, **once},
        "tutorwamp.board.clear": {**here, "page": message_id, **once},
        "tutorwamp.board.at": {**here, "seq": 1},
        "tutorwamp.board.export": {**here, "format": "svg", "page": message_id},
        "tutorwamp.board.import": {**here, "scene": {"type": "excalidraw", "elements": []}, "page": message_id, **once},
        "tutorwamp.board.copy": {**here, "from_lesson_id": lesson_id, "pages": [lesson_id], **once},
    }  # fmt: skip


UNNAMED: list[Any] = [
    {},
    {"op": "put"},
    {"op": "put", "element": {}},
    {"op": "put", "element": {"id": "x"}},
    {"op": "erase", "id": new_id(), "version": 1},
    {"op": ["delete"], "id": new_id(), "version": 1},
    {"op": {}, "id": new_id()},
    {"op": "delete", "id": 7, "version": 1},
    {"op": "append", "id": new_id().upper(), "version": 1, "points": [[0, 0]]},
]


def elements(page: str) -> list[dict[str, Any]]:
    """One of each kind, with everything it can have, as they may be drawn."""
    ends, box = [[0, 0], [1, 1]], {"x": 0, "y": 0, "width": 1, "height": 1}
    kinds: dict[str, dict[str, Any]] = {
        "stroke": {"points": [[0, 0, 0.5]], "width": 1, "finished": True},
        "line": {"points": ends, "width": 1},
        "arrow": {"points": ends, "width": 1},
        "rect": {**box, "stroke_width": 1, "fill": "#ffffff"},
        "ellipse": {**box, "stroke_width": 1, "fill": "#ffffff"},
        "text": {"x": 0, "y": 0, "text": "hi", "size": 12},
        "image": {**box, "asset_id": new_id()},
    }
    every = {"page": page, "color": "#000000", "opacity": 0.5}
    return [{"id": new_id(), "kind": kind, **every, **own} for kind, own in kinds.items()]


OPTIONAL = {"opacity", "finished", "stroke_width", "fill"}


def bad_changes(page: str) -> Iterator[dict[str, Any]]:
    """Changes that can be named, with something wrong in each."""
    stroke = {"id": new_id(), "version": 1}
    for change in ({"op": "append", **stroke, "points": [[0, 0]], "finished": True}, {"op": "delete", **stroke}):
        named = {name: value for name, value in change.items() if name not in ("op", "id")}
        yield from ({"op": change["op"], "id": change["id"], **bad} for bad in bad_values(named))
    for element in elements(page):
        named = {name: value for name, value in element.items() if name != "id"}
        yield from ({"op": "put", "element": {"id": element["id"], **bad}} for bad in bad_values(named))


def bad_values(good: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {**good, "unknown": 1}
    yield {**good, "\0": 1}
    for name in good:
        if name not in OPTIONAL:
            yield {key: value for key, value in good.items() if key != name}
        for value in [*ILL_TYPED, *HOSTILE_TEXTS[:-1]]:
            if not fits(name, value):
                yield {**good, name: value}


def fits(name: str, value: Any) -> bool:
    """Whether a hostile value happens to be a legal one for this argument."""
    if name in FLAGS:
        return isinstance(value, bool)
    if name in INTEGERS:
        return type(value) is int and 1 <= value <= 100
    if name in NUMBERS:
        return type(value) in (int, float) and abs(value) < 100
    if name in {"client_id", "text"}:  # a client_id is shown to nobody
        return bool(value == (UNSEEN if name == "client_id" else "x" * 5_000))
    if name in {"title", "subject", "reason", "query", "body"}:
        # Long bodies are tried with a length above their limit; the shorter fields' limits are far below it.
        return name == "reason" and value == ""
    return False


def bad_variants(
    arguments: dict[str, Any], required: set[str], *, empty: bool, null: Set[str]
) -> Iterator[dict[str, Any]]:
    """``empty``: a list may be so; ``null``: what of the required may be so."""
    yield {**arguments, "unknown": 1}
    yield {**arguments, "\0unknown": 1}
    yield {**arguments, "details": {}, "self": 1, "request": 1, "args": [], "kwargs": {}}
    for name in required:
        yield {key: value for key, value in arguments.items() if key != name}
    for name in required - null:
        yield {**arguments, name: None}
    for name in arguments:
        for value in [*ILL_TYPED, *HOSTILE_TEXTS]:
            if not (fits(name, value) or (empty and name in LISTS and value == [])):
                yield {**arguments, name: value}
    for change in UNNAMED if "changes" in arguments else ():
        yield {**arguments, "changes": [*arguments["changes"], change]}
        yield {**arguments, "changes": arguments["changes"] * 201}
    for name in LISTS & set(arguments):
        for text in HOSTILE_TEXTS:
            yield {**arguments, name: [text]}
        yield {**arguments, name: arguments[name] * 2}
        yield {**arguments, name: [new_id() for _ in range(41)]}


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
    for uri, arguments in calls.items():
        required = {name for name, field in MODELS[uri].model_fields.items() if field.is_required()}
        for variant in bad_variants(arguments, required, empty=uri in EMPTY_LISTS, null=NULL.get(uri, set())):
            error = await refused(ApplicationError, session.ask(uri, **variant))
            shown = {name: repr(value)[:60] for name, value in variant.items()}
            assert error.error in REFUSALS, (uri, shown, error.error)
            assert error.args == ()
            assert set(error.kwargs) == {"message", "action", "details", "request_id"}
            assert error.kwargs["action"] == "fix"
            if error.error == "tutorwamp.error.invalid":
                assert all(set(fault) == {"loc", "msg"} for fault in error.kwargs["details"])
            tried += 1
        await refused("tutorwamp.error.invalid", session.ask_raw(uri, arguments, ["positional"]))
    return tried


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
        await refused("tutorwamp.error.invalid", session.ask_raw("tutorwamp.chat.history", arguments))
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
        await refused("tutorwamp.error.invalid", session.ask_raw("tutorwamp.lesson.list", arguments))
    session.leave()
    await session.left


async def test_deep_nesting_ends_its_own_connection_and_nothing_else(node: Node) -> None:
    email, _ = await register(node, "Tina", "tutor")
    bystander = await bare(node, email)
    depth = 100_000
    for nested in (b'[48, 1, {}, "tutorwamp.lesson.list", [], {"a": ' + b"[" * depth, b"[" * depth + b"]" * depth):
        session = await bare(node, email, "json")
        session.wire().sendMessage(nested, isBinary=False)
        await session.left.addTimeout(PATIENCE_S, reactor)
        assert (await bystander.ask("tutorwamp.lesson.list"))["items"] == []
    headers = Headers({"content-type": ["application/json"]})
    for deep, told in ((8_000, (400, "tutorwamp.error.malformed")), (depth, (413, "tutorwamp.error.too_large"))):
        body = b'{"email": ' + b"[" * deep + b"]" * deep + b"}"
        answer = await treq.post(f"{node.url}/api/auth/login", data=body, headers=headers)
        assert (answer.code, (await answer.json())["type"]) == told
    assert (await bystander.ask("tutorwamp.lesson.list"))["items"] == []
    bystander.leave()
    await bystander.left


async def test_a_hostile_event_of_a_member_disturbs_nobody(node: Node) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    student_email, student = await register(node, "Stan", "student")
    tutor = await PythonPerson.enter(node, tutor_email)
    lesson = await planned_lesson(tutor.call, student)
    await tutor.join(lesson["id"])
    typing = f"tutorwamp.lesson.{lesson['id']}.typing"
    session = await bare(node, student_email)
    await session.ask("tutorwamp.lesson.join", lesson_id=lesson["id"])
    hostile = {"self": 1, "fun": 2, "details": 3, "values": 4, "autobahns": 5}
    await refused("tutorwamp.error.invalid", session.publish_raw(typing, hostile))
    await session.publish_raw(typing, {"typing": True})
    await tutor.heard_until(lambda: bool(tutor.heard[typing]))
    assert tutor.heard[typing] == [{"typing": True}]
    await tutor.call("tutorwamp.chat.send", lesson_id=lesson["id"], body="still here")
    session.leave()
    await session.left
    await tutor.close()


def test_every_procedure_is_tried() -> None:
    assert valid("", "", "", 1).keys() == MODELS.keys()


@pytest.fixture(scope="module")
def patient_node() -> Iterator[Node]:
    """A node that does not count: who tries everything asks more than any person."""
    made = migrated_node(env={"TUTORWAMP_RATE_LIMITS": "off"})
    with made.running():
        yield made


@pytest.mark.parametrize("serializer", ["cbor", "json"])
async def test_bad_input_is_refused_and_nothing_happens(patient_node: Node, serializer: str) -> None:
    node = patient_node
    tutor_email, _ = await register(node, "Tina", "tutor")
    _, student = await register(node, "Stan", "student")
    session = await bare(node, tutor_email, serializer)
    lesson = await planned_lesson(session.ask, student)
    message = await session.ask("tutorwamp.chat.send", lesson_id=lesson["id"], body="hello")
    board = await drawn_on(session, lesson["id"])
    await all_is_told(f"sqlite:///{node.data_dir / 'tutorwamp.sqlite3'}")
    before = rows(node)
    tried = await try_everything(session, valid(lesson["id"], student["id"], message["id"], lesson["version"]))
    assert tried >= 1_400
    assert rows(node) == before
    await try_all_changes(session, lesson["id"])
    after = rows(node)
    assert after.pop("board_answers") > before.pop("board_answers")  # an answer is kept, whatever it says
    assert after == before
    assert await session.ask("tutorwamp.lesson.get", lesson_id=lesson["id"]) == lesson
    assert await session.ask("tutorwamp.board.open", lesson_id=lesson["id"]) == board
    session.leave()
    await session.left


async def drawn_on(session: BareSession, lesson_id: str) -> Any:
    """The board with one of everything but a picture; so the good ones of ``elements`` are good indeed."""
    drawn = [one for one in elements(lesson_id) if one["kind"] != "image"]
    changes = [{"op": "put", "element": element} for element in drawn]
    answer = await session.ask("tutorwamp.board.submit", lesson_id=lesson_id, changes=changes)
    assert answer["applied"] == [element["id"] for element in drawn]
    return await session.ask("tutorwamp.board.open", lesson_id=lesson_id)


async def try_all_changes(session: BareSession, lesson_id: str) -> None:
    """B14: a change that can be named is rejected by itself, inside an answer."""
    changes = list(bad_changes(lesson_id))
    assert len(changes) >= 700
    for first in range(0, len(changes), 100):
        part = changes[first : first + 100]
        answer = await session.ask("tutorwamp.board.submit", lesson_id=lesson_id, changes=part)
        assert answer["applied"] == []
        for change, rejected in zip(part, answer["rejected"], strict=True):
            assert set(rejected) == {"id", "error", "message", "details", "element"}
            assert rejected["id"] == (change["element"] if change["op"] == "put" else change)["id"]
            assert rejected["error"] in REFUSALS, (repr(change)[:300], rejected)
            assert rejected["element"] is None
            assert len(repr(rejected)) < 1_000
