"""Snapshots, the board as it was, what is forgotten, and which pictures there are: on both engines."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, select
from twisted.internet.defer import Deferred, gatherResults

from tests.board.desk import Desk, meanwhile
from tests.board.easel import Easel, append, put
from tests.board.easel import delete as gone
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.app.assembly import Machine
from tutorwamp.board import rules, store
from tutorwamp.board.contracts import Plain
from tutorwamp.board.errors import Full
from tutorwamp.board.store import PICTURES_AT_MOST, BoardStore, KeptPicture
from tutorwamp.board.tables import answers, boards, elements, pictures, snapshots
from tutorwamp.board.writing import PageWish
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import Invalid
from tutorwamp.kernel.sql.streams import stream_events

DAY = timedelta(hours=24)
MOMENT = timedelta(milliseconds=1)


async def count(machine: Machine, table: Any) -> int:
    def thd(connection: Connection) -> int:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()

    return await machine.database.read("test.count", thd)


class Story:
    """A board on which something happens, and how it looked after each event."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.easel = desk.easel
        self.seen: list[Plain] = []

    @property
    def store(self) -> BoardStore:
        return BoardStore(self.easel.machine.database)

    async def goes_on(self, *changes: dict[str, Any], wish: PageWish | None = None) -> None:
        if not self.seen:
            self.seen.append(await self.now())
        self.easel.stage.clock.turn(seconds=1)
        asked = self.desk.wished(self.easel.tutor, wish) if wish else self.desk.asked(self.easel.tutor, *changes)
        (ticked,) = await self.desk.commit(self.desk.tick(asked))
        assert ticked.event is not None
        self.seen.append(await self.now())
        assert self.seen[-1]["head"] == len(self.seen) - 1 == ticked.event.seq

    async def now(self) -> Plain:
        return await self.store.read(self.easel.lesson.id, self.easel.stream)

    async def at(self, seq: int) -> Plain:
        return await self.store.read_at(self.easel.lesson.id, self.easel.stream, seq)

    async def snapshot(self) -> None:
        await self.store.snapshot(self.easel.lesson.id, self.easel.stream)

    async def remembered(self) -> None:
        """Every moment is as it was seen."""
        for seq, then in enumerate(self.seen):
            assert await self.at(seq) == then

    async def told(self) -> None:
        """Something of everything."""
        easel, page = self.easel, new_id()
        a, b, c = easel.stroke(), easel.rect(), easel.rect()
        await self.goes_on(put(a), put(b))
        await self.goes_on(wish=PageWish("page.added", page))
        await self.goes_on(append(a, 1, [1.5, 1.5]), put({**b, "page": page}, 1), put(c))
        await self.goes_on(gone(b, 2), put(easel.rect(page=page)))
        await self.goes_on(put(b, 3), put({**c, "color": "#ffffff"}, 1))
        await self.goes_on(wish=PageWish("board.cleared", easel.page))
        await self.goes_on(put(a, 3), append(a, 4, [2.5, 2.5], finished=True))
        await self.goes_on(wish=PageWish("page.removed", easel.page))
        await self.goes_on(put({**a, "page": page}, 6))
        await self.goes_on(wish=PageWish("board.cleared", None))


async def test_B17_B18_B26_the_board_as_it_was_after_each_event(stage_on_both: Stage, desk: Desk) -> None:
    story = Story(desk)
    await story.told()
    assert await count(story.easel.machine, snapshots) == 0
    await story.remembered()
    assert [len(state["elements"]) for state in story.seen] == [0, 2, 2, 3, 3, 4, 1, 2, 1, 2, 0]
    error = await refused(Invalid, story.at(len(story.seen)))
    assert error.details == [{"loc": ["seq"], "msg": f"must be at most the stream's head, {len(story.seen) - 1}"}]


async def test_B19_B26_it_is_the_same_with_a_snapshot_anywhere(stage_on_both: Stage, desk: Desk) -> None:
    story = Story(desk)
    go_on = story.goes_on

    async def goes_on_and_is_kept(*changes: dict[str, Any], wish: PageWish | None = None) -> None:
        await go_on(*changes, wish=wish)
        if len(story.seen) % 3 == 0:
            await story.snapshot()

    story.goes_on = goes_on_and_is_kept  # type: ignore[method-assign]  # the same story
    await story.told()
    assert await count(story.easel.machine, snapshots) == 3
    await story.remembered()


async def test_B19_a_snapshot_is_what_is_replayed_from(stage_on_both: Stage, desk: Desk) -> None:
    story = Story(desk)
    await story.snapshot()
    await story.told()
    await story.snapshot()
    await story.goes_on(wish=PageWish("page.added", new_id()))
    machine = story.easel.machine

    def forget_the_beginning(connection: Connection) -> None:
        of_board = stream_events.c.stream == story.easel.stream
        connection.execute(delete(stream_events).where(of_board, stream_events.c.seq <= 10))

    await machine.database.write("test.forget", forget_the_beginning)
    for seq in (10, 11):
        assert await story.at(seq) == story.seen[seq], "from the nearest one"
    assert (await story.at(3))["elements"] == []  # nothing is left to replay


