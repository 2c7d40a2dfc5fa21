"""The WAMP door of the board: what it serves, what it publishes, and how it is on a real node."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from autobahn.wamp.exception import ApplicationError
from cbor2 import CBORTag
from twisted.internet.defer import Deferred, DeferredList, gatherResults

from tests.board.easel import Easel, append, delete, put
from tests.support.doors import Paper, names_of, try_all
from tests.support.machine import Stage
from tests.support.node import Node
from tests.support.people import bare, planned_lesson, register
from tests.support.refused import refused
from tests.support.wamp import BareSession
from tutorwamp.board import contracts
from tutorwamp.board.contracts import BoardChanged
from tutorwamp.board.rules import Replayed
from tutorwamp.board.wamp import BOARD_PROCEDURES, EXCHANGE_PROCEDURES, publish_board
from tutorwamp.kernel.contracts import Value, new_id
from tutorwamp.kernel.edges.component import served_by

CONTRACT = {
    "tutorwamp.board.open": contracts.OpenBoard,
    "tutorwamp.board.submit": contracts.SubmitChanges,
    "tutorwamp.board.add_page": contracts.AddPage,
    "tutorwamp.board.remove_page": contracts.RemovePage,
    "tutorwamp.board.clear": contracts.ClearBoard,
    "tutorwamp.board.at": contracts.BoardAt,
    "tutorwamp.board.export": contracts.ExportBoard,
    "tutorwamp.board.import": contracts.ImportScene,
    "tutorwamp.board.copy": contracts.CopyBoard,
}
"""The public contract's names, spelled out: they are fixed."""


def test_the_door_serves_the_contracts_names() -> None:
    assert names_of((*BOARD_PROCEDURES, *EXCHANGE_PROCEDURES)) == CONTRACT


async def test_every_procedure_answers_and_every_change_goes_out_on_the_board_topic(stage: Stage) -> None:
    paper, heard = Paper(), stage.events(BoardChanged)
    publish_board(stage.machine.events, paper)
    easel, page = await Easel.meets(stage), new_id()
    here = {"lesson_id": easel.lesson.id}
    steps: dict[str, Value] = {
        "open": contracts.OpenBoard(lesson_id=here["lesson_id"]),
        "submit": contracts.SubmitChanges(**here, changes=[put(easel.rect()), delete(easel.rect(), 1)]),
        "add_page": contracts.AddPage(**here, page=page),
        "remove_page": contracts.RemovePage(**here, page=page),
        "clear": contracts.ClearBoard(**here),
        "at": contracts.BoardAt(**here, seq=1),
        "export": contracts.ExportBoard(**here, format="svg"),
        "import": contracts.ImportScene(**here, scene={"type": "excalidraw", "elements": []}),
    }
    board, exchange = stage.machine.board, stage.machine.exchange
    served = [*served_by(board, BOARD_PROCEDURES), *served_by(exchange, EXCHANGE_PROCEDURES)]
    answers = await try_all(served[:-1], easel.anna, steps)
    asked = contracts.CopyBoard(lesson_id=easel.lesson.id, from_lesson_id=easel.lesson.id)
    answers |= await try_all(served[-1:], easel.tutor, {"copy": asked})
    assert {name: type(one).model_validate(one.plain()) for name, one in answers.items()} == answers
    topic = f"tutorwamp.lesson.{easel.lesson.id}.board"
    assert paper.published == [(topic, one.event.plain()) for one in heard]
    assert [event["type"] for _, event in paper.published] == [
        "board.changed",
        "page.added",
        "page.removed",
        "board.cleared",
        "page.added",
    ]


# on a node


