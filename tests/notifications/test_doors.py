"""The doors of notifications, and a real node around them."""

from __future__ import annotations

from pathlib import Path

from tests.kernel.edges.loopback import Loopback
from tests.notifications.house import House
from tests.notifications.push.devices import Browser
from tests.support.asking import Asking
from tests.support.doors import names_of
from tests.support.machine import Stage, set_stage
from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tutorwamp.app.site import make_site
from tutorwamp.kernel.contracts import Nothing, new_id
from tutorwamp.notifications import contracts
from tutorwamp.notifications.contracts import stream_of
from tutorwamp.notifications.push.contracts import from_base64url, to_base64url
from tutorwamp.notifications.wamp import NOTIFICATIONS_PROCEDURES

CONTRACT = {
    "tutorwamp.notification.list": contracts.ListNotifications,
    "tutorwamp.notification.unread_count": Nothing,
    "tutorwamp.notification.mark_read": contracts.ReadNotifications,
    "tutorwamp.notification.mark_all_read": Nothing,
    "tutorwamp.notification.preferences": Nothing,
    "tutorwamp.notification.set_preferences": contracts.SetPreferences,
}
"""The public contract's names, spelled out: they are fixed."""


def test_the_door_serves_the_contracts_names() -> None:
    assert names_of(NOTIFICATIONS_PROCEDURES) == CONTRACT


async def test_rest_says_what_the_service_says(stage: Stage, site: Loopback, house: House) -> None:
    await house.turn()
    await house.turn(house.update(title="Halves"))
    anna = Asking(stage, site, house.anna, "/api/notifications")
    listed = (await anna("GET", "?limit=1&unread_only=true")).json
    assert [one["kind"] for one in listed["items"]] == ["lesson.changed"]
    more = (await anna("GET", f"/?cursor={listed['next_cursor']}")).json
    assert [one["kind"] for one in more["items"]] == ["lesson.invited"]
    assert (await anna("GET", "/unread-count")).json == {"unread_count": 2}
    read = await anna("POST", f"/{listed['items'][0]['id']}/read")
    assert (read.status, read.json) == (200, {"unread_count": 1})
    assert (await anna("POST", f"/{new_id()}/read")).status == 404
    assert (await anna("POST", "/x/read")).status == 422
    assert (await anna("POST", "/read-all")).json == {"unread_count": 0}
    assert (await anna("GET", "/unread-count")).json == {"unread_count": 0}
    assert [one.type for one in house.heard_by(house.anna)][-2:] == ["notification.read", "notification.read"]
    chosen = {"preferences": {"chat.message": {"email": True}}}
    assert (await anna("PATCH", "/preferences", chosen)).json["preferences"]["chat.message"]["email"] is True
    assert (await anna("GET", "/preferences")).json["preferences"]["chat.message"]["email"] is True
    assert (await anna("PATCH", "/preferences", {"preferences": {"x": {}}})).status == 422
    for path in ("", "/unread-count", "/preferences"):
        assert (await site.ask("GET", f"/api/notifications{path}")).status == 401


async def test_metrics_are_on_the_process_own_port(stage: Stage, site: Loopback) -> None:
    found = await site.ask("GET", "/metrics")
    assert found.status == 200
    assert b"tutorwamp_unread_counts_compared_total" in found.body


async def test_on_a_node_people_hear_of_what_concerns_them_and_resume_it(node: Node) -> None:
    (tina_email, _), (anna_email, anna_user), (_, ben_user) = [
        await register(node, name, role) for name, role in (("Tina", "tutor"), ("Anna", "student"), ("Ben", "student"))
    ]
    tina, anna = await PythonPerson.enter(node, tina_email), await PythonPerson.enter(node, anna_email)
    topic = stream_of(anna_user["id"])
    nothing = await anna.call("tutorwamp.session.resume", positions={topic: 0})
    assert nothing["streams"][topic] == {"complete": True, "events": [], "head": 0}
    await anna.client.connection.subscribe(topic, lambda event: anna.hear(topic, dict(event.values)))
    lesson = await planned_lesson(tina.call, anna_user, ben_user)
    await anna.heard_until(lambda: len(anna.heard[topic]) == 1)
    (event,) = anna.heard[topic]
    assert (event["seq"], event["type"], event["data"]["unread_count"]) == (1, "notification.created", 1)
    assert event["data"]["notification"]["data"]["lesson_id"] == lesson["id"]
    resumed = await anna.call("tutorwamp.session.resume", positions={topic: 0})
    assert resumed["streams"][topic]["events"] == [event]
    # Ben has no live session: what is said is for him, and not for Anna.
    await tina.call("tutorwamp.chat.send", lesson_id=lesson["id"], body="Good morning")
    await tina.call("tutorwamp.lesson.update", lesson_id=lesson["id"], version=1, title="Halves")
    await anna.heard_until(lambda: len(anna.heard[topic]) == 2)
    listed = await anna.call("tutorwamp.notification.list")
    assert [one["kind"] for one in listed["items"]] == ["lesson.changed", "lesson.invited"]
    assert await anna.call("tutorwamp.notification.mark_all_read") == {"unread_count": 0}
    await anna.heard_until(lambda: len(anna.heard[topic]) == 3)
    for person in (tina, anna):
        await person.close()


async def test_P7_devices_are_kept_over_rest(tmp_path: Path) -> None:
    stage, stop = set_stage(tmp_path, TUTORWAMP_WEB_PUSH_SUBJECT="mailto:a@b.example")
    site = Loopback(make_site(stage.machine))
    try:
        anna = Asking(stage, site, await stage.given.caller(), "/api/push")
        key = (await site.ask("GET", "/api/push/key")).json["key"]
        assert from_base64url(key)[0] == 4
        asked = Browser().subscription("https://push.example/1").model_dump()
        kept = await anna("POST", "/subscriptions", asked)
        assert (kept.status, kept.json["endpoint"]) == (201, "https://push.example/1")
        inside = {**asked, "endpoint": "https://127.0.0.1/1"}
        assert (await anna("POST", "/subscriptions", inside)).status == 422
        assert (await anna("POST", "/subscriptions", {**asked, "keys": {"p256dh": "x", "auth": "y"}})).status == 422
        off_the_curve = {"p256dh": to_base64url(b"\4" + bytes(64)), "auth": asked["keys"]["auth"]}
        refused = await anna("POST", "/subscriptions", {**asked, "keys": off_the_curve})
        assert (refused.status, refused.json["type"]) == (422, "tutorwamp.error.invalid")
        for _ in range(2):
            assert (await anna("DELETE", "/subscriptions", {"endpoint": "https://push.example/1"})).status == 204
        assert (await site.ask("POST", "/api/push/subscriptions", asked)).status == 401
    finally:
        await site.close()
        stop()


async def test_without_web_push_there_is_no_key(stage: Stage, site: Loopback) -> None:
    assert (await site.ask("GET", "/api/push/key")).status == 404
    anna = Asking(stage, site, await stage.given.caller(), "/api/push")
    asked = Browser().subscription("https://push.example/1").model_dump()
    assert (await anna("POST", "/subscriptions", asked)).status == 404
