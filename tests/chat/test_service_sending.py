"""Saying something: once, in order, and only by those who may."""

from __future__ import annotations

import pytest
from twisted.internet.defer import gatherResults

from tests.chat.room import Room
from tests.support.cast import one_lesson, under_way
from tests.support.machine import Stage
from tests.support.paging import pages
from tests.support.refused import refused
from tutorwamp.chat.contracts import Message
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import Conflict, Invalid, NotFound
from tutorwamp.lessons.contracts import CancelLesson, UpdateLesson
from tutorwamp.lessons.errors import WrongState


async def test_a_message_comes_back_is_announced_and_is_kept_the_same(stage_on_both: Stage, room: Room) -> None:
    said = await room.send(room.anna, "  Grüße \n an alle ", client_id="one")
    person = await stage_on_both.machine.accounts.person(room.anna.user_id)
    assert said.plain() == {
        "id": said.id,
        "lesson_id": room.lesson.id,
        "seq": 1,
        "author": person.plain(),
        "body": "Grüße \n an alle",
        "reply_to": None,
        "files": [],
        "reactions": {},
        "created_at": "2026-11-23T09:00:00.000Z",
        "edited_at": None,
        "deleted_at": None,
        "client_id": "one",
    }
    (announced,) = room.heard
    assert announced.message == said
    assert announced.event.plain() == {
        "stream": room.stream,
        "seq": 1,
        "type": "message.created",
        "at": "2026-11-23T09:00:00.000Z",
        "actor": person.plain(),
        "data": said.plain(),
    }
    assert await room.stored() == [announced.event]
    assert (await room.history(room.ben)).items == [said]


# who may


async def test_C2_members_and_admins_talk_before_and_while_the_lesson_runs(stage: Stage, room: Room) -> None:
    admin = await stage.given.caller("admin")
    for caller in (room.tutor, room.anna, room.ben, admin):
        assert (await room.send(caller, "Hello")).author.id == caller.user_id
    await stage.machine.lessons.start(room.tutor, one_lesson(room.lesson.id))
    assert (await room.send(room.anna, "Here we go")).seq == 5


@pytest.mark.parametrize("how", ["ended", "cancelled"])
async def test_C2_nobody_talks_in_a_lesson_that_is_over(stage: Stage, how: str, room: Room) -> None:
    await room.send(room.anna, "Hello")
    await over(room, how)
    for caller in (room.anna, room.tutor, await stage.given.caller("admin")):
        error = await refused(WrongState, room.send(caller, "Wait!", client_id="late"))
        assert (error.uri, error.details) == ("tutorwamp.error.lesson.state", {"state": how})
        await refused(WrongState, room.send(caller, "Wait!"))
    assert len(await room.stored()) == 1


async def over(room: Room, how: str) -> None:
    lessons = room.machine.lessons
    if how == "ended":
        await lessons.start(room.tutor, one_lesson(room.lesson.id))
        await lessons.end(room.tutor, one_lesson(room.lesson.id))
    else:
        await lessons.cancel(room.tutor, CancelLesson(lesson_id=room.lesson.id))


async def test_C2_a_stranger_sees_nothing_of_a_chat(stage: Stage, room: Room) -> None:
    said = await room.send(room.anna, "Hello")
    nothing = said.model_copy(update={"id": new_id()})
    for stranger in (await stage.given.caller(), await stage.given.caller("tutor")):
        for attempt in (
            room.send(stranger, "Hello"),
            room.history(stranger),
            room.mark_read(stranger, 1),
            room.search(stranger, "hello", lesson_id=room.lesson.id),
        ):
            assert (await refused(NotFound, attempt)).message == "There is no such lesson."
        for message in (said, nothing):
            for attempt in (
                room.edit(stranger, message, "Mine"),
                room.delete(stranger, message),
                room.react(stranger, message),
            ):
                assert (await refused(NotFound, attempt)).message == "There is no such message."
    assert room.told() == [(1, "message.created")]


