"""Who gets what, when, and how often: the queue on both engines, with a clock to turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock

from tests.monitoring.promql import History
from tests.monitoring.test_alerts import raised
from tests.notifications.house import House
from tests.notifications.push.desk import ENDPOINT, Desk
from tests.notifications.push.devices import Browser, PushServer
from tests.support.machine import Stage
from tutorwamp.app.metrics import noted
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.notifications.contracts import Channel, ReadNotifications, SetPreferences
from tutorwamp.notifications.push.batch import WAITS_S
from tutorwamp.notifications.push.contracts import Gone, Later, Sent
from tutorwamp.notifications.push.dispatcher import (
    DOUBTED_ALONE_AT_MOST,
    DOUBTED_AT_MOST,
    FINISH_WITHIN_S,
    FIRST_PAUSE_S,
    PAUSE_AT_MOST_S,
)
from tutorwamp.notifications.push.queue import SUBSCRIPTIONS_AT_MOST
from tutorwamp.notifications.push.tables import deliveries, subscriptions
from tutorwamp.notifications.push.web_push import WebPush, load_key


async def test_P1_who_is_away_is_told_by_each_channel_once(stage_on_both: Stage, desk: Desk) -> None:
    await desk.house.turn()
    await desk.pass_s(WAITS_S - 1)
    assert desk.push.given == []
    await desk.pass_s(1)
    assert desk.kinds(desk.push) == [("anna", "lesson.invited")]
    assert desk.kinds(desk.mail) == [("anna", "lesson.invited"), ("ben", "lesson.invited")]
    (delivery,) = desk.push.given
    assert (delivery.target, delivery.title, delivery.data["lesson_id"]) == (
        ENDPOINT,
        "Fractions",
        desk.house.lesson.id,
    )
    await desk.pass_s(100_000)
    assert len(desk.given) == 3


async def test_P1_a_second_in_which_nothing_is_due_writes_nothing(stage_on_both: Stage, desk: Desk) -> None:
    await desk.house.turn()
    counts = stage_on_both.machine.database.counts.by_name
    for _ in range(3):
        await desk.pass_s(1)
    assert "push.take_due" not in counts
    assert counts["push.look"].transactions == 3


async def test_P1_who_is_there_or_has_read_it_or_does_not_want_it_is_not_told(stage_on_both: Stage, desk: Desk) -> None:
    house = desk.house
    await house.turn()
    desk.stage.gate.here = {house.ben.user_id}
    (told,) = await house.told(house.anna)
    await house.notifications.mark_read(house.anna, ReadNotifications(notification_ids=[told.id]))
    await desk.pass_s(WAITS_S)
    assert desk.given == []
    off = SetPreferences(preferences={"lesson.changed": {"email": False}})
    await house.notifications.set_preferences(house.anna, off)
    await desk.happens("Halves")
    assert (desk.kinds(desk.push), desk.kinds(desk.mail)) == ([("anna", "lesson.changed")], [])


@pytest.mark.parametrize("in_app", [True, False])
async def test_P1_N6_who_has_read_the_chat_itself_is_not_told_of_it(
    stage_on_both: Stage, in_app: bool, desk: Desk
) -> None:
    house = desk.house
    chosen = SetPreferences(preferences={"chat.message": {"in_app": in_app}})
    await house.notifications.set_preferences(house.anna, chosen)
    await desk.happens()
    desk.push.given.clear()
    said = await house.say(house.tutor)
    await house.turn()
    await house.read(house.anna, said.seq)
    await desk.happens()
    assert desk.push.given == []


async def test_P2_what_was_surely_not_taken_is_tried_again_with_growing_pauses_for_a_day(
    stage_on_both: Stage, desk: Desk
) -> None:
    await desk.house.turn()
    desk.push.answers = [Later("no"), Later("no", 500.0), Later("no"), Sent()]
    await desk.pass_s(WAITS_S)
    for pause_s in (FIRST_PAUSE_S, 500.0, 4 * FIRST_PAUSE_S):
        before = len(desk.push.given)
        await desk.pass_s(pause_s - 1)
        assert len(desk.push.given) == before
        await desk.pass_s(1)
        assert len(desk.push.given) == before + 1
    desk.push.answers = [Later("no")] * 100
    await desk.happens("Halves")
    await desk.pass_s(25 * 3600)
    given = len(desk.push.given)
    await desk.pass_s(25 * 3600)
    assert len(desk.push.given) == given


async def test_P3_a_process_that_dies_while_it_sends_does_not_send_twice_and_nothing_that_waits_is_lost(
    stage_on_both: Stage, desk: Desk
) -> None:
    await desk.house.turn()
    desk.stage.clock.turn(seconds=WAITS_S)
    (delivery,) = await desk.queue.take_due(1)
    assert await desk.queue.begin(delivery)  # and the process dies: whether it was sent nobody knows
    await desk.pass_s(3600)
    assert len(desk.given) == 2, "the two that waited"


async def test_P3_two_processes_send_each_once(stage_on_both: Stage, desk: Desk) -> None:
    for number in range(9):
        await desk.queued(f"Title {number}")
    desk.stage.clock.turn(seconds=WAITS_S)
    both = (desk.dispatcher, desk.another())
    for _ in range(5):
        await gatherResults([Deferred.fromCoroutine(one.dispatch()) for one in both])
    sent = [(one.notification_id, one.target, one.user_id) for one in desk.given]
    assert len(sent) == len(set(sent)) == 10 * 3


async def test_P5_a_device_that_is_gone_is_forgotten_and_a_provider_that_fails_stops_nobody(
    stage_on_both: Stage, desk: Desk
) -> None:
    await desk.house.turn()
    desk.push.answers, desk.mail.answers = [Gone()], [ValueError("a fault of ours")]
    await desk.pass_s(WAITS_S)
    assert len(desk.mail.given) == 2
    count = select(func.count()).select_from(subscriptions)
    assert await desk.found(count) == [0]
    await desk.happens("Halves")
    assert len(desk.push.given) == 1


@pytest.mark.parametrize("ends", ["everywhere", "password", "deactivated"])
async def test_P11_a_device_goes_with_all_logins_of_its_person(stage_on_both: Stage, desk: Desk, ends: str) -> None:
    accounts, anna = desk.stage.machine.accounts, desk.house.anna.user_id
    account = await accounts._store.by_id(anna)
    assert account is not None
    email = account.user.email
    desk.stage.clock.turn(seconds=1)
    if ends == "everywhere":
        await accounts.log_out_everywhere(anna)
    elif ends == "password":
        await accounts.set_password(email, "another long one, unguessed")
    else:
        await accounts.deactivate(email)
    await desk.happens()
    assert desk.push.given == []
    still = select(subscriptions.c.endpoint).where(subscriptions.c.user_id == anna)
    if ends == "deactivated":  # nobody is told of anything there
        return
    assert await desk.found(still) == []
    desk.stage.clock.turn(seconds=1)
    await desk.queue.subscribe(anna, Browser().subscription(ENDPOINT))  # who has signed in again
    await desk.happens("Halves")
    assert [one.target for one in desk.push.given] == [ENDPOINT]


@pytest.mark.parametrize("alone", [True, False])
async def test_P5_a_device_that_is_doubted_for_long_is_forgotten_and_the_persons_others_are_not(
    stage_on_both: Stage, alone: bool, desk: Desk
) -> None:
    anna = desk.house.anna.user_id
    if not alone:
        await desk.queue.subscribe(anna, Browser().subscription("https://push.example/2"))
    desk.push.doubted = ENDPOINT
    await desk.happens()
    tries = DOUBTED_ALONE_AT_MOST if alone else DOUBTED_AT_MOST
    for number in range(1, tries + 3):
        assert len([one for one in desk.push.given if one.target == ENDPOINT]) == min(number, tries)
        await desk.pass_s(min(PAUSE_AT_MOST_S, FIRST_PAUSE_S * 2 ** (number - 1)))
    mine = select(subscriptions.c.endpoint).where(subscriptions.c.user_id == anna)
    kept = await desk.found(mine)
    assert kept == ([] if alone else ["https://push.example/2"])
    await desk.happens("Halves")
    assert desk.push.given[-1].target == (ENDPOINT if alone else "https://push.example/2")
    assert len(desk.push.given) == (tries if alone else tries + 2)


async def test_P1_while_the_gate_is_away_nobody_is_told_and_nothing_is_lost(desk: Desk) -> None:
    await desk.house.turn()

    class Away:
        async def connected(self, _user_ids: object) -> set[str]:
            raise Unavailable("The gate is away.")

    desk.dispatcher._connected = Away()
    await desk.pass_s(WAITS_S)
    assert desk.given == []
    desk.dispatcher._connected = desk.stage.gate
    await desk.pass_s(FIRST_PAUSE_S)
    assert len(desk.given) == 3


async def test_P7_a_person_has_some_devices_and_a_device_one_person(stage_on_both: Stage, desk: Desk) -> None:
    anna, ben = desk.house.anna.user_id, desk.house.ben.user_id
    for number in range(SUBSCRIPTIONS_AT_MOST + 3):
        desk.stage.clock.turn(seconds=1)
        await desk.queue.subscribe(anna, Browser().subscription(f"https://push.example/a{number}"))
    await desk.queue.subscribe(ben, Browser().subscription("https://push.example/a9"))
    await desk.queue.unsubscribe("https://push.example/a10", user_id=ben)  # not his

    def kept(connection: Any) -> dict[str, list[str]]:
        rows = connection.execute(select(subscriptions.c.user_id, subscriptions.c.endpoint)).all()
        return {one: sorted(row.endpoint for row in rows if row.user_id == one) for one in (anna, ben)}

    mine = await desk.stage.machine.database.read("test", kept)
    assert mine[ben] == ["https://push.example/a9"]
    assert len(mine[anna]) == SUBSCRIPTIONS_AT_MOST - 1
    assert ENDPOINT not in mine[anna]
    await desk.queue.unsubscribe("https://push.example/a10", user_id=anna)
    assert "https://push.example/a10" not in (await desk.stage.machine.database.read("test", kept))[anna]


async def test_what_has_no_provider_is_not_queued_and_old_rows_go(stage: Stage, house: House) -> None:
    await house.turn()
    count = select(func.count()).select_from(deliveries)

    async def rows() -> int:
        found: int = await stage.machine.database.read("test", lambda one: one.execute(count).scalar_one())
        return found

    assert await rows() == 0
    desk = Desk(house)
    await desk.happens("Halves")
    assert await rows() == 2
    stage.clock.turn(days=2)
    assert await desk.queue.take_due(1) == []
    assert await rows() == 0


async def test_P7_a_browser_that_changed_hands_does_not_get_what_was_meant_for_its_last_person(
    stage_on_both: Stage, desk: Desk
) -> None:
    await desk.house.turn()
    await desk.queue.subscribe(desk.house.ben.user_id, Browser().subscription(ENDPOINT))
    await desk.pass_s(WAITS_S)
    assert desk.push.given == []


@pytest.mark.parametrize("after_s", [1e30, float("inf")])
async def test_P2_no_retry_after_is_too_long(desk: Desk, after_s: float) -> None:
    await desk.house.turn()
    desk.push.answers = [Later("no", after_s)]
    await desk.pass_s(WAITS_S)
    assert len(desk.mail.given) == 2
    state = select(deliveries.c.state).where(deliveries.c.channel == Channel.WEB_PUSH.value)
    assert await desk.found(state) == ["waiting"]


async def test_P3_at_stop_what_is_under_way_is_finished_and_nothing_more_is_taken(desk: Desk) -> None:
    sending, held = await desk.sending()
    stopped = Deferred.fromCoroutine(desk.dispatcher.stop(Clock()))
    assert not stopped.called
    held.callback(None)
    await stopped
    left = select(func.count()).select_from(deliveries).where(deliveries.c.state != "done")
    assert await desk.found(left) == [0]
    assert await sending == 3
    await desk.queued("Halves")
    desk.stage.clock.turn(seconds=WAITS_S)
    assert await desk.dispatcher.dispatch() == 0


async def test_P3_a_provider_that_does_not_come_back_holds_the_stop_up_for_seconds_only(desk: Desk) -> None:
    sending, held = await desk.sending()
    time = Clock()
    stopped = Deferred.fromCoroutine(desk.dispatcher.stop(time))
    time.advance(FINISH_WITHIN_S - 1)
    assert not stopped.called
    time.advance(1)
    await stopped
    assert not sending.called
    held.callback(None)
    await sending


async def test_a_push_service_on_loopback_is_asked_again_when_it_says_and_its_dead_devices_are_forgotten(
    desk: Desk, tmp_path: Path
) -> None:
    server, browser = PushServer(), Browser()
    key = load_key(tmp_path / "vapid.pem")
    desk.providers[Channel.WEB_PUSH] = WebPush(reactor, key, "mailto:a@b.example", allowed=lambda _: True)  # type: ignore[assignment]  # a Mapping outside tests
    await desk.queue.unsubscribe(ENDPOINT)
    await desk.queue.subscribe(desk.house.anna.user_id, browser.subscription(f"{server.url}/anna"))
    await desk.house.turn()
    server.statuses = [(429, {"retry-after": "500"}), (503, {}), (201, {}), (410, {})]
    for pause_s, pushes in ((WAITS_S, 1), (499, 1), (1, 2), (2 * FIRST_PAUSE_S, 3), (24 * 3600 - 1000, 3)):
        await desk.pass_s(pause_s)
        assert len(server.pushed) == pushes
    assert [browser.read(one.body)["kind"] for one in server.pushed] == ["lesson.invited"] * 3
    for title in ("Halves", "Quarters"):
        await desk.happens(title)
        assert len(server.pushed) == 4, "the device that answered 410 is not asked again"
    await server.close()


async def test_what_waits_is_measured(stage_on_both: Stage, desk: Desk) -> None:
    def measured() -> list[float | None]:
        names = ("tutorwamp_push_queue_length", "tutorwamp_push_queue_oldest_seconds")
        return [REGISTRY.get_sample_value(name) for name in names]

    await desk.house.turn()
    await desk.dispatcher.measure()
    assert measured() == [0, 0], "their time has not come"
    desk.stage.clock.turn(seconds=WAITS_S + 40)
    await desk.dispatcher.measure()
    assert measured() == [3, 40]
    await desk.pass_s(0)
    await desk.dispatcher.measure()
    assert measured() == [0, 0]


async def test_a_push_service_that_is_down_raises_its_alert(stage: Stage, desk: Desk) -> None:
    history = History()

    def look() -> set[str]:
        history.add(stage.clock.seconds(), noted(stage.machine)().decode(), instance="school-1")
        return raised(history)

    await desk.house.turn()
    assert "PushFails" not in look()
    desk.push.answers = [Later("down")]
    desk.mail.answers = [Later("down"), Later("down")]
    await desk.pass_s(WAITS_S)
    assert "PushFails" in look()
    await desk.pass_s(PAUSE_AT_MOST_S)
    stage.clock.turn(seconds=900)
    assert "PushFails" not in look()