class Class:
    """A tutor and two students with a lesson on a node; the first student has the pen, the second has not joined."""

    def __init__(self, lesson: dict[str, Any], *sessions: BareSession) -> None:
        self.lesson = lesson
        self.tutor, self.anna, self.ben = sessions
        self.topic = f"tutorwamp.lesson.{lesson['id']}.board"

    @classmethod
    async def meets(cls, node: Node, *serializers: str) -> Class:
        people = [
            await register(node, name, role) for name, role in (("T", "tutor"), ("A", "student"), ("B", "student"))
        ]
        sessions = [await bare(node, email, one) for (email, _), one in zip(people, serializers, strict=True)]
        lesson = await planned_lesson(sessions[0].ask, *(user for _, user in people[1:]))
        given = await sessions[0].ask(
            "tutorwamp.lesson.set_pen", lesson_id=lesson["id"], student_ids=[people[1][1]["id"]]
        )
        made = cls(given, *sessions)
        for session in sessions[:2]:
            await session.ask("tutorwamp.lesson.join", lesson_id=lesson["id"])
            await session.hear(made.topic)
        return made

    def element(self, kind: str = "rect", **more: Any) -> dict[str, Any]:
        form = {"points": [[0.5, 0]], "width": 1} if kind == "stroke" else {"x": 0, "y": 0, "width": 1, "height": 1}
        return {"id": new_id(), "page": self.lesson["id"], "kind": kind, "color": "#000000", **form, **more}

    async def ask(self, who: BareSession, verb: str, **arguments: Any) -> Any:
        return await who.ask(f"tutorwamp.board.{verb}", lesson_id=self.lesson["id"], **arguments)

    async def leave(self) -> None:
        for session in (self.tutor, self.anna, self.ben):
            session.leave()
            await session.left