async def test_C2_who_was_removed_is_refused_by_a_machine_that_does_not_know_it_yet(
    room: Room, elsewhere: Room
) -> None:
    await elsewhere.send(room.anna, "The other machine knows me now")
    await room.remove(room.anna)
    assert (await elsewhere.machine.lessons.admit(room.anna, room.lesson.id, fresh=False)).guard == 1
    await refused(NotFound, elsewhere.send(room.anna, "Am I still here?"))
    for attempt in (elsewhere.history(room.anna), elsewhere.mark_read(room.anna, 1)):
        await refused(NotFound, attempt)
    assert (await elsewhere.send(room.ben, "No")).seq == 2


async def test_C2_the_end_is_respected_by_a_machine_that_does_not_know_it_yet(room: Room, elsewhere: Room) -> None:
    await elsewhere.send(room.anna, "The other machine knows the lesson now")
    await over(room, "ended")
    await refused(WrongState, elsewhere.send(room.anna, "Still there?"))
    assert len(await room.stored()) == 1


async def test_C2_the_invited_talk_on_a_machine_that_does_not_know_it_yet(room: Room, elsewhere: Room) -> None:
    clara = await room.stage.given.caller()
    await elsewhere.send(room.anna, "The other machine knows the lesson now")
    everybody = [*(one.id for one in room.lesson.students), clara.user_id]
    asked = UpdateLesson(lesson_id=room.lesson.id, version=1, student_ids=everybody)
    await room.stage.machine.lessons.update(room.tutor, asked)
    await elsewhere.machine.lessons.join(clara, one_lesson(room.lesson.id))
    assert (await elsewhere.send(clara, "Hello")).seq == 2


async def test_C2_sends_go_through_while_the_lesson_changes_under_them(room: Room, elsewhere: Room) -> None:
    await elsewhere.send(room.anna, "0")
    sending = [under_way(elsewhere.send(room.anna, str(number))) for number in range(1, 41)]
    for number in range(1, 4):
        asked = UpdateLesson(lesson_id=room.lesson.id, version=number, title=f"Title {number}")
        await room.stage.machine.lessons.update(room.tutor, asked)
        sending.append(under_way(elsewhere.send(room.ben, f"after {number}")))
    sent = await gatherResults(sending)
    assert all(isinstance(one, Message) for one in sent)
    assert [event.seq for event in await room.stored()] == list(range(1, 45))


# once


async def test_C5_a_repeated_client_id_is_answered_like_the_first_and_told_once(room: Room, elsewhere: Room) -> None:
    first = await room.send(room.anna, "Hello", client_id="one")
    assert await room.send(room.anna, "Hello", client_id="one") == first
    assert await elsewhere.send(room.stage.given.again(room.anna), "Hello ", client_id="one") == first
    room.stage.clock.turn(hours=24)
    assert await room.send(room.anna, "Hello", client_id="one") == first
    assert room.told() == [(1, "message.created")]
    assert len(await room.stored()) == 1


async def test_C5_the_same_client_id_with_other_content_is_refused(room: Room) -> None:
    first = await room.send(room.anna, "Hello", client_id="one")
    for attempt in (
        room.send(room.anna, "Good bye", client_id="one"),
        room.send(room.anna, "Hello", client_id="one", reply_to=first.id),
    ):
        assert (await refused(Conflict, attempt)).uri == "tutorwamp.error.conflict"
    assert (await room.send(room.ben, "Next")).seq == 2


async def test_C5_a_client_id_is_its_authors_and_its_lessons_own(stage: Stage, room: Room) -> None:
    hers = await room.send(room.anna, "Hello", client_id="one")
    his = await room.send(room.ben, "Good bye", client_id="one")
    assert [(one.author.id, one.seq) for one in (hers, his)] == [(room.anna.user_id, 1), (room.ben.user_id, 2)]
    other = await stage.given.lesson(room.tutor, room.anna)
    there = await room.send(room.anna, "Good bye", client_id="one", lesson_id=other.id)
    assert (there.lesson_id, there.seq) == (other.id, 1)


async def test_C5_a_client_id_that_comes_again_before_the_first_is_kept_is_one_message(
    stage_on_both: Stage, room: Room
) -> None:
    await room.send(room.ben, "What follows goes into batches")
    asked = ["Hello"] * 5 + ["Good bye"] + ["Hello"] * 2
    outcomes = await gatherResults([under_way(room.send(room.anna, body, client_id="one")) for body in asked])
    assert [type(outcome) for outcome in outcomes] == [Message] * 5 + [Conflict] + [Message] * 2
    assert {one.seq for one in outcomes if isinstance(one, Message)} == {2}
    assert len({one.id for one in outcomes if isinstance(one, Message)}) == 1
    assert room.told() == [(1, "message.created"), (2, "message.created")]


