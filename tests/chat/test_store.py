"""What one batch of sends does, and how pages are cut: the store, on both engines."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.defer import maybeDeferred

from tests.chat.room import Room
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.chat.contracts import MessageFields, ReadHistory, SearchMessages, SendMessage
from tutorwamp.chat.service import _new_message
from tutorwamp.chat.store import ChatStore, Sending, Sent, _send
from tutorwamp.chat.tables import messages
from tutorwamp.files.store import FilesStore
from tutorwamp.kernel.contracts import Caller, cursor_from, new_id
from tutorwamp.kernel.errors import Conflict, Invalid
from tutorwamp.kernel.streams import Draft, StaleGuardError, UnknownStreamError

FILES = FilesStore(None, lesson_bytes=0)  # type: ignore[arg-type]  # it joins the transactions of others only
batch = partial(_send, FILES)


def sending(room: Room, author: Caller, body: str, *, key: str = "", **draft: Any) -> Sending:
    message_id, now = new_id(), room.stage.clock()
    asked = SendMessage(lesson_id=room.lesson.id, body=body, client_id=key or None)
    message = _new_message(asked, author.user_id, now).model_copy(update={"id": message_id})
    made = Draft(
        stream=room.stream,
        guard=1,
        type="message.created",
        at=now,
        actor={"id": author.user_id},
        key=key or message_id,
        digest=body,
        subject=message_id,
        data=lambda seq: {"body": body, "seq": seq},
    )
    return Sending(replace(made, **draft), message)


def replying(one: Sending, reply_to: str) -> Sending:
    return replace(one, message=one.message.model_copy(update={"reply_to": reply_to}))


async def test_C5_C6_every_job_of_a_batch_has_its_own_outcome(stage_on_both: Stage, room: Room) -> None:
    before = await room.send(room.tutor, "before", client_id="before")
    anna = room.anna
    jobs = [
        sending(room, anna, "a", key="k"),
        sending(room, anna, "a", key="k"),
        sending(room, anna, "b", key="k"),
        sending(room, room.ben, "b", key="k"),
        replying(sending(room, anna, "lost"), new_id()),
        replying(sending(room, anna, "reply"), before.id),
        sending(room, anna, "stale", guard=2),
        sending(room, anna, "nowhere", stream="tutorwamp.lesson.none.chat"),
        sending(room, anna, "last"),
    ]
    outcomes = await stage_on_both.machine.database.write("test.batch", batch, jobs)
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Sent, Sent, Conflict, Sent, Invalid, Sent, StaleGuardError, UnknownStreamError, Sent]
    sent = [outcome for outcome in outcomes if isinstance(outcome, Sent)]
    assert [(one.message.seq, one.event is not None) for one in sent] == [
        (2, True),
        (2, False),
        (3, True),
        (4, True),
        (5, True),
    ]
    assert sent[0].message == sent[1].message
    store = ChatStore(stage_on_both.machine.database, FILES)
    for one in sent:
        assert await store.by_id(one.message.id) == one.message
    assert [event.seq for event in await room.stored()] == [1, 2, 3, 4, 5]


async def test_a_batch_that_is_refused_as_a_whole_writes_nothing(stage_on_both: Stage, room: Room) -> None:
    jobs = [replying(sending(room, room.anna, "lost"), new_id()) for _ in range(3)]
    outcomes = await stage_on_both.machine.database.write("test.batch", batch, jobs)
    assert [type(outcome) for outcome in outcomes] == [Invalid] * 3
    assert await room.stored() == []


async def test_a_batch_of_any_size_costs_the_same(stage_on_both: Stage, room: Room) -> None:
    question = await room.send(room.tutor, "?")
    counts, database = stage_on_both.machine.database.counts, stage_on_both.machine.database
    for size in (1, 2, 50):
        jobs = [replying(sending(room, room.anna, "x"), question.id) for _ in range(size)]
        await database.write(f"test.batch{size}", batch, jobs)
    cost = {size: counts.of(f"test.batch{size}").queries for size in (1, 2, 50)}
    assert cost == dict.fromkeys((1, 2, 50), 6)


GARBAGE = ["a", "_", "-" * 199, cursor_from(1, 2), cursor_from("\0"), cursor_from("x" * 37), cursor_from("|")]
NO_NUMBER = ["²", "٣", "-1", "+1", " 1", "1_0", "9" * 17, "9" * 36, "x", "1\0"]


async def test_C10_C11_garbage_is_not_a_cursor(stage_on_both: Stage, room: Room) -> None:
    store = ChatStore(stage_on_both.machine.database, FILES)
    attempts = [
        *((store.history, ReadHistory(lesson_id=room.lesson.id, cursor=one)) for one in GARBAGE),
        *((store.history, ReadHistory(lesson_id=room.lesson.id, cursor=cursor_from(one))) for one in NO_NUMBER),
    ]
    for read, asked in attempts:
        error = await refused(Invalid, maybeDeferred(read, asked))
        assert error.details == [{"loc": ["cursor"], "msg": "not a cursor of this list"}]
    for cursor in GARBAGE:
        await refused(Invalid, maybeDeferred(store.search, SearchMessages(query="x", cursor=cursor), None))


async def test_a_message_has_the_same_fields_in_its_row_its_events_and_all_answers(
    stage_on_both: Stage, room: Room
) -> None:
    question = await room.send(room.tutor, "?")
    said = await room.send(room.anna, "Helo", client_id="mine", reply_to=question.id)
    await room.react(room.ben, said, "👍")
    changed = await room.edit(room.anna, said, "Hello")
    fields = list(MessageFields.model_fields)
    gone = (await room.delete(room.tutor, question)).plain()
    told = {event.data["id"]: event.data for event in await room.stored()}
    newest, oldest = (await room.history(room.ben)).items
    for shown in (changed.plain(), newest.plain(), told[said.id], gone, oldest.plain(), told[question.id]):
        assert list(shown) == fields, "in this order, too"
    assert changed.plain() == newest.plain() == told[said.id]
    assert gone == oldest.plain() == told[question.id]
    assert [name for name in fields if newest.plain()[name] is None] == ["deleted_at"], "each was tried with a value"
    assert {*messages.c.keys()} == {*fields, "author_id", "folded"} - {"author", "reactions"}