def asking(attempt: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(attempt)


@pytest.mark.parametrize(
    "serializers", [("cbor", "json", "msgpack"), ("msgpack", "cbor", "json"), ("json", "msgpack", "cbor")]
)
async def test_B15_B18_two_draw_and_both_hear_the_same_in_the_same_order(
    node: Node, serializers: tuple[str, str, str]
) -> None:
    at = await Class.meets(node, *serializers)
    hers, his = at.element("stroke"), at.element(fill="#ffffff")
    drawing = [
        asking(at.ask(at.anna, "submit", changes=[put(hers)])),
        asking(at.ask(at.tutor, "submit", changes=[put(his)])),
    ]
    for version in range(1, 40):
        drawing.append(asking(at.ask(at.anna, "submit", changes=[append(hers, version, [version, 0.5, 0.25])])))
        drawing.append(asking(at.ask(at.tutor, "submit", changes=[put({**his, "x": version}, version)])))
    answers = await gatherResults(drawing)
    assert [answer["rejected"] for answer in answers] == [[]] * 80
    await at.ask(at.anna, "add_page")
    opened = await at.ask(at.ben, "open")
    for session in (at.tutor, at.anna):
        await session.heard_at_least(opened["head"])
        assert [event["seq"] for _, event in session.heard] == list(range(1, opened["head"] + 1))
    assert at.tutor.heard == at.anna.heard
    assert opened["head"] < 42, "what comes together leaves together"
    assert {answer["seq"] for answer in answers} == set(range(1, opened["head"]))
    follower = Replayed([at.lesson["id"]], {})
    for _, event in at.anna.heard:
        follower.take(event["type"], event["at"], event["data"])
    assert follower.plain(opened["head"]) == opened == await at.ask(at.ben, "at", seq=opened["head"])
    assert [element["version"] for element in opened["elements"]] == [40, 40]
    await at.leave()


async def test_B9_B23_who_did_not_join_hears_nothing_and_strangers_know_nothing(node: Node) -> None:
    at = await Class.meets(node, "cbor", "cbor", "json")
    email, _ = await register(node, "Stranger", "tutor")
    stranger = await bare(node, email)
    for session in (at.ben, stranger):
        await refused("wamp.error.not_authorized", session.hear(at.topic))
    for session in (at.anna, at.tutor):
        await refused("wamp.error.not_authorized", session.publish_raw(at.topic, {"type": "board.cleared"}))
    for verb, more in (("open", {}), ("submit", {"changes": [put(at.element())]}), ("clear", {}), ("at", {"seq": 0})):
        await refused("tutorwamp.error.not_found", at.ask(stranger, verb, **more))
    answer = await at.ask(at.ben, "submit", changes=[put(at.element())])
    assert [one["error"] for one in answer["rejected"]] == ["tutorwamp.error.board.no_pen"]
    await refused("tutorwamp.error.board.no_pen", at.ask(at.ben, "clear"))
    assert (await at.ask(at.ben, "open"))["head"] == 0
    stranger.leave()
    await stranger.left
    await at.leave()


async def test_B40_B41_what_the_tutor_locked_stays_and_comes_along_in_a_copy(node: Node) -> None:
    at = await Class.meets(node, "json", "cbor", "json")
    sheet = at.element(locked=True)
    assert (await at.ask(at.tutor, "submit", changes=[put(sheet)]))["applied"] == [sheet["id"]]
    for change in (put({**sheet, "version": 1}), delete(sheet, 1), put(at.element(locked=True))):
        (rejected,) = (await at.ask(at.anna, "submit", changes=[change]))["rejected"]
        assert rejected["error"] == "tutorwamp.error.board.locked"
    await refused("tutorwamp.error.board.locked", at.ask(at.anna, "clear"))
    begins = datetime.now(UTC) + timedelta(days=1)
    other = await planned_lesson(at.tutor.ask, begins=begins, student_ids=[at.lesson["students"][0]["id"]])
    wanted = {"lesson_id": other["id"], "from_lesson_id": at.lesson["id"], "client_id": "once"}
    await refused("tutorwamp.error.forbidden", at.anna.ask("tutorwamp.board.copy", **wanted))
    await refused("tutorwamp.error.not_found", at.ben.ask("tutorwamp.board.copy", **wanted))
    brought = await at.tutor.ask("tutorwamp.board.copy", **wanted)
    assert await at.tutor.ask("tutorwamp.board.copy", **wanted) == brought
    opened = await at.tutor.ask("tutorwamp.board.open", lesson_id=other["id"])
    assert opened["pages"] == [{"id": other["id"]}, *brought["pages"]]
    assert [(one["locked"], one["page"]) for one in opened["elements"]] == [(True, brought["pages"][0]["id"])]
    await at.leave()


async def test_B28_a_file_comes_as_bytes_in_every_serializer(node: Node) -> None:
    at = await Class.meets(node, "cbor", "json", "msgpack")
    await at.ask(at.anna, "submit", changes=[put(at.element())])
    files = [await at.ask(session, "export", format="svg") for session in (at.tutor, at.anna, at.ben)]
    assert files[0] == files[1] == files[2]
    assert files[0]["media_type"] == "image/svg+xml"
    assert files[0]["data"].startswith(b"<svg")
    await at.leave()


def renderers(node: Node) -> list[str]:
    """Process ids of what the container has started."""
    tasks = Path(f"/proc/{node.pids()['container']}/task").iterdir()
    return [pid for task in tasks for pid in (task / "children").read_text().split()]


async def they_end(node: Node, at: Class) -> None:
    """No renderer is left. Meanwhile the board is drawn on: nobody waits for a file but who asked for it."""
    while renderers(node):
        await at.ask(at.tutor, "submit", changes=[put(at.element())])


def sheet(at: Class) -> dict[str, Any]:
    """As large as a page is drawn at most, and to be looked through: some hundredths of a second's work each."""
    return at.element(x=0, y=0, width=4000, height=2000, fill="#ff0000", opacity=0.5)


async def test_B34_one_person_has_one_file_made_at_a_time_and_others_have_theirs(node: Node) -> None:
    at = await Class.meets(node, "cbor", "json", "msgpack")
    await at.ask(at.anna, "submit", changes=[put(at.element())])
    asked = [asking(at.ask(at.anna, "export", format="png")) for _ in range(20)]
    assert (await at.ask(at.ben, "export", format="svg"))["data"].startswith(b"<svg")
    outcomes = await DeferredList(asked, consumeErrors=True)
    errors = [outcome.value for done, outcome in outcomes if not done]
    assert len(errors) >= 10
    assert {error.error for error in errors} == {"tutorwamp.error.rate_limited"}
    assert all(0 < error.kwargs["details"]["retry_after_s"] <= 10 for error in errors)
    await they_end(node, at)
    assert (await at.ask(at.anna, "export", format="svg"))["data"].startswith(b"<svg")
    await at.leave()


async def test_B34_B35_a_file_nobody_waits_for_is_not_made(node: Node) -> None:
    at = await Class.meets(node, "cbor", "cbor", "cbor")
    for _ in range(5):
        await at.ask(at.anna, "submit", changes=[put(sheet(at)) for _ in range(200)])
    export = asking(at.ask(at.anna, "export", format="png"))
    export.addErrback(lambda _: None)
    while not renderers(node):
        await at.ask(at.tutor, "open")
    at.anna.leave()
    await at.anna.left
    await they_end(node, at)
    assert (await at.ask(at.ben, "export", format="svg"))["data"]
    for session in (at.tutor, at.ben):
        session.leave()
        await session.left


NAN = float("nan")


async def refusal(at: Class, arguments: dict[str, Any]) -> str:
    """Of a submission, or of its one change."""
    try:
        judged = await at.anna.ask_raw("tutorwamp.board.submit", arguments)
    except ApplicationError as error:
        return str(error.error)
    assert judged["applied"] == []
    return str(judged["rejected"][0]["error"])


async def test_B14_what_only_cbor_can_carry_is_refused_as_well(node: Node) -> None:
    at = await Class.meets(node, "cbor", "cbor", "cbor")
    board, stroke = at.lesson["id"], at.element("stroke")
    box: Any = at.element()
    alone: list[Any] = [
        put(at.element(x=NAN)),
        put(at.element(x=10**400)),
        put(at.element(width=float("inf"))),
        put(at.element(opacity=-(2**80))),
        put(at.element(color=b"#000000")),
        put({**at.element(), "kind": b"rect"}),
        put({**at.element(), "kind": "x" * 200_000}),
        put({**stroke, "points": [[1, NAN]]}),
        put({**at.element(), "page": CBORTag(37, b"\0" * 16)}),
        {"op": "append", "id": stroke["id"], "version": 2**70, "points": [[1, 1]]},
        {"op": "delete", "id": stroke["id"], "version": NAN},
    ]
    answer = await at.ask(at.anna, "submit", changes=[*alone, put(stroke)])
    assert [one["error"] for one in answer["rejected"]] == ["tutorwamp.error.invalid"] * len(alone)
    assert answer["applied"] == [stroke["id"]]
    whole: list[Any] = [
        {"changes": [{"op": "delete", "id": stroke["id"], "version": 1, b"\xff": 1}]},
        {"changes": [put(at.element(id=b"bytes"))]},
        {"changes": [{"op": b"delete", "id": stroke["id"], "version": 1}]},
        {"changes": [{"op": ["put"], "element": at.element()}]},
        {"changes": [{b"op": "delete", "id": stroke["id"], "version": 1}]},
        {"changes": [{"op": {}, "id": stroke["id"]}]},
        {"changes": {1: 2}},
        {"changes": b"[]"},
        {"changes": [delete(stroke, 1)], "client_id": b"one"},
    ]
    # What cannot be read at all is refused at the door, and the call with it.
    whole += [
        {"changes": [{"op": "put", "element": {**box, b"x": 1}}]},
        {"changes": [{"op": "put", "element": {**box, 7: 1, None: 2}}]},
        {"changes": [put({**stroke, "points": {1: [1, 2]}})]},
    ]
    for arguments in whole:
        assert await refusal(at, {"lesson_id": board, **arguments}) == "tutorwamp.error.invalid", arguments
    others: list[tuple[str, Any]] = [
        ("open", {"lesson_id": b"x"}),
        ("at", {"lesson_id": board, "seq": NAN}),
        ("at", {"lesson_id": board, "seq": 2**64}),
        ("clear", {"lesson_id": board, "page": board.encode()}),
        ("remove_page", {"lesson_id": board, "page": 7}),
        ("export", {"lesson_id": board, "format": b"svg"}),
        ("import", {"lesson_id": board, "scene": b"{}"}),
        ("copy", {"lesson_id": board, "from_lesson_id": board.encode()}),
    ]
    for verb, arguments in others:
        await refused("tutorwamp.error.invalid", at.anna.ask_raw(f"tutorwamp.board.{verb}", arguments))
    opened = await at.ask(at.ben, "open")
    assert ([one["id"] for one in opened["elements"]], opened["head"]) == ([stroke["id"]], 1)
    await at.leave()
