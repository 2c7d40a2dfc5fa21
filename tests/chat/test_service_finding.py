"""Reading back and searching, page by page; and what every procedure costs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event
from twisted.internet.defer import gatherResults

from tests.chat.room import Room
from tests.support.cast import under_way
from tests.support.machine import Stage
from tests.support.paging import pages
from tests.support.refused import refused
from tutorwamp.chat import store
from tutorwamp.chat.contracts import WORDS_AT_MOST, Message, SearchMessages
from tutorwamp.kernel.contracts import Page, cursor_from
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.errors import Invalid, NotFound, TooLarge
from tutorwamp.kernel.sql import lanes

# reading back


async def test_C10_a_walk_through_history_meets_every_message_once_while_people_talk_on(
    stage_on_both: Stage, room: Room
) -> None:
    for number in range(23):
        said = await room.send(room.anna, str(number))
        if number % 3 == 0:
            await room.react(room.ben, said)  # numbers that no message has
    whole = (await room.history(room.ben)).items
    assert [one.body for one in whole] == [str(number) for number in reversed(range(23))]
    for limit in (1, 5, 22, 23):
        met = []
        async for page in pages(room.history, room.ben, limit=limit):
            met += page.items
            await room.send(room.tutor, "new")
        assert [one for one in met if one.body != "new"] == whole


async def test_C10_an_empty_history_is_one_empty_page(room: Room) -> None:
    page = await room.history(room.ben)
    assert (page.items, page.next_cursor) == ([], None)


# searching


async def test_C11_case_does_not_matter_in_any_script(stage_on_both: Stage, room: Room) -> None:
    for body in ("Die Straße ist lang", "DIE STRASSE IST KURZ", "Привет, Мир", "ΣΊΣΥΦΟΣ", "Éclair İstanbul"):
        await room.send(room.anna, body)
    both = ["DIE STRASSE IST KURZ", "Die Straße ist lang"]
    for query, found in {
        "STRASSE": both,
        "straße": both,
        "привет": ["Привет, Мир"],
        "ПРИВЕТ мир": ["Привет, Мир"],
        "σίσυφος": ["ΣΊΣΥΦΟΣ"],
        "éCLAIR": ["Éclair İstanbul"],
        "eclair": [],
        "İSTANBUL": ["Éclair İstanbul"],
    }.items():
        assert await room.search(room.ben, query) == found, query


async def test_C11_the_four_i_of_turkish_are_one(stage_on_both: Stage, room: Room) -> None:
    await room.send(room.anna, "İstanbul'da")
    await room.edit(room.anna, await room.send(room.anna, "-"), "ısparta")
    for query in ("istanbul", "ISTANBUL", "ıstanbul", "İSTANBUL’DA", "i\N{COMBINING DOT ABOVE}stanbul"):
        assert await room.search(room.ben, query) == ["İstanbul'da"], query
    for query in ("ISPARTA", "isparta", "İsparta", "ısparta"):
        assert await room.search(room.ben, query) == ["ısparta"], query


async def test_C11_forms_and_quotation_marks_do_not_matter(stage_on_both: Stage, room: Room) -> None:
    bodies = ["don’t say “never”", 'don\'t say "never"', "ｆｉｎｅ №２", "a soft\u00adly \ufeffword", "❤️"]
    for body in bodies:
        await room.send(room.anna, body)
    for query, found in {
        "DON'T": bodies[1::-1],
        "don‘t": bodies[1::-1],
        "don´t": bodies[1::-1],
        "„never“": bodies[1::-1],
        "»never«": bodies[1::-1],
        '"never"': bodies[1::-1],
        "ﬁne no2": bodies[2:3],
        "softly word": bodies[3:4],
        "❤": bodies[4:],
        "dont": [],
    }.items():
        assert await room.search(room.ben, query) == found, query


async def test_C11_nothing_in_a_query_is_a_pattern(stage_on_both: Stage, room: Room) -> None:
    bodies = [
        "100% sure",
        "100 sure",
        "snake_case",
        "snakeXcase",
        "back\\slash",
        "slash/ed",
        'it\'s "quoted"',
        "[a-z]*",
    ]
    for body in bodies:
        await room.send(room.anna, body)
    for query, found in {
        "100%": ["100% sure"],
        "%": ["100% sure"],
        "_": ["snake_case"],
        "e_c": ["snake_case"],
        "\\": ["back\\slash"],
        "/": ["slash/ed"],
        "slash": ["slash/ed", "back\\slash"],
        "'": ['it\'s "quoted"'],
        '"q': ['it\'s "quoted"'],
        "[a-z]": ["[a-z]*"],
        "%%": [],
        "__": [],
    }.items():
        assert await room.search(room.ben, query) == found, query


async def test_C11_all_words_wherever_they_stand(room: Room) -> None:
    await room.send(room.anna, "half of\na quarter")
    await room.send(room.anna, "a quarter")
    assert await room.search(room.ben, "quarter half") == ["half of\na quarter"]
    assert await room.search(room.ben, "  uart \u00a0 a ") == ["a quarter", "half of\na quarter"]
    assert await room.search(room.ben, "quarter third") == []


async def test_C11_an_edited_message_is_found_by_its_new_words_only(room: Room) -> None:
    said = await room.send(room.anna, "apples")
    await room.edit(room.anna, said, "Pears")
    assert await room.search(room.ben, "apples") == []
    assert await room.search(room.ben, "pears") == ["Pears"]


async def test_C11_one_finds_what_was_said_in_ones_own_lessons(stage_on_both: Stage, room: Room) -> None:
    given = stage_on_both.given
    clara, admin = await given.caller(), await given.caller("admin")
    other = await given.lesson(room.tutor, room.anna, clara)
    await room.send(room.anna, "needle here")
    await room.send(room.anna, "needle there", lesson_id=other.id)
    both = ["needle there", "needle here"]
    expected = {room.tutor: both, room.anna: both, room.ben: both[1:], clara: both[:1], admin: both}
    for caller, found in {**expected, await given.caller(): []}.items():
        assert await room.search(caller, "needle") == found
    assert await room.search(room.anna, "needle", lesson_id=other.id) == both[:1]
    await refused(NotFound, room.search(room.ben, "needle", lesson_id=other.id))
    await room.remove(room.anna)
    assert await room.search(room.anna, "needle") == both[:1]


async def test_C11_the_pages_of_a_search_fit_together(stage_on_both: Stage, room: Room) -> None:
    await gatherResults(
        [under_way(room.send(room.anna, f"word {number}" if number % 2 else "-")) for number in range(30)]
    )
    whole = await room.search(room.ben, "word")
    assert len(whole) == 15

    async def find(**more: Any) -> Page[Message]:
        return await room.machine.chat.search(room.ben, SearchMessages(query="word", **more))

    for limit in (1, 4, 15):
        met = []
        async for page in pages(find, limit=limit):
            met += [one.body for one in page.items]
            await room.send(room.tutor, "another word")
        assert [body for body in met if body != "another word"] == whole


# what it costs

COSTS = {
    "send": 5,
    "send, a reply": 6,
    "send, repeated": 4,
    "edit": 11,
    "react": 12,
    "delete": 11,
    "history": 3,
    "search, one lesson": 3,
    "search, all": 3,
    "mark_read": 10,
}
"""Queries of one call, whatever there is already. Who calls is known by name; the lesson is in memory."""


async def test_a_call_costs_the_same_queries_however_much_was_said(stage_on_both: Stage, room: Room) -> None:
    costs: dict[int, dict[str, int]] = {}
    for total in (10, 300):
        newest = (await room.history(room.anna, limit=1)).items
        missing = total - (newest[0].seq if newest else 0)
        people = (room.anna, room.ben)
        said = [under_way(room.send(people[number % 2], f"word {number}")) for number in range(missing)]
        await room.send(room.anna, "again", client_id=f"again {total}")
        costs[total] = {}
        for name, call in calls(room, (await gatherResults(said))[0], total).items():
            before = room.machine.database.counts.queries()
            await call()
            costs[total][name] = room.machine.database.counts.queries() - before
    # PostgreSQL is asked for the reader's lock; SQLite has one writer anyway.
    lock = room.machine.database.engine.dialect.name == "postgresql"
    assert costs[10] == costs[300] == {**COSTS, "mark_read": COSTS["mark_read"] + lock}


def calls(room: Room, mine: Message, total: int) -> dict[str, Callable[[], Awaitable[object]]]:
    anna = room.anna
    return {
        "send": lambda: room.send(anna, "word"),
        "send, a reply": lambda: room.send(anna, "word", reply_to=mine.id),
        "send, repeated": lambda: room.send(anna, "again", client_id=f"again {total}"),
        "edit": lambda: room.edit(anna, mine, "other words"),
        "react": lambda: room.react(anna, mine),
        "delete": lambda: room.delete(anna, mine),
        "history": lambda: room.history(anna, limit=100),
        "search, one lesson": lambda: room.search(anna, "word", lesson_id=room.lesson.id, limit=100),
        "search, all": lambda: room.search(anna, "word", limit=100),
        "mark_read": lambda: room.mark_read(anna, total),
    }


# what it costs


async def test_C14_a_query_has_a_dozen_words_at_most(room: Room) -> None:
    words = [f"w{number}" for number in range(WORDS_AT_MOST)]
    await room.send(room.anna, " ".join(words))
    assert len(await room.search(room.ben, " ".join(words))) == 1
    with pytest.raises(Invalid) as refusal:
        check(SearchMessages, {"query": " ".join([*words, "more"])})
    assert refusal.value.details == [{"loc": ["query"], "msg": "must have at most 12 words"}]


async def test_C14_only_the_lessons_of_the_caller_are_looked_through(stage_on_both: Stage, room: Room) -> None:
    plans: list[str] = []
    engine = room.machine.database.engine
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN (COSTS OFF) "

    def note(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "LIKE" in statement and not statement.startswith("EXPLAIN"):
            if engine.dialect.name == "postgresql":  # of an empty table any plan is good
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            plans.append("\n".join(str(row) for row in connection.exec_driver_sql(explain + statement, parameters)))

    event.listen(engine, "before_cursor_execute", note)
    await room.search(room.anna, "fractions", cursor=cursor_from("ffffffff"))
    event.remove(engine, "before_cursor_execute", note)
    (plan,) = plans
    assert "uq_messages_seq" in plan
    assert "pk_messages" not in plan
    assert "autoindex_messages" not in plan


async def test_C14_a_search_that_takes_too_long_is_ended(
    stage_on_both: Stage, monkeypatch: pytest.MonkeyPatch, room: Room
) -> None:
    monkeypatch.setattr(lanes, "STEPS_BETWEEN_LOOKS", 1)
    monkeypatch.setattr(store, "SEARCHES", replace(lanes.SEARCHES, within_s=0.001))
    engine = room.machine.database.engine

    def slow(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        many = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n"
        )
        return (many, () if engine.dialect.name == "sqlite" else {}) if "LIKE" in statement else (statement, parameters)

    event.listen(engine, "before_cursor_execute", slow, retval=True)
    error = await refused(TooLarge, room.search(room.anna, "fractions"))
    event.remove(engine, "before_cursor_execute", slow)
    assert error.details == {"seconds_at_most": 0.001}
    monkeypatch.setattr(store, "SEARCHES", lanes.SEARCHES)  # a busy machine may take longer than a millisecond
    assert await room.search(room.anna, "fractions") == []


async def test_C14_who_searches_pays_for_the_time_it_took(room: Room) -> None:
    charged: list[float] = []
    room.machine.limits.charge = lambda user_id, *, writes, units: charged.append(units)  # type: ignore[method-assign]  # to hear it
    await room.search(room.anna, "fractions")
    assert len(charged) == 1
    assert charged[0] > 0
