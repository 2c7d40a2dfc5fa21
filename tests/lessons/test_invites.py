"""Invite codes: made, accepted, refused and guessed at; on both engines."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select
from twisted.internet.defer import gatherResults

from tests.kernel.edges.loopback import Loopback
from tests.lessons.hall import Hall
from tests.support.asking import Asking, told
from tests.support.cast import one_lesson, under_way
from tests.support.doors import names_of, try_all
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.edges.component import served_by
from tutorwamp.kernel.errors import Forbidden, NotFound, RateLimited
from tutorwamp.lessons.contracts import CancelLesson, Lesson
from tutorwamp.lessons.errors import LessonFull, WrongState
from tutorwamp.lessons.invites.codes import LETTERS, new_code, normal
from tutorwamp.lessons.invites.contracts import LIVES_S, AcceptInvitation, Invitation, InviteToLesson
from tutorwamp.lessons.invites.store import lesson_invites
from tutorwamp.lessons.invites.throttle import ADDRESS, PERSON
from tutorwamp.lessons.values import STUDENTS_AT_MOST
from tutorwamp.lessons.wamp import INVITES_PROCEDURES

WRONG = "0000-0000-0000"


async def invite(hall: Hall, **more: Any) -> str:
    asked = InviteToLesson(lesson_id=hall.lesson.id, **more)
    return (await hall.machine.invites.invite(hall.tutor, asked)).code


async def accept(hall: Hall, who: Caller, code: str, address: str | None = None) -> Lesson:
    return await hall.machine.invites.accept(who, AcceptInvitation(code=code), address)


def ids(lesson: Lesson) -> list[str]:
    return [one.id for one in lesson.students]


# what a code looks like


def test_L29_a_code_is_read_however_it_is_typed() -> None:
    code = new_code(random.Random(5).randrange)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", code)
    wanted = code.replace("-", "")
    for typed in (code, wanted, code.lower(), f" {code.replace('-', ' ')} ", "-".join(wanted)):
        assert AcceptInvitation(code=typed).code == wanted
    assert AcceptInvitation(code="oOiI lLoO 0000").code == "001111000000"
    assert {normal(letter) for letter in LETTERS} == set(LETTERS), "no letter is read as another"


@pytest.mark.parametrize(
    "typed", ["", "0" * 11, "0" * 13, "U" * 12, "0" * 11 + "é", "0" * 11 + "\n0", "0" * 12 + "\n", "0\0" * 6, "-" * 65]
)
def test_L29_what_is_no_code_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(ValidationError):
        AcceptInvitation(code=typed)


# accepting


async def test_L29_L30_a_student_with_the_code_is_in_the_lesson(stage_on_both: Stage, hall: Hall) -> None:
    made = await hall.machine.invites.invite(hall.tutor, InviteToLesson(lesson_id=hall.lesson.id))
    page = stage_on_both.machine.settings.node.page_url
    assert made.url == f"{page}/#invite={made.code}"
    assert (made.expires_at - stage_on_both.clock()).total_seconds() == LIVES_S
    clara = await stage_on_both.given.caller(name="Clara")
    lesson = await accept(hall, clara, made.code.lower())
    assert [one.name for one in lesson.students] == ["Anna", "Ben", "Clara"]
    assert lesson == await hall.machine.lessons.get(clara, one_lesson(lesson.id))
    assert (await hall.join(clara)).lesson == lesson
    (event,) = await hall.stored()
    assert (event.type, event.actor, event.data) == ("lesson.updated", lesson.students[-1].plain(), lesson.plain())
    assert await accept(hall, clara, made.code) == lesson, "accepting twice is accepting once"
    assert len(await hall.stored()) == 1


async def test_L30_who_belongs_to_the_lesson_gets_it_and_another_tutor_is_refused(stage: Stage, hall: Hall) -> None:
    code = await invite(hall)
    for member in (hall.tutor, hall.anna, await stage.given.caller("admin")):
        assert await accept(hall, member, code) == hall.lesson
    await refused(Forbidden, accept(hall, await stage.given.caller("tutor"), code))
    assert hall.heard == []


async def test_L29_L30_a_code_ends_with_a_new_one_its_time_and_the_lesson(stage_on_both: Stage, hall: Hall) -> None:
    clara, clock = await stage_on_both.given.caller(), stage_on_both.clock
    old, new = await invite(hall), await invite(hall, ttl_s=60)
    await refused(NotFound, accept(hall, clara, old))
    clock.turn(seconds=60)
    await refused(NotFound, accept(hall, clara, new))
    last = await invite(hall)
    await hall.lessons.cancel(hall.tutor, CancelLesson(lesson_id=hall.lesson.id))
    errors = [await refused(NotFound, accept(hall, clara, code)) for code in (old, new, last, WRONG)]
    assert {(error.message, str(error.details)) for error in errors} == {("There is no such invitation.", "{}")}
    await refused(WrongState, invite(hall))


async def test_L29_only_the_tutor_and_admins_invite(stage: Stage, hall: Hall) -> None:
    invites, asked = stage.machine.invites, InviteToLesson(lesson_id=hall.lesson.id)
    await refused(Forbidden, invites.invite(hall.anna, asked))
    for stranger in (await stage.given.caller("tutor"), await stage.given.caller()):
        await refused(NotFound, invites.invite(stranger, asked))
    assert isinstance(await invites.invite(await stage.given.caller("admin"), asked), Invitation)


async def test_L29_the_database_has_no_code_to_read(stage_on_both: Stage, hall: Hall) -> None:
    codes = [await invite(hall) for _ in range(2)]
    with stage_on_both.machine.database.engine.connect() as connection:
        (row,) = connection.execute(select(lesson_invites)).all()
    assert not any(normal(code) in str(row).upper() for code in codes)


async def test_L8_a_lesson_is_planned_without_students_and_may_lose_all(stage_on_both: Stage, hall: Hall) -> None:
    tutor, given = hall.tutor, stage_on_both.given
    empty = hall.in_lesson(await given.lesson(tutor))
    assert empty.lesson.students == []
    assert (await empty.lessons.get(tutor, one_lesson(empty.lesson.id))).students == []
    assert ids(await accept(empty, hall.anna, await invite(empty))) == [hall.anna.user_id]
    assert (await hall.update(student_ids=[])).students == []
    await refused(NotFound, hall.lessons.get(hall.anna, one_lesson(hall.lesson.id)))


async def test_L30_of_two_who_take_the_last_place_one_does(stage_on_both: Stage, hall: Hall) -> None:
    others = [await stage_on_both.given.caller() for _ in range(STUDENTS_AT_MOST - 3)]
    await hall.update(student_ids=[hall.anna.user_id, hall.ben.user_id, *(one.user_id for one in others)])
    code, two = await invite(hall), [await stage_on_both.given.caller() for _ in range(2)]
    answers = await gatherResults([under_way(accept(hall, who, code)) for who in two])
    assert sorted(type(one).__name__ for one in answers) == ["Lesson", "LessonFull"]
    (full,) = (one for one in answers if isinstance(one, LessonFull))
    assert (full.status, full.action, full.details) == (409, "stop", {"students_at_most": 30})
    lesson = await hall.lessons.get(hall.tutor, one_lesson(hall.lesson.id))
    assert len(lesson.students) == STUDENTS_AT_MOST
    await hall.remove(others[0])
    late = next(who for who, said in zip(two, answers, strict=True) if isinstance(said, LessonFull))
    assert late.user_id in ids(await accept(hall, late, code))


async def test_L30_a_class_comes_at_once(stage_on_both: Stage, hall: Hall) -> None:
    empty = hall.in_lesson(await stage_on_both.given.lesson(hall.tutor))
    code, many = await invite(empty), [await stage_on_both.given.caller() for _ in range(12)]
    await gatherResults([under_way(accept(empty, who, code)) for who in many])
    lesson = await empty.lessons.get(hall.tutor, one_lesson(empty.lesson.id))
    assert set(ids(lesson)) == {who.user_id for who in many}


# staying out


async def test_L31_who_was_removed_comes_back_by_no_code(stage_on_both: Stage, hall: Hall) -> None:
    before = await invite(hall)
    await hall.remove(hall.anna)
    await refused(NotFound, accept(hall, hall.anna, before))
    after = await invite(hall)
    await refused(NotFound, accept(hall, hall.anna, after))
    await hall.update(student_ids=[hall.ben.user_id, hall.anna.user_id])
    assert hall.anna.user_id in ids(await accept(hall, hall.anna, after))
    await hall.remove(hall.anna)
    await refused(NotFound, accept(hall, hall.anna, after))
    assert hall.anna.user_id not in ids(await hall.lessons.get(hall.tutor, one_lesson(hall.lesson.id)))


async def test_L31_who_was_removed_is_not_told_that_the_lesson_is_full(stage_on_both: Stage, hall: Hall) -> None:
    others = [await stage_on_both.given.caller() for _ in range(STUDENTS_AT_MOST)]
    code = await invite(hall)
    await hall.update(student_ids=[one.user_id for one in others])
    await refused(NotFound, accept(hall, hall.anna, code))
    await refused(LessonFull, accept(hall, await stage_on_both.given.caller(), code))


async def test_L30_L31_a_code_that_ends_while_it_is_accepted_lets_nobody_in(stage_on_both: Stage, hall: Hall) -> None:
    clara, code = await stage_on_both.given.caller(), await invite(hall)
    read = hall.lessons._read_anew

    async def overtaken(lesson_id: str) -> Lesson:
        lesson = await read(lesson_id)
        await invite(hall)
        return lesson

    hall.lessons._read_anew = overtaken  # type: ignore[method-assign]  # what happens between reading and writing
    await refused(NotFound, accept(hall, clara, code))
    assert hall.heard == []


# guessing


async def test_L32_who_guesses_waits_and_who_knows_does_not(stage: Stage, hall: Hall) -> None:
    clara, ben, code = await stage.given.caller(), hall.ben, await invite(hall)
    for _ in range(PERSON.free):
        await refused(NotFound, accept(hall, clara, WRONG))
        await accept(hall, ben, code)
    waits = []
    for _ in range(3):
        error = await refused(RateLimited, accept(hall, clara, code))
        waits.append(error.retry_after_s)
        stage.clock.turn(seconds=error.retry_after_s)
        await refused(NotFound, accept(hall, clara, WRONG))
    assert waits == [1, 2, 4]
    stage.clock.turn(minutes=15)
    assert clara.user_id in ids(await accept(hall, clara, code))


async def test_L32_an_address_guesses_no_faster_with_many_people(stage: Stage, hall: Hall) -> None:
    for number in range(ADDRESS.free):
        guesser = Caller(f"guesser {number}", hall.anna.role)
        await refused(NotFound, accept(hall, guesser, WRONG, f"2001:db8::{number:x}"))
    await refused(RateLimited, accept(hall, hall.anna, WRONG, "2001:db8::ffff"))
    await refused(NotFound, accept(hall, hall.anna, WRONG, "2001:db8:0:1::1"))


# the doors


def test_the_doors_names_are_the_contracts() -> None:
    assert names_of(INVITES_PROCEDURES) == {
        "tutorwamp.lesson.invite": InviteToLesson,
        "tutorwamp.lesson.accept": AcceptInvitation,
    }


async def test_the_door_answers_with_its_results(hall: Hall) -> None:
    code = await invite(hall)
    steps = {"accept": AcceptInvitation(code=code), "invite": InviteToLesson(lesson_id=hall.lesson.id)}
    await try_all(served_by(hall.machine.invites, INVITES_PROCEDURES), hall.tutor, steps)


async def test_invited_over_rest(stage: Stage, site: Loopback, hall: Hall) -> None:
    clara = await stage.given.caller()
    tutor, student = (Asking(stage, site, who, "/api/lessons") for who in (hall.tutor, clara))
    made = await tutor("POST", f"/{hall.lesson.id}/invite", None, Idempotency_Key="harmless")
    assert made.status == 200
    asked = {"code": made.json["code"]}
    taken = await student("POST", "/accept", asked, Idempotency_Key="harmless")
    assert (taken.status, taken.json["students"][-1]["id"]) == (200, clara.user_id)
    assert taken.headers["etag"] == f'"{taken.json["version"]}"'
    assert (await student("POST", "/accept/", asked)).json == taken.json
    assert told(await student("POST", "/accept", {"code": WRONG})) == (404, "not_found")
    assert told(await student("POST", "/accept", {"code": "nonsense"})) == (422, "invalid")
    assert told(await student("POST", f"/{hall.lesson.id}/invite", {"ttl_s": 60})) == (403, "forbidden")
    assert told(await tutor("POST", f"/{hall.lesson.id}/invite", {"ttl_s": 59})) == (422, "invalid")
    assert told(await tutor("POST", f"/{new_id()}/invite", None)) == (404, "not_found")
