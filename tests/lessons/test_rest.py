"""Lessons and their chat over REST, on a site of our own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete
from twisted.internet import reactor

from tests.chat.room import Room
from tests.kernel.edges.loopback import Loopback
from tests.lessons.test_service import fill
from tests.support.asking import Asking, told
from tests.support.machine import HeardGate, Stage
from tests.support.paging import pages
from tutorwamp.app.assembly import Machine, assemble
from tutorwamp.app.site import make_site
from tutorwamp.kernel.contracts import Caller, instant_text
from tutorwamp.kernel.limits import WRITES
from tutorwamp.kernel.sql.streams import stream_events
from tutorwamp.lessons.contracts import LessonChanged


def asking_as(stage: Stage, site: Loopback, caller: Caller) -> Asking:
    return Asking(stage, site, caller, "/api/lessons")


def plan(stage: Stage, student: Caller, **more: Any) -> dict[str, Any]:
    begins = stage.clock() + timedelta(days=200)
    times = {"starts_at": instant_text(begins), "ends_at": instant_text(begins + timedelta(hours=1))}
    return {"title": "Fractions", "student_ids": [student.user_id], **times, **more}


async def test_a_lesson_from_its_plan_to_its_end(stage_on_both: Stage, site: Loopback) -> None:
    stage = stage_on_both
    anna = await stage.given.caller()
    tutor, student = asking_as(stage, site, await stage.given.caller("tutor")), asking_as(stage, site, anna)
    heard = stage.events(LessonChanged)

    made = await tutor("POST", "", plan(stage, anna), Idempotency_Key="a plan")
    assert (made.status, made.headers["location"]) == (201, f"/api/lessons/{made.json['id']}")
    path = f"/{made.json['id']}"
    again = await tutor("POST", "/", plan(stage, anna, client_id="a plan"), Idempotency_Key="a plan")
    assert (again.status, again.json) == (201, made.json)
    assert told(await tutor("POST", "", plan(stage, anna, title="Other"), Idempotency_Key="a plan"))[1] == "conflict"
    contradiction = await tutor("POST", "", plan(stage, anna, client_id="x"), Idempotency_Key="y")
    assert told(contradiction) == (422, "invalid")

    listed = await student("GET", "?state=scheduled&limit=1")
    assert (listed.status, listed.json) == (200, {"items": [made.json], "next_cursor": None})
    assert (await student("GET", f"{path}/")).json == made.json

    changed = await tutor("PATCH", path, {"title": "Halves"}, If_Match=made.headers["etag"])
    assert (changed.status, changed.json["title"], changed.json["version"]) == (200, "Halves", 2)
    assert (await tutor("PATCH", path, {"title": "Thirds", "version": 2})).json["version"] == 3
    stale = await tutor("PATCH", path, {"title": "Fourths"}, If_Match=made.headers["etag"])
    assert (told(stale), stale.json["details"]["lesson"]["version"]) == ((409, "conflict"), 3)
    bads: list[dict[str, Any]] = [{"If_Match": "*"}, {"If_Match": "3"}, {}]
    for bad in bads:
        assert told(await tutor("PATCH", path, {"title": "Fifths"}, **bad)) == (422, "invalid")
    assert told(await tutor("PATCH", path, {"title": "Fifths", "version": 3}, If_Match='"2"')) == (422, "invalid")

    assert (await tutor("POST", f"{path}/start")).json["state"] == "live"
    assert told(await tutor("POST", f"{path}/cancel", {"reason": "Ill"})) == (409, "lesson.state")
    assert (await tutor("POST", f"{path}/end", {})).json["state"] == "ended"
    assert (await tutor("GET", f"{path}/attendance")).json == {"items": []}
    assert [one.event.type for one in heard] == ["lesson.updated", "lesson.updated", "lesson.started", "lesson.ended"]
    replayed = await student("GET", f"{path}/replay?limit=100")
    assert replayed.json == {"items": [one.event.plain() for one in heard], "next_cursor": None, "compacted": {}}


async def test_L6_a_cancelling_carries_its_reason(stage_on_both: Stage, site: Loopback) -> None:
    anna, caller = await stage_on_both.given.caller(), await stage_on_both.given.caller("tutor")
    lesson, heard = await stage_on_both.given.lesson(caller, anna), stage_on_both.events(LessonChanged)
    tutor = asking_as(stage_on_both, site, caller)
    assert (await tutor("POST", f"/{lesson.id}/cancel", {"reason": "Ill"})).json["state"] == "cancelled"
    assert heard[0].event.data["reason"] == "Ill"


async def test_what_has_not_changed_is_not_sent_again(stage_on_both: Stage, site: Loopback) -> None:
    room = await Room.meets(stage_on_both)
    anna = asking_as(stage_on_both, site, room.anna)
    for path in ("", f"/{room.lesson.id}", f"/{room.lesson.id}/messages"):
        first = await anna("GET", path)
        again = await anna("GET", path, If_None_Match=f'"other", W/{first.headers["etag"]}')
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    await room.send(room.ben, "Hello")
    assert (await anna("GET", path, If_None_Match=first.headers["etag"])).status == 200


async def test_messages_are_said_read_mended_and_taken_away(stage_on_both: Stage, site: Loopback) -> None:
    room = await Room.meets(stage_on_both)
    anna, ben, path = (
        asking_as(stage_on_both, site, room.anna),
        asking_as(stage_on_both, site, room.ben),
        f"/{room.lesson.id}/messages",
    )
    said = await anna("POST", path, {"body": " Hello "}, Idempotency_Key="1")
    assert (said.status, said.json["body"], said.json["client_id"], said.json["seq"]) == (201, "Hello", "1", 1)
    assert (await anna("POST", path, {"body": "Hello"}, Idempotency_Key="1")).json == said.json
    assert room.told() == [(1, "message.created")]
    one = f"{path}/{said.json['id']}"
    assert (await anna("PATCH", one, {"body": "Hi"})).json["body"] == "Hi"
    assert told(await ben("PATCH", one, {"body": "Ha"})) == (403, "forbidden")
    assert (await ben("GET", f"{path}?limit=1")).json["items"][0]["body"] == "Hi"
    other = await stage_on_both.given.lesson(room.tutor, room.anna)
    elsewhere = f"/{other.id}/messages/{said.json['id']}"
    assert told(await anna("PATCH", elsewhere, {"body": "Hm"})) == (404, "not_found")
    assert told(await anna("DELETE", elsewhere)) == (404, "not_found")
    gone = await anna("DELETE", one)
    assert (gone.status, gone.json["body"]) == (200, None)
    assert room.told() == [(2, "message.updated"), (3, "message.deleted")]


async def test_what_is_refused(stage_on_both: Stage, site: Loopback) -> None:
    room = await Room.meets(stage_on_both)
    anna, stranger = [
        asking_as(stage_on_both, site, one) for one in (room.anna, await stage_on_both.given.caller("tutor"))
    ]
    path = f"/{room.lesson.id}"
    for method, more in (
        ("GET", ""),
        ("GET", "/messages"),
        ("GET", "/replay"),
        ("GET", "/attendance"),
        ("POST", "/end"),
    ):
        assert told(await stranger(method, path + more)) == (404, "not_found")
        assert told(await site.ask(method, f"/api/lessons{path}{more}")) == (401, "unauthenticated")
        assert told(await anna(method, f"/no-id{more}")) == (422, "invalid")
    assert told(await anna("POST", "", plan(stage_on_both, room.ben))) == (403, "forbidden")
    assert told(await anna("GET", f"{path}/attendance")) == (403, "forbidden")
    for query in ("limit=0", "limit=%2b5", "limit=1.0", "state=odd", "cursor=x", "unknown=1", "limit=1&limit=2"):
        assert told(await anna("GET", f"?{query}")) == (422, "invalid")
    for after in ("x", "fHw", "MHxzdGF0ZXx4"):
        assert told(await anna("GET", f"{path}/replay?after={after}")) == (422, "invalid")
    assert told(await anna("PUT", path)) == (405, "method_not_allowed")
    assert told(await anna("POST", f"{path}/messages", {"body": "x"}, Content_Type="text/plain"))[0] == 415
    assert told(await anna("POST", f"{path}/messages", {"body": "x" * 1_100_000}))[0] == 413
    assert told(await anna("POST", f"{path}/messages", {"body": "x", "more": 1})) == (422, "invalid")


async def test_L23_a_replay_is_one_clock_page_by_page(stage_on_both: Stage, site: Loopback) -> None:
    stage = stage_on_both
    room = await Room.meets(stage)
    tutor, anna = asking_as(stage, site, room.tutor), asking_as(stage, site, room.anna)
    await room.send(room.anna, "before")
    await tutor("POST", f"/{room.lesson.id}/start")
    for number in range(3):
        await room.send(room.anna, f"first {number}")
        stage.clock.turn(seconds=1)
        secret = await room.send(room.ben, f"secret {number}")
    await room.delete(room.ben, secret)

    async def ask(cursor: str | None) -> Any:
        return (await anna("GET", f"/{room.lesson.id}/replay?limit=2{'&after=' + cursor if cursor else ''}")).json

    replayed = [page["items"] async for page in pages(ask)]
    assert [len(items) for items in replayed] == [2, 2, 2, 2, 1]
    events = [event for items in replayed for event in items]
    assert events == sorted(events, key=lambda event: (event["at"], event["stream"], event["seq"]))
    assert len({(event["stream"], event["seq"]) for event in events}) == 9
    assert {event["type"] for event in events} == {"message.created", "lesson.started", "message.deleted"}
    assert "secret 2" not in str(events)


async def test_L23_what_is_not_kept_any_more_is_said(stage_on_both: Stage, site: Loopback) -> None:
    room = await Room.meets(stage_on_both)
    for number in range(4):
        await room.send(room.anna, f"{number}")
    anna, path = asking_as(stage_on_both, site, room.anna), f"/{room.lesson.id}/replay"

    async def forget(up_to: int) -> None:
        old = delete(stream_events).where(stream_events.c.stream == room.stream, stream_events.c.seq <= up_to)
        await stage_on_both.machine.database.write("test.forget", lambda connection: connection.execute(old).rowcount)

    await forget(2)
    page = (await anna("GET", path)).json
    assert ([one["seq"] for one in page["items"]], page["compacted"]) == ([3, 4], {room.stream: 2})
    await forget(4)
    assert (await anna("GET", path)).json == {"items": [], "next_cursor": None, "compacted": {room.stream: 4}}


async def test_L23_a_page_ends_early_where_events_are_large(
    stage_on_both: Stage, site: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await Room.meets(stage_on_both)
    for size in (4_000, 3, 3):
        await room.send(room.anna, "x" * size)
    monkeypatch.setattr("tutorwamp.lessons.store.REPLAYED_CHARACTERS_AT_MOST", 2_000)
    anna, path = asking_as(stage_on_both, site, room.anna), f"/{room.lesson.id}/replay"
    first = (await anna("GET", path)).json
    assert [one["seq"] for one in first["items"]] == [1]
    second = (await anna("GET", f"{path}?after={first['next_cursor']}")).json
    assert ([one["seq"] for one in second["items"]], second["next_cursor"]) == ([2, 3], None)


async def test_calls_are_counted_as_over_wamp(stage_on_both: Stage, site: Loopback) -> None:
    room = await Room.meets(stage_on_both)
    anna = asking_as(stage_on_both, site, room.anna)
    stage_on_both.machine.limits.charge(room.anna.user_id, writes=True, units=WRITES.burst * 2)
    refused = await anna("POST", f"/{room.lesson.id}/messages", {"body": "x"})
    assert told(refused) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= refused.json["details"]["retry_after_s"]
    assert (await anna("GET", f"/{room.lesson.id}")).status == 200
    assert (
        await asking_as(stage_on_both, site, room.ben)("POST", f"/{room.lesson.id}/messages", {"body": "x"})
    ).status == 201


COSTS = {
    "get": 2,
    "history": 4,
    "replay": 5,
    "attendance": 3,
    "send": 6,
    "edit": 12,
    "delete": 12,
    "create": 10,
    "update": 8,
    "start": 8,
    "end": 10,
}
"""One of each is for the token. Only a deliberate change may change a number."""


LOCKING = ("create", "update", "start", "end")
"""Where several processes may write, these ask for the tutor's lock as well; SQLite has one writer."""