async def test_B19_two_processes_keep_one_snapshot(stage_on_both: Stage, other_on_both: Machine, desk: Desk) -> None:
    story = Story(desk)
    await story.goes_on(put(story.easel.rect()))
    elsewhere = BoardStore(other_on_both.database)

    def snapshot_elsewhere() -> Deferred[None]:
        return Deferred.fromCoroutine(elsewhere.snapshot(story.easel.lesson.id, story.easel.stream))

    if stage_on_both.machine.database.engine.dialect.name == "postgresql":
        with meanwhile(story.easel.machine, "INSERT INTO board_snapshots", other_on_both, snapshot_elsewhere) as tried:
            await story.snapshot()
        assert tried == [None]
    await gatherResults([Deferred.fromCoroutine(story.snapshot()), snapshot_elsewhere()])

    def thd(connection: Connection) -> tuple[list[Any], int]:
        kept = connection.execute(select(snapshots.c.seq, snapshots.c.state)).all()
        return list(kept), connection.execute(select(boards.c.snapshot_seq)).scalar_one()

    ((seq, state),), newest = await story.easel.machine.database.read("test.kept", thd)
    assert (seq, newest, json.loads(zlib.decompress(state))) == (1, 1, story.seen[1])


async def test_B19_one_is_due_when_enough_has_happened_since_the_last(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    monkeypatch.setattr(rules, "SNAPSHOT_EVENTS_AT_LEAST", 3)
    story = Story(desk)
    due = []
    for number in range(1, 14):
        element = story.easel.rect()
        changes = [put(element)] if number < 7 else [put(element), gone(element, 1)]
        (ticked,) = await story.desk.commit(story.desk.tick(story.desk.asked(story.easel.tutor, *changes)))
        due.append(ticked.snapshot_due)
        if ticked.snapshot_due:
            await story.snapshot()
    # three events and no more elements than that; then as many events as elements
    assert [number for number, it_is in enumerate(due, 1) if it_is] == [3, 9]


# forgetting


async def test_B27_tombstones_and_answers_are_forgotten_after_a_day_and_events_never(
    stage_on_both: Stage, easel: Easel
) -> None:
    machine, clock = easel.machine, easel.stage.clock
    kept, early, cleared, late = easel.rect(), easel.rect(), easel.rect(), easel.rect()
    page = (await easel.add_page(easel.anna)).page
    assert page is not None
    clock.turn(hours=1)
    await easel.submit(easel.anna, put(kept), put(early), put({**cleared, "page": page}), put(late), client_id="one")
    clock.turn(hours=1)
    await easel.submit(easel.anna, gone(early, 1))
    await easel.clear(easel.anna, page)
    clock.turn(seconds=1)
    await easel.submit(easel.anna, gone(late, 1))
    before = [await easel.at(seq) for seq in range(6)]
    opened = await easel.open()

    clock.now += DAY - timedelta(seconds=1)
    assert await machine.board.compact() == 2  # the answers about the page and to "one"
    assert await count(machine, elements) == 4
    clock.now += MOMENT
    assert await machine.board.compact() == 4  # two tombstones and their answers
    assert await count(machine, elements) == 2
    assert await machine.board.compact() == 0
    clock.now += DAY
    assert await machine.board.compact() == 2
    assert (await count(machine, elements), await count(machine, answers)) == (1, 0)

    assert [await easel.at(seq) for seq in range(6)] == before
    assert await easel.open() == opened
    again = await easel.submit(easel.anna, put(early), client_id="one")
    assert (again.seq, again.applied) == (6, [early["id"]])


async def test_B27_a_compaction_is_short_and_the_next_one_goes_on(
    stage_on_both: Stage, monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    monkeypatch.setattr(store, "FORGOTTEN_AT_ONCE", 5)
    there = [desk.easel.rect() for _ in range(7)]
    for one in there:
        await desk.commit(desk.tick(desk.asked(desk.easel.tutor, put(one), gone(one, 1))))
    compact = BoardStore(desk.database).compact
    later = desk.easel.stage.clock() + MOMENT
    queries = desk.database.counts.of("board.compact").queries
    assert [await compact(later) for _ in range(3)] == [10, 4, 0]
    assert desk.database.counts.of("board.compact").queries - queries == 6


# pictures


def picture(easel: Easel, sha256: str = "a" * 64, **more: Any) -> KeptPicture:
    now = easel.stage.clock()
    made = KeptPicture(new_id(), easel.lesson.id, easel.anna.user_id, "image/png", 7, 40, 30, sha256, now)
    return replace(made, **more)


async def test_a_picture_is_entered_once_for_each_lesson(easel: Easel, elsewhere: Easel) -> None:
    other = (await easel.stage.given.lesson(easel.tutor, easel.anna)).id
    stores = [BoardStore(machine.database) for machine in (easel.machine, elsewhere.machine)]
    mine, same, there = picture(easel), picture(easel), picture(easel, lesson_id=other)
    entered = await gatherResults([one.add_picture(it) for one, it in zip(stores, (mine, same), strict=True)])
    assert entered[0] == entered[1]
    (kept,) = {entered[0].id} & {mine.id, same.id}
    assert await stores[0].add_picture(there) == there
    for one in stores:
        assert await one.same_picture(easel.lesson.id, mine.sha256) == entered[0]
        assert await one.same_picture(other, mine.sha256) == there
        assert await one.same_picture(other, "b" * 64) is None
        assert await one.picture(easel.lesson.id, kept) == entered[0]
        assert await one.picture(other, kept) is None
        assert await one.pictures(easel.lesson.id, [kept, there.id, new_id()]) == entered[:1]
        assert await one.pictures(other, []) == []
    assert await count(easel.machine, pictures) == 2


async def test_a_lesson_has_so_many_pictures_and_no_more(stage: Stage, easel: Easel) -> None:
    made = [vars(picture(easel, f"{number:064}")) for number in range(PICTURES_AT_MOST - 1)]
    await stage.machine.database.write("test.fill", lambda connection: connection.execute(pictures.insert(), made))
    kept = BoardStore(stage.machine.database)
    last = await kept.add_picture(picture(easel, "b" * 64))
    error = await refused(Full, kept.add_picture(picture(easel, "c" * 64)))
    assert error.details == {"pictures_at_most": 500}
    assert await kept.add_picture(picture(easel, "b" * 64)) == last