async def test_C5_a_repetition_is_answered_when_the_lesson_is_over(stage_on_both: Stage, room: Room) -> None:
    first = await room.send(room.anna, "Bye", client_id="one")
    await over(room, "ended")
    assert await room.send(room.anna, "Bye", client_id="one") == first
    await refused(Conflict, room.send(room.anna, "Wait!", client_id="one"))
    assert room.told() == [(1, "message.created")]


async def test_C5_a_repetition_shows_the_message_as_it_is_now(room: Room) -> None:
    await room.send(room.anna, "Helo", client_id="one")
    edited = await room.edit(room.anna, (await room.history(room.anna)).items[0], "Hello")
    assert await room.send(room.anna, "Helo", client_id="one") == edited
    await refused(Conflict, room.send(room.anna, "Hello", client_id="one"))


# answers


async def test_C6_one_replies_to_a_message_of_the_same_lesson(room: Room) -> None:
    question = await room.send(room.tutor, "Why?")
    assert (await room.send(room.anna, "Because", reply_to=question.id)).reply_to == question.id
    await room.delete(room.tutor, question)
    assert (await room.send(room.ben, "Who asked?", reply_to=question.id)).reply_to == question.id


async def test_C6_a_wrong_reply_is_refused_alone_and_takes_no_number(stage_on_both: Stage, room: Room) -> None:
    here = await room.send(room.tutor, "Here")
    other = await stage_on_both.given.lesson(room.tutor, room.anna)
    there = await room.send(room.tutor, "There", lesson_id=other.id)
    replies = [here.id, there.id, None, new_id(), here.id]
    asked = [under_way(room.send(room.anna, str(number), reply_to=to)) for number, to in enumerate(replies)]
    outcomes = await gatherResults(asked)
    assert [type(outcome) for outcome in outcomes] == [Message, Invalid, Message, Invalid, Message]
    assert outcomes[1].details == outcomes[3].details == [{"loc": ["reply_to"], "msg": "no such message here"}]
    assert [one.seq for one in outcomes if isinstance(one, Message)] == [2, 3, 4]
    assert [event.seq for event in await room.stored()] == [1, 2, 3, 4]


# order


async def test_C7_five_hundred_at_once_are_told_and_kept_in_one_order_without_a_gap(
    stage_on_both: Stage, room: Room
) -> None:
    callers = [room.tutor, room.anna, room.ben, stage_on_both.given.again(room.anna), room.ben]
    asked = [(callers[number % 5], f"message {number}") for number in range(500)]
    sent = await gatherResults([under_way(room.send(caller, body)) for caller, body in asked])
    numbers = list(range(1, 501))
    assert sorted(one.seq for one in sent) == numbers
    assert [one.event.seq for one in room.heard] == numbers
    # Who sends without waiting is kept in the order of sending.
    for caller in set(callers):
        assert (own := [one.seq for one in sent if one.author.id == caller.user_id]) == sorted(own)
    in_order = sorted(sent, key=lambda one: one.seq)
    assert [one.message for one in room.heard] == in_order
    assert [event.data for event in await room.stored()] == [one.plain() for one in in_order]
    found = [one async for page in pages(room.history, room.anna, limit=100) for one in page.items]
    assert found == in_order[::-1]


async def test_C7_two_machines_number_one_lesson_together(room: Room, elsewhere: Room) -> None:
    rooms = [room, elsewhere]
    sent = await gatherResults(
        [under_way(rooms[number % 2].send(room.anna, str(number), client_id=str(number // 2))) for number in range(200)]
    )
    # Each pair shares a client_id: one of the two is kept, the other is told that the content differs.
    kept = [one for one in sent if isinstance(one, Message)]
    assert sorted(one.seq for one in kept) == list(range(1, 101))
    assert sum(isinstance(one, Conflict) for one in sent) == 100
    for one in rooms:
        told = [seq for seq, _ in one.told()]
        assert told == sorted(told)
    assert [event.seq for event in await room.stored()] == list(range(1, 101))