async def test_what_each_call_costs_in_queries(stage_on_both: Stage, site: Loopback) -> None:
    room = await Room.meets(stage_on_both)
    tutor = asking_as(stage_on_both, site, room.tutor)
    path, counts = f"/{room.lesson.id}", stage_on_both.machine.database.counts

    async def cost(method: str, more: str, value: Any = None) -> int:
        before = counts.queries()
        assert (await tutor(method, more, value)).status < 300
        return counts.queries() - before

    said = (await tutor("POST", f"{path}/messages", {"body": "x"})).json["id"]
    costs = {
        "get": await cost("GET", path),
        "history": await cost("GET", f"{path}/messages"),
        "replay": await cost("GET", f"{path}/replay"),
        "attendance": await cost("GET", f"{path}/attendance"),
        "send": await cost("POST", f"{path}/messages", {"body": "y"}),
        "edit": await cost("PATCH", f"{path}/messages/{said}", {"body": "z"}),
        "delete": await cost("DELETE", f"{path}/messages/{said}"),
        "create": await cost("POST", "", plan(stage_on_both, room.anna)),
        "update": await cost("PATCH", path, {"version": 1, "title": "Halves"}),
        "start": await cost("POST", f"{path}/start"),
        "end": await cost("POST", f"{path}/end"),
    }
    lock = 0 if stage_on_both.machine.database.engine.dialect.name == "sqlite" else 1
    assert costs == {name: cost + (lock if name in LOCKING else 0) for name, cost in COSTS.items()}


@pytest.mark.parametrize("total", [10, 10_000])
async def test_L18_a_list_costs_three_queries_however_many_lessons_there_are(stage_on_both: Stage, total: int) -> None:
    stage = stage_on_both
    room = await Room.meets(stage)
    await fill(stage, room.tutor, [room.anna, room.ben], total)
    cold = assemble(stage.machine.settings, reactor, clock=stage.clock, gate=HeardGate())
    cold.start()
    try:
        assert await _list_costs(stage, cold, room.tutor, min(100, total)) == [3, 2]
    finally:
        cold.stop()
    for caller in (room.tutor, room.anna, await stage.given.caller("admin")):
        assert await _list_costs(stage, stage.machine, caller, min(100, total)) == [2, 2]


async def _list_costs(stage: Stage, machine: Machine, caller: Caller, items: int) -> list[int]:
    site = Loopback(make_site(machine))
    costs = []
    for _ in range(2):
        before = machine.database.counts.queries()
        answered = await asking_as(stage, site, caller)("GET", "?limit=100")
        costs.append(machine.database.counts.queries() - before)
        assert len(answered.json["items"]) == items
    await site.close()
    return costs
