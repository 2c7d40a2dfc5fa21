"""The cast asks and answers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, select

from tests.support.cast import Cast, one_lesson
from tutorwamp.kernel.contracts import Caller
from tutorwamp.lessons.contracts import Lesson
from tutorwamp.polls.contracts import (
    POLLS_TOPIC,
    AnswerPoll,
    Answers,
    ClosePoll,
    OnePoll,
    OpenPoll,
    Poll,
    PollsChanged,
)
from tutorwamp.polls.tables import ballot_boxes, poll_answers, polls


class BallotHall(Cast):
    """What people are asked in their lesson."""

    TOPIC, CHANGED = POLLS_TOPIC, PollsChanged

    async def ask(self, question: str = "Clear?", choices: tuple[str, ...] = ("Yes", "No"), **more: Any) -> Poll:
        asked = {"lesson_id": self.lesson.id, "question": question, "choices": list(choices), **more}
        return await self.machine.polls.open_poll(self.tutor, OpenPoll.model_validate(asked))

    async def answer(self, caller: Caller, poll: Poll, *places: int, text: str | None = None) -> Poll:
        """With the choices at these places."""
        choice_ids = [poll.choices[place].id for place in places]
        return await self.machine.polls.answer(caller, AnswerPoll(poll_id=poll.id, choice_ids=choice_ids, text=text))

    async def close(self, poll: Poll, *, show: bool = False, caller: Caller | None = None) -> Poll:
        return await self.machine.polls.close_poll(caller or self.tutor, ClosePoll(poll_id=poll.id, show=show))

    async def answers(self, poll: Poll, caller: Caller | None = None) -> Answers:
        return await self.machine.polls.answers(caller or self.tutor, OnePoll(poll_id=poll.id))

    async def listed(self, caller: Caller) -> list[Poll]:
        return (await self.machine.polls.list_polls(caller, one_lesson(self.lesson.id))).items

    async def votes(self, poll: Poll, caller: Caller | None = None) -> list[int | None]:
        """As somebody sees them in the list; the tutor by default."""
        found = next(one for one in await self.listed(caller or self.tutor) if one.id == poll.id)
        return [choice.votes for choice in found.choices]

    async def end(self) -> Lesson:
        await self.machine.lessons.start(self.tutor, one_lesson(self.lesson.id))
        return await self.machine.lessons.end(self.tutor, one_lesson(self.lesson.id))

    def told(self) -> list[tuple[int, str]]:
        """Number and type of what was announced since the last look."""
        told = [(one.event.seq, one.event.type) for one in self.heard]
        self.heard.clear()
        return told

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        """All that a table has."""

        def thd(connection: Connection) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

        return await self.machine.database.read("test.rows", thd)


TABLES = (polls, poll_answers, ballot_boxes)
