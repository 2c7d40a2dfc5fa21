"""What is asked again is done once, and what one writer sends keeps its order, whatever changes meanwhile."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from tests.board.easel import Easel, append, delete, put
from tests.board.test_service import errors, quick
from tests.support.cast import one_lesson, under_way
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.app.assembly import Machine
from tutorwamp.board.contracts import PageChanged, SubmitChanges, Submitted
from tutorwamp.board.service import BoardService
from tutorwamp.board.store import BoardStore
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Conflict
from tutorwamp.lessons.contracts import Admission, LessonAccessChecker, UpdateLesson
from tutorwamp.lessons.errors import WrongState

# once


async def test_B21_a_repetition_is_answered_like_the_first_and_told_once(
    stage_on_both: Stage, other_on_both: Machine
) -> None:
    easel = quick(await Easel.meets(stage_on_both))
    stroke, given = easel.stroke(), stage_on_both.given
    changes = [put(stroke), append(stroke, 1, [2.0, 2.0]), delete(stroke, 1), put({**stroke, "color": "red"})]
    first = await easel.submit(easel.anna, *changes, client_id="one")
    assert (first.seq, first.applied, errors(first)) == (1, [stroke["id"]] * 2, ["stale", "invalid"])
    elsewhere = quick(easel.on(other_on_both))
    for where, caller in ((easel, easel.anna), (elsewhere, given.again(easel.anna))):
        assert await where.submit(caller, *changes, client_id="one") == first
    stage_on_both.clock.turn(hours=24)
    await easel.machine.board.compact()
    assert await easel.submit(easel.anna, *changes, client_id="one") == first
    assert [one.event.seq for one in easel.heard + elsewhere.heard] == [1]
    # what was rejected is shown as it is now
    await easel.submit(easel.tutor, delete(stroke, 2))
    again = await easel.submit(easel.anna, *changes, client_id="one")
    assert (again.seq, again.applied, [one.element for one in again.rejected]) == (1, first.applied, [None, None])
    assert [one.details for one in again.rejected] == [one.details for one in first.rejected]


async def test_B21_what_a_client_read_may_come_back_with_it(stage: Stage) -> None:
    easel = quick(await Easel.meets(stage))
    element = easel.rect()
    first = await easel.submit(easel.anna, put(element), client_id="one")
    (read,) = (await easel.open()).elements
    same = {**read, "version": None, "opacity": None, "x": 1}
    assert await easel.submit(easel.anna, put(same), client_id="one") == first


async def test_B21_other_content_is_refused_whatever_differs(stage: Stage) -> None:
    easel = quick(await Easel.meets(stage))
    stroke, box = easel.stroke(), easel.rect()
    changes = [put(stroke), append(stroke, 1, [1.0, 1.0]), put(box), {"op": "delete", "id": new_id(), "version": 0}]
    await easel.submit(easel.anna, *changes, client_id="one")
    others: list[list[dict[str, Any]]] = [
        changes[:-1],
        changes[::-1],
        [changes[0], append(stroke, 1, [1.0, 1.0], finished=True), *changes[2:]],
        [changes[0], append(stroke, 1, [1.0, 1.5]), *changes[2:]],
        [changes[0], append(stroke, 2, [1.0, 1.0]), *changes[2:]],
        [changes[0], delete(stroke, 1), *changes[2:]],
        [*changes[:2], put({**box, "color": "#ffffff"}), changes[3]],
        [*changes[:2], put({**box, "fill": "#ffffff"}), changes[3]],
        [*changes[:2], put({**box, "page": new_id()}), changes[3]],
        [*changes[:2], put({**box, "id": new_id()}), changes[3]],
        [*changes[:2], put(box, 1), changes[3]],
        [*changes[:3], {**changes[3], "id": new_id()}],
        [*changes[:3], {**changes[3], "version": None}],
    ]
    for other in others:
        error = await refused(Conflict, easel.submit(easel.anna, *other, client_id="one"))
        assert error.uri == "tutorwamp.error.conflict"
    await refused(Conflict, easel.add_page(easel.anna, client_id="one"))
    await refused(Conflict, easel.clear(easel.anna, client_id="one"))
    assert [one.event.seq for one in easel.heard] == [1]


async def test_B21_a_client_id_is_its_persons_and_its_boards_own(stage: Stage) -> None:
    easel = quick(await Easel.meets(stage))
    lesson = await stage.given.lesson(easel.tutor, easel.anna)
    other = easel.in_lesson(lesson)
    for where, caller in ((easel, easel.anna), (easel, easel.tutor), (other, easel.tutor)):
        answer = await where.submit(caller, put(where.rect()), client_id="one")
        assert len(answer.applied) == 1
    assert [len((await where.open()).elements) for where in (easel, other)] == [2, 1]


async def test_B21_a_client_id_that_comes_again_within_a_tick_is_drawn_once(stage_on_both: Stage, easel: Easel) -> None:
    box, lost = easel.rect(), easel.rect(page=new_id())
    asked = [(put(box), put(lost)), (put(box), put(lost)), (put(easel.rect()),), (put(box), put(lost))]
    answers = await gatherResults([under_way(easel.submit(easel.anna, *one, client_id="one")) for one in asked])
    assert [type(answer) for answer in answers] == [Submitted, Submitted, Conflict, Submitted]
    assert answers[0] == answers[1] == answers[3]
    assert (answers[0].seq, answers[0].applied, errors(answers[0])) == (1, [box["id"]], ["not_found"])
    pages = await gatherResults([under_way(easel.add_page(easel.anna, client_id="two")) for _ in range(3)])
    assert [type(one) for one in pages] == [PageChanged] * 3
    assert len({(one.seq, one.page) for one in pages}) == 1
    assert [one.event.seq for one in easel.heard] == [1, 2]


async def test_B21_pages_are_added_removed_and_cleared_once(stage_on_both: Stage, other_on_both: Machine) -> None:
    easel = quick(await Easel.meets(stage_on_both))
    elsewhere, tutor = quick(easel.on(other_on_both)), easel.tutor
    added = await easel.add_page(tutor, client_id="add")
    assert added.page is not None
    await easel.submit(tutor, put(easel.rect()))
    cleared = await easel.clear(tutor, client_id="clear")
    removed = await easel.remove_page(tutor, added.page, client_id="remove")
    await easel.submit(tutor, put(easel.rect()))
    for where in (easel, elsewhere):
        assert await where.add_page(tutor, client_id="add") == added
        assert await where.clear(tutor, client_id="clear") == cleared
        assert await where.remove_page(tutor, added.page, client_id="remove") == removed
        await refused(Conflict, where.add_page(tutor, added.page, client_id="add"))
        await refused(Conflict, where.clear(tutor, easel.page, client_id="clear"))
        await refused(Conflict, where.remove_page(tutor, easel.page, client_id="remove"))
    assert [one.seq for one in (added, cleared, removed)] == [1, 3, 4]
    assert len((await easel.open()).elements) == 1
    assert len(await easel.stored()) == 5


async def test_B21_a_repetition_is_answered_when_the_lesson_is_over_and_the_pen_is_gone(
    stage_on_both: Stage, other_on_both: Machine
) -> None:
    easel = quick(await Easel.meets(stage_on_both))
    box = easel.rect()
    first = await easel.submit(easel.anna, put(box), put(easel.rect(id=box["id"])), client_id="one")
    page = await easel.add_page(easel.anna, client_id="page")
    await easel.give_pen()
    changes = [put(box), put(easel.rect(id=box["id"]))]
    assert await easel.submit(easel.anna, *changes, client_id="one") == first
    await easel.machine.lessons.start(easel.tutor, one_lesson(easel.lesson.id))
    await easel.machine.lessons.end(easel.tutor, one_lesson(easel.lesson.id))
    for where in (easel, quick(easel.on(other_on_both))):
        assert await where.submit(easel.anna, *changes, client_id="one") == first
        assert await where.add_page(easel.anna, client_id="page") == page
        await refused(Conflict, where.submit(easel.anna, put(easel.rect()), client_id="one"))
        await refused(WrongState, where.submit(easel.anna, *changes, client_id="two"))
        await refused(WrongState, where.submit(easel.anna, *changes))
    assert [one.event.seq for one in easel.heard] == [1, 2]


# in order


class Hesitant:
    """Knows what the lessons know, and takes its time with each writer until it is let go."""

    def __init__(self, access: LessonAccessChecker) -> None:
        self.access = access
        self.waiting: list[Deferred[None]] = []

    async def admit(self, caller: Caller, lesson_id: str, *, fresh: bool) -> Admission:
        return await self.access.admit(caller, lesson_id, fresh=fresh)

    async def admit_writer(self, caller: Caller, lesson_id: str, **how: Any) -> Admission:
        self.waiting.append(Deferred())
        await self.waiting[-1]
        return await self.access.admit_writer(caller, lesson_id, **how)

    def forget(self, lesson_id: str) -> None:
        self.access.forget(lesson_id)


async def test_B22_who_is_looked_up_sooner_does_not_overtake_what_the_same_person_sent_before(stage: Stage) -> None:
    easel, machine = await Easel.meets(stage), stage.machine
    access = Hesitant(machine.lessons)
    board = BoardService(
        BoardStore(machine.database),
        cast("LessonAccessChecker", access),
        machine.accounts,
        machine.events,
        machine.limits,
        settings=machine.settings.board,
        clock=stage.clock,
        reactor=reactor,
    )
    for caller in (easel.anna, easel.tutor):  # known, so that only lessons are looked up
        await machine.accounts.person(caller.user_id)

    def asked(caller: Caller, change: dict[str, Any]) -> Deferred[Any]:
        return under_way(board.submit(caller, SubmitChanges(lesson_id=easel.lesson.id, changes=[change])))

    stroke, box = easel.stroke(), easel.rect()
    hers = [asked(easel.anna, put(stroke)), *(asked(easel.anna, append(stroke, n, [n, n])) for n in range(1, 200))]
    his = asked(easel.tutor, put(box))
    for looking in reversed(access.waiting):
        looking.callback(None)
        assert not his.called
    answers = await gatherResults([his, *hers])
    assert [errors(answer) for answer in answers] == [[]] * 201
    assert board._lines == {}
    # one who is refused holds nobody up
    access.waiting.clear()
    hers = [asked(easel.anna, delete(stroke, 200)), asked(easel.anna, delete(stroke, 200))]
    access.waiting[0].errback(ValueError("no"))
    access.waiting[1].callback(None)
    refusal, answer = await gatherResults(hers)
    assert (type(refusal), errors(answer), board._lines) == (ValueError, [], {})


async def test_B22_a_writers_appends_keep_their_order_while_the_lesson_changes_everywhere(
    easel: Easel, elsewhere: Easel
) -> None:
    stroke = easel.stroke()
    drawing = [under_way(easel.submit(easel.anna, put(stroke)))]
    version = 1
    for number in range(12):
        for _ in range(8):
            drawing.append(under_way(easel.submit(easel.anna, append(stroke, version, [version, version]))))
            version += 1
        lessons = (easel, elsewhere)[number % 2]
        if number % 3 == 0:
            await lessons.give_pen(easel.anna, *([easel.ben] if number % 2 else []))
        elif number % 3 == 1:
            now = await lessons.machine.lessons.get(easel.tutor, one_lesson(easel.lesson.id))
            asked = UpdateLesson(lesson_id=now.id, version=now.version, title=f"Title {number}")
            await lessons.machine.lessons.update(easel.tutor, asked)
        else:
            await easel.open(easel.ben)  # asks for the lesson afresh, too
    answers = await gatherResults(drawing)
    assert all(isinstance(answer, Submitted) for answer in answers)
    assert [errors(answer) for answer in answers] == [[]] * 97
    assert [answer.seq for answer in answers] == sorted(answer.seq for answer in answers)
    (drawn,) = (await easel.open()).elements
    assert drawn["points"][2:] == [[float(n), float(n)] for n in range(1, 97)]
    assert drawn["version"] == 97
