"""Mending, taking back, reacting, and how far one has read."""

from __future__ import annotations

import json
import unicodedata

import pytest
from sqlalchemy import Connection, text
from twisted.internet.defer import gatherResults

from tests.chat.room import Room
from tests.support.cast import one_lesson, under_way
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.chat.contracts import EMOJI_PER_MESSAGE_AT_MOST, Message
from tutorwamp.chat.errors import EditWindow
from tutorwamp.kernel.errors import Conflict, Forbidden, NotFound, RateLimited, TooLarge
from tutorwamp.kernel.limits import WRITTEN_IN_LESSON
from tutorwamp.lessons.errors import WrongState


async def end(room: Room) -> None:
    await room.machine.lessons.start(room.tutor, one_lesson(room.lesson.id))
    await room.machine.lessons.end(room.tutor, one_lesson(room.lesson.id))


async def all_text(room: Room) -> str:
    """Every row of the database's tables that a word could hide in."""

    def thd(connection: Connection) -> str:
        tables = ("messages", "stream_events", "reactions", "read_marks")
        rows = [connection.execute(text(f"SELECT * FROM {table}")).all() for table in tables]  # noqa: S608  # names above
        return repr(rows)

    return await room.machine.database.read("test.all", thd)


# mending


async def test_C3_an_edit_keeps_place_and_time_and_says_when(stage: Stage, room: Room) -> None:
    said = await room.send(room.anna, "Helo")
    await room.send(room.ben, "Hi")
    stage.clock.turn(hours=24)
    edited = await room.edit(room.anna, said, "Hello")
    assert edited == said.model_copy(update={"body": "Hello", "edited_at": stage.clock()})
    change = room.heard[-1]
    assert (change.event.seq, change.event.type, change.message) == (3, "message.updated", edited)
    assert change.event.data == edited.plain()
    assert (await room.history(room.ben)).items[-1] == edited
    assert "Helo" not in await all_text(room)
    stage.clock.turn(milliseconds=1)  # the window counts from when it was said, not from the last edit
    error = await refused(EditWindow, room.edit(room.anna, said, "Hello!"))
    assert (error.uri, error.details) == ("tutorwamp.error.chat.edit_window", {"window_s": 86_400.0})


async def test_C3_who_may_edit_and_how_long(stage: Stage, room: Room) -> None:
    said, gone = await room.send(room.anna, "Hello"), await room.send(room.anna, "Oops")
    await room.delete(room.anna, gone)
    for caller in (room.ben, room.tutor, await stage.given.caller("admin")):
        await refused(Forbidden, room.edit(caller, said, "Mine"))
    await refused(Conflict, room.edit(room.anna, gone, "Back again"))
    room.told()
    assert await room.edit(room.anna, said, "Hello") == said
    stage.clock.turn(hours=24, milliseconds=1)
    await refused(EditWindow, room.edit(room.anna, said, "Too late"))
    assert room.told() == []


async def test_C3_C4_what_was_said_is_mended_and_deleted_after_the_end_but_not_reacted_to(room: Room) -> None:
    said = await room.send(room.anna, "Helo")
    await end(room)
    assert (await room.edit(room.anna, said, "Hello")).body == "Hello"
    await refused(WrongState, room.react(room.ben, said))
    assert (await room.mark_read(room.ben, 1)).unread_count == 0
    assert (await room.delete(room.tutor, said)).body is None


async def test_C3_who_was_removed_changes_nothing_any_more(room: Room, elsewhere: Room) -> None:
    said = await elsewhere.send(room.anna, "Hello")
    await room.remove(room.anna)
    for attempt in (
        elsewhere.edit(room.anna, said, "Bye"),
        elsewhere.delete(room.anna, said),
        elsewhere.react(room.anna, said),
    ):
        await refused(NotFound, attempt)
    assert (await room.history(room.tutor)).items == [said]


# taking back


async def test_C4_its_author_the_tutor_and_admins_delete(stage: Stage, room: Room) -> None:
    for deleter in (room.anna, room.tutor, await stage.given.caller("admin")):
        said = await room.send(room.anna, "Oops")
        await refused(Forbidden, room.delete(room.ben, said))
        stage.clock.turn(hours=48)
        assert (await room.delete(deleter, said)).body is None
    tutors = await room.send(room.tutor, "Hello")
    await refused(Forbidden, room.delete(room.anna, tutors))


