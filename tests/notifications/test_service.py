from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, update
from twisted.internet.defer import Deferred, gatherResults, succeed

from tests.kernel.sql.test_streams import answer_lost_once
from tests.notifications.house import House
from tests.support.machine import Stage
from tests.support.paging import pages
from tests.support.refused import refused
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.cache import Cached, LocalCache, Stamp
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Invalid, NotFound, Unavailable
from tutorwamp.kernel.sql.streams import heads, read_since, stream_events
from tutorwamp.notifications.contracts import ListNotifications, ReadNotifications, SetPreferences, stream_of
from tutorwamp.notifications.counts import COMPARED, DRIFTED, IN_DOUBT_FOR_S
from tutorwamp.notifications.writing import Counted


async def test_N2_each_event_carries_the_absolute_count(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    await house.turn(house.say(house.tutor))
    await house.turn(house.update(title="Halves"))
    newest = (await house.told(house.anna))[0]
    await house.notifications.mark_read(house.anna, ReadNotifications(notification_ids=[newest.id]))
    await house.notifications.mark_all_read(house.anna)
    heard = house.heard_by(house.anna)
    assert [(one.seq, one.type, one.data["unread_count"]) for one in heard] == [
        (1, "notification.created", 1),
        (2, "notification.created", 2),
        (3, "notification.created", 3),
        (4, "notification.read", 2),
        (5, "notification.read", 0),
    ]
    assert heard[0].data["notification"]["kind"] == "lesson.invited"
    assert heard[3].data["notification_ids"] == [newest.id]
    assert heard[4].data["notification_ids"] is None
    assert heard[4].actor == {"id": house.anna.user_id, "name": "Anna", "role": "student"}
    assert await house.count(house.anna) == 0
    assert await house.count(house.ben) == 3


async def test_N2_the_stored_stream_says_what_was_announced(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    await house.notifications.mark_all_read(house.anna)
    name = stream_of(house.anna.user_id)
    stored = await house.stage.machine.database.read(
        "test", lambda one: (heads(one, [name]), read_since(one, name, 0, 9))
    )
    assert stored == ({name: 2}, house.heard_by(house.anna))


async def test_N1_nobody_sees_or_reads_anothers(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    (annas,) = await house.told(house.anna)
    admin = await house.stage.given.caller("admin")
    for other in (house.ben, house.tutor, admin):
        assert annas.id not in {one.id for one in await house.told(other)}
        await refused(NotFound, house.notifications.mark_read(other, ReadNotifications(notification_ids=[annas.id])))
    assert (await house.told(house.anna)) == [annas]


async def test_N9_twice_is_once_and_an_unknown_id_refuses_all(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    (told,) = await house.told(house.anna)
    with pytest.raises(NotFound) as refused:
        await house.notifications.mark_read(
            house.anna, ReadNotifications(notification_ids=[told.id, unknown := new_id()])
        )
    assert refused.value.details == {"notification_ids": [unknown]}
    assert await house.count(house.anna) == 1
    for _ in range(2):
        read = await house.notifications.mark_read(house.anna, ReadNotifications(notification_ids=[told.id, told.id]))
        assert read.unread_count == 0
    assert [one.type for one in house.heard_by(house.anna)] == ["notification.created", "notification.read"]
    (shown,) = await house.told(house.anna)
    assert shown.read_at == house.stage.clock()
    assert await house.told(house.anna, unread_only=True) == []


async def test_N9_all_are_read_once_also_where_the_answer_is_lost_and_something_new_comes(
    stage_on_both: Stage, other_on_both: Machine, house: House
) -> None:
    await house.turn()
    await house.update(title="Halves")
    other_on_both.counts._cache = stage_on_both.machine.counts._cache  # as with a shared one

    def tell_elsewhere() -> Deferred[int]:
        return Deferred.fromCoroutine(other_on_both.notifier.catch_up())

    with answer_lost_once(stage_on_both.machine.database.engine, tell_elsewhere) as lost:
        assert (await house.notifications.mark_all_read(house.anna)).unread_count == 0, "as of the event"
    assert lost
    assert [one.read_at is None for one in await house.told(house.anna)] == [True, False]
    event = house.heard_by(house.anna)[-1]
    assert (event.seq, event.type, event.data["unread_count"]) == (2, "notification.read", 0)
    assert await house.count(house.anna) == 1, "what came after it is new"


async def test_the_pages_fit_together_newest_first(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    for number in range(6):
        house.stage.clock.turn(seconds=number % 2)  # some at the same instant
        await house.turn(house.update(title=f"Title {number}"))
    everything = await house.told(house.anna)
    assert len(everything) == 7
    assert [one.created_at for one in everything] == sorted((one.created_at for one in everything), reverse=True)
    ask = house.notifications.list_notifications
    paged = [
        page.items async for page in pages(lambda cursor: ask(house.anna, ListNotifications(limit=3, cursor=cursor)))
    ]
    assert [len(items) for items in paged] == [3, 3, 1]
    assert [one for items in paged for one in items] == everything
    for bad in ("x", "AAAA", "MTIz"):
        await refused(Invalid, house.notifications.list_notifications(house.anna, ListNotifications(cursor=bad)))


async def test_N8_a_kind_that_is_off_in_app_is_neither_listed_counted_nor_told(
    stage_on_both: Stage, house: House
) -> None:
    off = SetPreferences(preferences={"lesson.invited": {"in_app": False}})
    after = await house.notifications.set_preferences(house.anna, off)
    assert after.preferences["lesson.invited"] == {"in_app": False, "web_push": True, "email": True}
    assert await house.notifications.preferences(house.anna) == after
    await house.turn()
    assert (await house.told(house.anna), await house.count(house.anna), house.heard_by(house.anna)) == ([], 0, [])
    assert await house.count(house.ben) == 1
    on = SetPreferences(preferences={"lesson.invited": {"in_app": True}, "lesson.changed": {"email": False}})
    assert (await house.notifications.set_preferences(house.anna, on)).preferences["lesson.changed"]["email"] is False
    await house.turn(house.update(title="Halves"))
    assert await house.kinds(house.anna) == ["lesson.changed"]


@pytest.mark.parametrize(
    "preferences", [{"lesson.gone": {}}, {"lesson.changed": {"pigeon": True}}, {"lesson.changed": {"email": 1}}]
)
def test_N8_what_is_not_known_is_refused(preferences: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        SetPreferences.model_validate({"preferences": preferences})


async def test_what_each_call_costs_in_queries(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    (told,) = await house.told(house.anna)
    counts = house.stage.machine.database.counts

    async def cost(call: object) -> int:
        before = counts.queries()
        await call  # type: ignore[misc]  # an awaitable
        return counts.queries() - before

    assert await cost(house.notifications.list_notifications(house.anna, ListNotifications())) == 1
    assert await cost(house.notifications.unread_count(house.anna)) == 0, "the last change left it in the cache"
    await house.stage.machine.cache.drop(f"unread:{house.anna.user_id}")
    assert await cost(house.notifications.unread_count(house.anna)) == 1
    assert await cost(house.notifications.unread_count(house.anna)) == 0
    assert await cost(house.notifications.preferences(house.anna)) == 1
    read = ReadNotifications(notification_ids=[told.id])
    assert await cost(house.notifications.mark_read(house.anna, read)) == 9
    assert await cost(house.notifications.mark_read(house.anna, read)) == 5
    assert await cost(house.notifications.mark_all_read(house.anna)) == 4


async def test_people_who_read_at_once_on_two_processes_end_with_the_same_count(
    stage_on_both: Stage, other_on_both: Machine, house: House
) -> None:
    await house.turn()
    await house.turn(house.update(title="Halves"))
    ids = [one.id for one in await house.told(house.anna)]

    def read(machine: Machine, who: Caller, one: str) -> Deferred[object]:
        return Deferred.fromCoroutine(machine.notifications.mark_read(who, ReadNotifications(notification_ids=[one])))

    machines = (stage_on_both.machine, other_on_both)
    await gatherResults([read(machine, house.anna, one) for machine, one in zip(machines, ids, strict=True)])
    counted = await other_on_both.counts._store.count(house.anna.user_id)
    assert counted.unread == 0


async def test_a_wrong_count_is_noticed_and_does_not_stay(stage: Stage, house: House) -> None:
    await house.turn()
    assert await house.count(house.anna) == 1
    counts, cache = stage.machine.counts, stage.machine.cache
    compared, drifted = COMPARED._value.get(), DRIFTED._value.get()
    assert await counts.compare() == 0
    assert (COMPARED._value.get(), DRIFTED._value.get()) == (compared + 1, drifted)
    await house.count(house.anna)
    await cache.put(f"unread:{house.anna.user_id}", Cached(1, 5), None)
    assert await house.count(house.anna) == 5
    assert await counts.compare() == 1
    assert DRIFTED._value.get() == drifted + 1
    assert await house.count(house.anna) == 1


async def test_a_wrong_count_in_an_event_is_noticed_and_the_next_is_right(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    counts, database = stage_on_both.machine.counts, stage_on_both.machine.database
    wrong = update(stream_events).where(stream_events.c.stream == stream_of(house.anna.user_id))
    await database.write("test", lambda one: one.execute(wrong.values(data='{"unread_count": 7}')).rowcount)
    await stage_on_both.machine.cache.drop(f"unread:{house.anna.user_id}")
    assert await house.count(house.anna) == 7
    drifted = DRIFTED._value.get()
    assert (await counts.compare(), DRIFTED._value.get()) == (1, drifted + 1)
    await house.turn(house.update(title="Halves"))
    assert (await house.count(house.anna), await counts.compare()) == (2, 0)


async def test_N2_where_the_newest_event_is_gone_the_rows_are_counted(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    machine = stage_on_both.machine
    gone = delete(stream_events).where(stream_events.c.stream == stream_of(house.anna.user_id))
    await machine.database.write("test", lambda one: one.execute(gone).rowcount)
    for who, count in ((house.anna, 1), (house.ben, 1), (house.tutor, 0)):
        await machine.cache.drop(f"unread:{who.user_id}")
        assert await house.count(who) == count
    assert await machine.counts.compare() == 0


async def test_who_asks_at_the_same_time_shares_a_query(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    store, database = stage_on_both.machine.counts._store, stage_on_both.machine.database
    before = database.counts.queries()
    people = [house.anna, house.ben, house.tutor] * 4
    counted = await gatherResults([store.count(who.user_id) for who in people])
    assert [(one.seq, one.unread) for one in counted] == [(1, 1), (1, 1), (0, 0)] * 4
    assert database.counts.queries() - before == 3, "the first two begin at once, the rest waits for them"


def unanswered(change: Callable[..., Deferred[Any]]) -> Callable[..., Deferred[Any]]:
    """What it wrote is committed, and nobody is told."""

    def lost(_answer: Any) -> None:
        raise Unavailable("The database cannot be reached just now.")

    return lambda *args, **more: change(*args, **more).addCallback(lost)


async def test_N2_after_a_change_of_which_only_the_answer_was_lost_nothing_older_is_put(
    stage_on_both: Stage, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    await house.turn()
    machine = stage_on_both.machine
    store, key = machine.counts._store, f"unread:{house.anna.user_id}"
    await machine.cache.drop(key)
    count, has_read, under_way = store.count, Deferred[None](), Deferred[None]()

    async def slow(user_id: str) -> Counted:
        counted = await count(user_id)
        has_read.callback(None)
        await under_way
        return counted

    with monkeypatch.context() as patched:
        patched.setattr(store, "count", slow)
        reading = Deferred.fromCoroutine(machine.counts.get(house.anna.user_id))
        await has_read
        patched.setattr(store, "mark_read", unanswered(store.mark_read))
        await refused(Unavailable, house.notifications.mark_all_read(house.anna))
    house.stage.clock.turn(seconds=IN_DOUBT_FOR_S)
    under_way.callback(None)
    assert await reading == 1, "as of when it was asked"
    assert await machine.cache.get(key) == (None, None)
    assert await house.count(house.anna) == 0


async def test_N2_what_is_in_doubt_is_not_cached_until_it_cannot_be_committed_any_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    await house.turn()
    machine, key = stage.machine, f"unread:{house.anna.user_id}"
    with monkeypatch.context() as patched:
        patched.setattr(machine.counts._store, "mark_read", unanswered(lambda *_args: succeed(None)))
        await refused(Unavailable, house.notifications.mark_all_read(house.anna))
    await house.turn(house.update(title="Halves"))
    for seconds, cached in ((0, None), (IN_DOUBT_FOR_S - 1, None), (1, Cached(2, 2))):
        stage.clock.turn(seconds=seconds)
        assert await house.count(house.anna) == 2
        assert (await machine.cache.get(key))[0] == cached


async def test_N2_after_a_change_that_was_refused_the_count_is_cached_again(stage: Stage, house: House) -> None:
    await house.turn()
    await refused(NotFound, house.notifications.mark_read(house.anna, ReadNotifications(notification_ids=[new_id()])))
    await house.count(house.anna)
    assert (await stage.machine.cache.get(f"unread:{house.anna.user_id}"))[0] == Cached(1, 1)


# With a cache that other processes have as well


class HalfHeard(LocalCache):
    """A shared one that does not hear what is put while it is ``deaf``."""

    is_shared = True
    deaf = False

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Deferred[None]] = []

    async def put(self, key: str, found: Cached, stamp: Stamp | None) -> bool:
        return False if self.deaf else await super().put(key, found, stamp)

    async def outlived(self) -> None:
        self.waiting.append(Deferred())
        await self.waiting[-1]


async def test_N2_a_change_that_the_cache_did_not_hear_of_is_told_at_once_and_answered_when_nothing_older_is_found(
    stage: Stage, house: House
) -> None:
    stage.machine.counts._cache = cache = HalfHeard()
    await house.turn()
    cache.deaf = True
    await house.turn(house.update(title="Halves"))
    assert not cache.waiting, "others may find it a little later"
    reading = Deferred.fromCoroutine(house.notifications.mark_all_read(house.anna))
    while not (cache.waiting or reading.called):
        await stage.machine.database.read("test", lambda _: None)
    assert [one.data["unread_count"] for one in house.heard_by(house.anna)] == [1, 2, 0]
    assert not reading.called, "another process may have the old one for a moment"
    cache.waiting[0].callback(None)
    assert (await reading).unread_count == 0


async def test_N2_who_follows_the_stream_is_never_told_a_shared_count_that_is_old(stage: Stage, house: House) -> None:
    stage.machine.counts._cache = cache = HalfHeard()
    await house.turn()
    cache.deaf = True
    await house.turn(house.update(title="Halves"))
    over_rest = Caller(house.anna.user_id, house.anna.role)
    assert [await house.count(who) for who in (house.anna, over_rest)] == [2, 1]
    assert await stage.machine.counts.compare() == 0, "it is as old as it may be"
