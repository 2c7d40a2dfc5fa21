"""Whoever only listens knows what whoever asks is told: three hundred random deeds, compared after each one.

The idea is Zulip's ``verify_action``: what a client makes of the events must equal what a fresh look shows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.chat.room import Room
from tests.support.cast import one_lesson
from tutorwamp.chat.contracts import ChatChanged, Message, ReadMark
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.lessons.contracts import UpdateLesson

SEED = 1
DEEDS = 300
WORDS = ["Straße", "STRASSE", "Привет", "привет", "100%", "snake_case", "needle", "Ünï", "a\nb", "%", "_"]
EMOJI = ["👍", "🎉", "1️⃣"]


@dataclass
class Listener:
    """A client that never asks: all it knows comes from events."""

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    seq: int = 0

    def hear(self, change: ChatChanged) -> None:
        event = change.event
        assert event.seq == self.seq + 1, "a gap, or out of order"
        self.seq = event.seq
        if event.type == "read.advanced":
            assert change.message is None
            self.marks[event.data["person"]["id"]] = event.data["read_seq"]
        else:
            assert change.message is not None
            assert change.message.plain() == event.data
            self.messages[event.data["id"]] = event.data

    def newest(self, count: int) -> list[dict[str, Any]]:
        return sorted(self.messages.values(), key=lambda one: -int(one["seq"]))[:count]

    def unread(self, user_id: str, read_seq: int) -> int:
        return sum(
            one["seq"] > read_seq and one["author"]["id"] != user_id and one["deleted_at"] is None
            for one in self.messages.values()
        )

    def found(self, query: str) -> list[str]:
        words = query.casefold().split()
        return [
            one["body"]
            for one in self.newest(100_000)
            if one["body"] is not None and all(word in one["body"].casefold() for word in words)
        ]


class Day:
    """Somebody does something, again and again, on one of two machines."""

    def __init__(self, random: Random, rooms: list[Room], listener: Listener) -> None:
        self.random = random
        self.rooms = rooms
        self.listener = listener
        self.sent: list[tuple[Caller, dict[str, Any]]] = []
        self.said: dict[str, Message] = {}
        self.outcomes: Counter[str] = Counter()

    async def deed(self) -> None:
        room = self.random.choice(self.rooms)
        caller = self.random.choice([room.tutor, room.anna, room.ben])
        kinds = ["send"] * 8 + ["repeat", "edit", "edit", "edit", "delete", "react", "react", "react", "mark", "mark"]
        kinds += ["search", "clock", "remove"]
        kind = self.random.choice(kinds)
        before = self.listener.seq
        try:
            answer = await getattr(self, f"_{kind}")(room, caller)
        except TutorwampError as error:
            self.outcomes[f"{kind} {error.uri}"] += 1
            assert self.listener.seq == before, "a refused deed was announced"
            return
        self.outcomes[kind] += 1
        if isinstance(answer, Message):
            self.said[answer.id] = answer
            assert self.listener.messages[answer.id] == answer.plain()

    def _some(self) -> Message:
        """Mostly something recent, now and then something old."""
        said = list(self.said.values())
        return self.random.choice(said if self.random.random() < 0.2 else said[-12:])

    def _words(self) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(1, 3)))

    async def _send(self, room: Room, caller: Caller) -> Message:
        asked: dict[str, Any] = {"body": self._words(), "client_id": str(self.random.randrange(10_000))}
        if self.said and self.random.random() < 0.3:
            asked["reply_to"] = self._some().id
        said = await room.send(caller, **asked)
        self.sent.append((caller, asked))
        return said

    async def _repeat(self, room: Room, caller: Caller) -> Message | None:
        if not self.sent:
            return None
        before = self.listener.seq
        again, asked = self.random.choice(self.sent)
        said = await room.send(again, **asked)
        assert self.listener.seq == before, "a repetition was announced"
        return said

    async def _edit(self, room: Room, caller: Caller) -> Message | None:
        if not self.said:
            return None
        mine = [one for one in self.said.values() if one.author.id == caller.user_id]
        message = self.random.choice(mine[-8:]) if mine and self.random.random() < 0.7 else self._some()
        return await room.edit(caller, message, self._words())

    async def _delete(self, room: Room, caller: Caller) -> Message | None:
        return await room.delete(caller, self._some()) if self.said else None

    async def _react(self, room: Room, caller: Caller) -> Message | None:
        if not self.said:
            return None
        on = self.random.random() < 0.7
        return await room.react(caller, self._some(), self.random.choice(EMOJI), on=on)

    async def _mark(self, room: Room, caller: Caller) -> ReadMark:
        mark = await room.mark_read(caller, self.random.randint(0, self.listener.seq + 3))
        assert mark.read_seq >= self.listener.marks.get(caller.user_id, 0)
        assert mark.unread_count == self.listener.unread(caller.user_id, mark.read_seq)
        # An advance over no message is not told; what is unread after what was told is the same.
        assert mark.unread_count == self.listener.unread(caller.user_id, self.listener.marks.get(caller.user_id, 0))
        return mark

    async def _search(self, room: Room, caller: Caller) -> None:
        query = self._words().replace("\n", " ")
        assert await room.search(caller, query, lesson_id=room.lesson.id, limit=100) == self.listener.found(query)[:100]

    async def _clock(self, room: Room, caller: Caller) -> None:
        room.stage.clock.turn(hours=self.random.randint(1, 9))

    async def _remove(self, room: Room, caller: Caller) -> None:
        """Ben is taken off the lesson, or back on it; the other machine does not hear of it."""
        now = await room.machine.lessons.get(room.tutor, one_lesson(room.lesson.id))
        ids = [room.anna.user_id] if len(now.students) == 2 else [room.anna.user_id, room.ben.user_id]
        asked = UpdateLesson(lesson_id=now.id, version=now.version, student_ids=ids)
        await room.machine.lessons.update(room.tutor, asked)


async def test_C13_events_and_history_tell_the_same_story(room: Room, elsewhere: Room) -> None:
    rooms = [room, elsewhere]
    listener = Listener()
    for one in rooms:
        one.machine.events.listen(ChatChanged, listener.hear)
    day = Day(Random(SEED), rooms, listener)
    for _ in range(DEEDS):
        await day.deed()
        seen = (await day.random.choice(rooms).history(room.tutor, limit=20)).items
        assert [one.plain() for one in seen] == listener.newest(20)
    stored = await room.stored()
    assert [event.seq for event in stored] == list(range(1, listener.seq + 1))
    for event in stored:
        if event.type != "read.advanced":
            assert event.data == listener.messages[event.data["id"]]
    # The day was worth it: everything was done, and some of it was refused.
    done = {"send", "repeat", "edit", "delete", "react", "mark", "search", "remove"}
    no = "tutorwamp.error."
    assert done | {f"send {no}not_found", f"edit {no}forbidden", f"delete {no}forbidden"} <= day.outcomes.keys()