async def test_C4_C9_a_deleted_text_is_nowhere_any_more_and_its_place_stays(stage_on_both: Stage, room: Room) -> None:
    said = await room.send(room.anna, "My password is Geheimnis")
    await room.edit(room.anna, said, "My password is GEHEIMNIS")
    await room.react(room.ben, said)
    after = await room.send(room.ben, "Careful")
    stage_on_both.clock.turn(minutes=1)
    deleted = await room.delete(room.tutor, said)
    assert (deleted.body, deleted.deleted_at, deleted.seq) == (None, stage_on_both.clock(), 1)
    stage_on_both.clock.turn(minutes=1)
    assert await room.delete(room.anna, said) == deleted, "twice is once"
    assert deleted.reactions == {"👍": [room.ben.user_id]}
    assert (await room.history(room.ben)).items == [after, deleted]
    assert await room.search(room.anna, "geheimnis") == []
    assert [event.data for event in await room.stored() if event.data["id"] == said.id] == [deleted.plain()] * 4
    assert "geheimnis" not in (await all_text(room)).casefold()
    assert room.heard[-1].event.data == deleted.plain()
    room.told()
    assert await room.delete(room.anna, said) == deleted
    assert room.told() == []


# reacting


async def test_C8_on_and_off_and_twice_is_once(stage_on_both: Stage, room: Room) -> None:
    said = await room.send(room.anna, "Done!")
    room.told()
    await room.react(room.ben, said)
    stage_on_both.clock.turn(seconds=1)
    both = await room.react(room.anna, said)
    assert both.reactions == {"👍": [room.ben.user_id, room.anna.user_id]}
    assert (await room.react(room.ben, said)) == both
    more = await room.react(room.ben, said, "🎉")
    assert more.reactions == {**both.reactions, "🎉": [room.ben.user_id]}
    assert (await room.react(room.tutor, said, "🎉", on=False)) == more
    less = await room.react(room.ben, said, on=False)
    assert less.reactions == {"👍": [room.anna.user_id], "🎉": [room.ben.user_id]}
    assert [one.event.type for one in room.heard] == ["reaction.changed"] * 4
    assert [one.event.seq for one in room.heard] == [2, 3, 4, 5]
    assert room.heard[-1].event.data == less.plain() == (await room.history(room.ben)).items[0].plain()
    assert (room.heard[-1].event.actor or {})["id"] == room.ben.user_id
    assert less.edited_at is None


async def test_C8_fifty_different_emoji_are_enough(room: Room) -> None:
    said = await room.send(room.anna, "Done!")
    emoji = [chr(code) for code in range(0x1F400, 0x1F400 + EMOJI_PER_MESSAGE_AT_MOST + 1)]
    assert all(unicodedata.category(one) == "So" for one in emoji)
    for one in emoji[:-1]:
        await room.react(room.ben, said, one)
    error = await refused(TooLarge, room.react(room.ben, said, emoji[-1]))
    assert error.details == {"emoji_at_most": 50}
    assert len((await room.react(room.tutor, said, emoji[0])).reactions) == 50
    await room.react(room.ben, said, emoji[1], on=False)
    assert emoji[-1] in (await room.react(room.ben, said, emoji[-1])).reactions


async def test_C8_a_deleted_message_is_not_reacted_to(room: Room) -> None:
    said = await room.send(room.anna, "Oops")
    await room.react(room.ben, said)
    await room.delete(room.anna, said)
    for on in (True, False):
        await refused(Conflict, room.react(room.ben, said, on=on))


async def test_C8_reactions_from_two_machines_at_once_are_all_kept(room: Room, elsewhere: Room) -> None:
    rooms = [room, elsewhere]
    said = await room.send(room.anna, "Done!")
    people = [room.tutor, room.anna, room.ben]
    asked = [
        rooms[(number + place) % 2].react(caller, said, emoji)
        for number, emoji in enumerate("🎉🔥🚀")
        for place, caller in enumerate(people)
    ]
    assert all(isinstance(one, Message) for one in await gatherResults([under_way(one) for one in asked]))
    (now,) = (await room.history(room.anna)).items
    assert {emoji: set(ids) for emoji, ids in now.reactions.items()} == {
        emoji: {one.user_id for one in people} for emoji in "🎉🔥🚀"
    }
    assert [event.seq for event in await room.stored()] == list(range(1, 11))
    assert json.dumps(now.plain()["reactions"], sort_keys=True) == json.dumps(
        (await room.stored())[-1].data["reactions"], sort_keys=True
    )


# reading


async def test_C12_a_mark_goes_forward_to_the_head_at_most_and_never_back(stage_on_both: Stage, room: Room) -> None:
    nothing = await room.mark_read(room.anna, 7)
    assert (nothing.read_seq, nothing.unread_count) == (0, 0)
    for body in "abcd":
        await room.send(room.ben, body)
    for seq, read_seq, unread in ((2, 2, 2), (1, 2, 2), (0, 2, 2), (3, 3, 1)):
        mark = await room.mark_read(room.anna, seq)
        assert (mark.read_seq, mark.unread_count) == (read_seq, unread)
    head = len(await room.stored())
    mark = await room.mark_read(room.anna, 2**53 - 1)
    assert (mark.read_seq, mark.unread_count) == (head, 0)


async def test_C12_an_advance_is_told_once(room: Room, elsewhere: Room) -> None:
    await room.send(room.ben, "Hello")
    room.told()
    assert (await room.mark_read(room.anna, 1)).read_seq == 1
    await room.mark_read(room.stage.given.again(room.anna), 1)
    await elsewhere.mark_read(room.anna, 1)
    (change,) = room.heard
    assert (change.event.seq, change.event.type, change.message) == (2, "read.advanced", None)
    person = (await room.stage.machine.accounts.person(room.anna.user_id)).plain()
    assert (change.event.actor, change.event.data) == (person, {"person": person, "read_seq": 1})


async def test_C12_who_marks_all_that_is_heard_as_read_comes_to_rest(room: Room) -> None:
    await room.send(room.ben, "Hello")
    for _ in range(3):
        for caller in (room.anna, room.tutor):
            head = len(await room.stored())
            assert (await room.mark_read(caller, head)).read_seq == head
    assert [kind for _, kind in room.told()] == ["message.created", "read.advanced", "read.advanced"]


async def test_C12_what_is_ones_own_or_deleted_is_not_unread(room: Room) -> None:
    first = await room.send(room.ben, "one")
    await room.send(room.anna, "mine")
    gone = await room.send(room.ben, "two")
    await room.react(room.ben, first)
    await room.send(room.tutor, "three")
    unread = {"anna": 3, "ben": 2, "tutor": 3}
    assert {who: (await room.mark_read(getattr(room, who), 0)).unread_count for who in unread} == unread
    await room.delete(room.ben, gone)
    assert (await room.mark_read(room.anna, 0)).unread_count == 2
    assert (await room.mark_read(room.anna, first.seq)).unread_count == 1


async def test_C12_of_many_marks_at_once_the_farthest_stays(room: Room, elsewhere: Room) -> None:
    rooms = [room, elsewhere]
    for number in range(10):
        await room.send(room.ben, str(number))
    marks = [3, 9, 1, 10, 2, 8, 10, 5]
    asked = [under_way(rooms[number % 2].mark_read(room.anna, seq)) for number, seq in enumerate(marks)]
    answers = await gatherResults(asked)
    assert all(answer.read_seq >= seq for answer, seq in zip(answers, marks, strict=True))
    assert (await room.mark_read(room.anna, 0)).read_seq == 10
    told = [event.data["read_seq"] for event in await room.stored() if event.type == "read.advanced"]
    assert told == sorted(set(told))
    assert told[-1] == 10


@pytest.mark.parametrize("kind", ["edit", "delete"])
async def test_C3_C4_two_machines_that_change_one_message_agree(kind: str, room: Room, elsewhere: Room) -> None:
    rooms = [room, elsewhere]
    said = await room.send(room.anna, "Hello")
    if kind == "edit":
        asked = [rooms[number % 2].edit(room.anna, said, f"Hello {number}") for number in range(10)]
    else:
        asked = [rooms[number % 2].delete(room.anna, said) for number in range(10)]
    answers = await gatherResults([under_way(one) for one in asked])
    assert all(isinstance(one, Message) for one in answers)
    stored = await room.stored()
    assert [event.seq for event in stored] == list(range(1, 12 if kind == "edit" else 3))
    (now,) = (await room.history(room.ben)).items
    assert [event.data for event in stored] == [now.plain()] * len(stored)


async def test_C15_who_changes_a_message_pays_for_every_event_that_tells_of_it(
    stage_on_both: Stage, room: Room
) -> None:
    said = await room.send(room.anna, "x" * 4_000)
    charged: list[int] = []
    room.machine.limits.charge_written = lambda _, bytes_written: charged.append(bytes_written)  # type: ignore[method-assign,assignment]  # to hear it
    for number in range(5):
        await room.react(room.ben, said, on=not number % 2)
    one = charged[0] // 2  # the message's own event, and the reaction's
    assert one > 4_000
    assert [round(size / one) for size in charged] == [2, 3, 4, 5, 6]
    await room.react(room.ben, said)  # it is on already
    assert charged[5:] == [0]


async def test_C15_a_lesson_keeps_so_much_at_once_and_says_so(stage: Stage, room: Room) -> None:
    room.machine.limits.write_in(room.lesson.id, WRITTEN_IN_LESSON.burst)
    error = await refused(RateLimited, room.send(room.anna, "x" * 4_000))
    assert 0 < error.retry_after_s < 1
    said = await refused(NotFound, room.send(await stage.given.caller(), "to outsiders there is no such lesson"))
    assert "lesson" in said.message
