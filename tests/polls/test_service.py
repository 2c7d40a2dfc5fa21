"""Asking, answering, closing and seeing; on both engines."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, gatherResults

from tests.polls.ballot_hall import BallotHall
from tests.support.cast import one_lesson, under_way
from tests.support.machine import Stage, set_stage
from tests.support.refused import refused
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from tutorwamp.lessons.contracts import CancelLesson
from tutorwamp.lessons.errors import WrongState
from tutorwamp.polls.contracts import OnePoll, Poll
from tutorwamp.polls.tables import poll_answers


async def test_P1_P2_P3_who_may_do_what(stage: Stage, hall: BallotHall) -> None:
    poll = await hall.ask()
    stranger, other = await stage.given.caller(), await stage.given.caller("tutor")
    admin = await stage.given.caller("admin")
    for outsider in (stranger, other):
        await refused(NotFound, hall.answer(outsider, poll, 0))
        await refused(NotFound, hall.close(poll, caller=outsider))
        await refused(NotFound, hall.answers(poll, outsider))
        await refused(NotFound, hall.listed(outsider))
    await refused(Forbidden, hall.close(poll, caller=hall.anna))
    await refused(Forbidden, hall.answers(poll, hall.anna))
    for moderator in (hall.tutor, admin):
        await refused(Forbidden, hall.answer(moderator, poll, 0))
    hall.tutor, tutor = hall.anna, hall.tutor
    await refused(Forbidden, hall.ask())
    hall.tutor = admin
    assert (await hall.ask("From above")).question == "From above"
    hall.tutor = tutor
    assert (await hall.answers(poll, admin)).items == []
    assert (await hall.close(poll, caller=admin)).state == "closed"


async def test_P4_a_poll_that_is_not_there_is_not_found_in_any_way(hall: BallotHall) -> None:
    gone = (await hall.ask()).model_copy(update={"id": new_id()})
    await refused(NotFound, hall.answer(hall.anna, gone, 0))
    await refused(NotFound, hall.close(gone))
    poll, elsewhere = await hall.ask(), new_id()
    with pytest.raises(NotFound):
        await hall.machine.polls.answers(hall.tutor, OnePoll(poll_id=poll.id), lesson_id=elsewhere)


async def test_P8_one_answer_a_person_and_the_last_one_counts(stage_on_both: Stage, hall: BallotHall) -> None:
    poll = await hall.ask(choices=("a", "b", "c"), kind="multiple")
    assert (await hall.answer(hall.anna, poll, 0, 1)).answered == 1
    hall.told()
    again = await hall.answer(hall.anna, poll, 1, 0)
    assert (again.answered, hall.told()) == (1, []), "the same again is nothing"
    await hall.answer(hall.anna, poll, 2)
    await hall.answer(hall.ben, poll, 2, 0)
    assert [kind for _, kind in hall.told()] == ["poll.changed"] * 2
    assert await hall.votes(poll) == [1, 0, 2]
    await refused(Invalid, hall.answer(hall.anna, poll))
    rows = await hall.rows(poll_answers)
    assert sorted((row["user_id"], row["choices"]) for row in rows) == sorted(
        [(hall.anna.user_id, "[2]"), (hall.ben.user_id, "[0, 2]")]
    )


@pytest.mark.parametrize("anonymous", [False, True])
async def test_P8_P18_the_last_of_many_at_once_and_from_two_processes_counts(
    stage_on_both: Stage, hall: BallotHall, elsewhere: BallotHall, anonymous: bool
) -> None:
    poll = await hall.ask(choices=("a", "b", "c"), anonymous=anonymous)
    dice = random.Random(18)
    for _ in range(5):
        doing = [
            under_way(dice.choice((hall, elsewhere)).answer(who, poll, dice.randrange(3)))
            for who in (hall.anna, hall.ben) * 3
        ]
        assert all(isinstance(one, Poll) for one in await gatherResults(doing))
        assert sum(votes or 0 for votes in await hall.votes(poll)) == 2
    for who, place in ((hall.anna, 0), (hall.ben, 1), (hall.anna, 2)):
        await elsewhere.answer(who, poll, place)
    assert await hall.votes(poll) == [0, 1, 1]
    stored = await hall.stored()
    assert [event.seq for event in stored] == list(range(1, len(stored) + 1))


async def test_P8_an_answer_that_is_repeated_is_answered_also_when_all_is_over(
    stage_on_both: Stage, hall: BallotHall
) -> None:
    poll = await hall.ask()
    await hall.answer(hall.anna, poll, 0)
    await hall.close(poll)
    assert (await hall.answer(hall.anna, poll, 0)).answered == 1
    await refused(Conflict, hall.answer(hall.anna, poll, 1))
    await refused(Conflict, hall.answer(hall.ben, poll, 1))
    await hall.end()
    assert (await hall.answer(hall.anna, poll, 0)).answered == 1
    await refused(WrongState, hall.answer(hall.anna, poll, 1))


async def test_P4_nobody_answers_on_old_memory(stage_on_both: Stage, hall: BallotHall, elsewhere: BallotHall) -> None:
    poll, hidden = await hall.ask(), await hall.ask(anonymous=True)
    await hall.answer(hall.anna, poll, 0)
    await elsewhere.remove(hall.anna)
    await refused(NotFound, hall.answer(hall.anna, poll, 1))
    await refused(NotFound, hall.answer(hall.anna, hidden, 1))
    await hall.answer(hall.ben, poll, 1)
    assert await hall.votes(poll) == [1, 1], "what was answered before counts"
    await elsewhere.end()
    await refused(WrongState, hall.answer(hall.ben, poll, 0))
    await refused(WrongState, hall.answer(hall.ben, hidden, 0))
    await refused(WrongState, hall.ask())


async def test_P1_P8_who_was_removed_elsewhere_is_not_answered_the_same_again(
    stage_on_both: Stage, hall: BallotHall, elsewhere: BallotHall
) -> None:
    poll = await hall.ask()
    await hall.answer(hall.anna, poll, 0)
    await elsewhere.remove(hall.anna)
    await elsewhere.close(poll, show=True)
    await refused(NotFound, hall.answer(hall.anna, poll, 0))


async def test_P6_so_many_polls_and_no_more(tmp_path: Path) -> None:
    stage, stop = set_stage(tmp_path, TUTORWAMP_POLLS_AT_MOST="4", TUTORWAMP_POLLS_OPEN_AT_MOST="2")
    try:
        hall = await BallotHall.meets(stage)
        first, second = await hall.ask(client_id="1"), await hall.ask()
        error = await refused(TooLarge, hall.ask())
        assert error.details == {"open_polls_at_most": 2}
        assert (await hall.ask(client_id="1")).id == first.id, "a repetition asks for no more room"
        for poll in (first, second):
            await hall.close(poll)
        for _ in range(2):
            await hall.close(await hall.ask())
        error = await refused(TooLarge, hall.ask())
        assert error.details == {"polls_at_most": 4}
        assert [event.type for event in await hall.stored()] == ["poll.opened"] * 2 + ["poll.closed"] * 2 + [
            "poll.opened",
            "poll.closed",
        ] * 2
    finally:
        stop()


async def test_P7_asking_again_gives_the_first_poll(stage_on_both: Stage, hall: BallotHall) -> None:
    first = await hall.ask(client_id="one", anonymous=True)
    await hall.answer(hall.anna, first, 0)
    hall.told()
    again = await hall.ask(client_id="one", anonymous=True)
    assert (again.id, again.answered, hall.told()) == (first.id, 1, [])
    await refused(Conflict, hall.ask(client_id="one"))
    await refused(Conflict, hall.ask(client_id="one", anonymous=True, choices=("No", "Yes")))
    await hall.end()
    ended = await hall.ask(client_id="one", anonymous=True)
    assert (ended.id, ended.state) == (first.id, "closed")
    await refused(WrongState, hall.ask(client_id="two"))


async def test_P11_P12_everybody_hears_what_students_see(stage_on_both: Stage, hall: BallotHall) -> None:
    poll = await hall.ask()
    assert [choice.votes for choice in poll.choices] == [0, 0], "its tutor sees them from the first"
    mine = await hall.answer(hall.anna, poll, 0)
    assert [choice.votes for choice in mine.choices] == [None, None]
    assert (await hall.votes(poll), await hall.votes(poll, hall.ben)) == ([1, 0], [None, None])
    listed = (await hall.listed(hall.ben))[0].plain()
    assert [event.data for event in await hall.stored()] == [listed] * 2
    assert [(one.event.type, one.event.data) for one in hall.heard][-1] == ("poll.changed", listed)
    assert [event.actor and event.actor["id"] for event in await hall.stored()] == [
        hall.tutor.user_id,
        hall.anna.user_id,
    ]
    await hall.close(poll, show=True)
    listed = (await hall.listed(hall.ben))[0].plain()
    assert [choice["votes"] for choice in listed["choices"]] == [1, 0]
    stored = await hall.stored()
    assert [event.type for event in stored] == ["poll.opened", "poll.changed", "poll.closed"]
    assert [event.data for event in stored] == [listed] * 3, "each event says what a reader would read now"


async def test_P13_answers_by_person_and_who_is_missing(stage_on_both: Stage, hall: BallotHall) -> None:
    poll = await hall.ask("Why?", choices=(), kind="text")
    assert [one.name for one in (await hall.answers(poll)).missing] == ["Anna", "Ben"]  # type: ignore[union-attr]  # not anonymous
    await hall.answer(hall.ben, poll, text=" Because ")
    hall.stage.clock.turn(seconds=1)
    await hall.answer(hall.anna, poll, text="So")
    hall.stage.clock.turn(seconds=1)
    await hall.answer(hall.ben, poll, text="Because\nof it")
    for _ in range(2):
        found = await hall.answers(poll)
        assert [(one.person and one.person.name, one.text, one.choice_ids) for one in found.items] == [
            ("Anna", "So", []),
            ("Ben", "Because\nof it", []),
        ]
        assert (found.missing, found.items[1].at) == ([], hall.stage.clock())
        await hall.close(poll)


async def test_P14_a_poll_is_closed_once_and_shown_when_one_likes(stage_on_both: Stage, hall: BallotHall) -> None:
    poll = await hall.ask()
    await hall.answer(hall.anna, poll, 1)
    closed = await hall.close(poll)
    assert (closed.state, closed.shown, [one.votes for one in closed.choices]) == ("closed", False, [0, 1])
    assert await hall.votes(poll, hall.anna) == [None, None]
    hall.told()
    assert (await hall.close(poll), hall.told()) == (closed, [])
    hall.stage.clock.turn(minutes=1)
    await hall.end()
    hall.told()
    shown = await hall.close(poll, show=True)
    assert (shown.closed_at, shown.shown, await hall.votes(poll, hall.anna)) == (closed.closed_at, True, [0, 1])
    assert [kind for _, kind in hall.told()] == ["poll.changed"]
    assert (await hall.close(poll), hall.told()) == (shown, []), "what was shown stays so"


async def test_P14_of_two_who_close_at_once_one_closes_and_what_comes_after_shows(
    stage_on_both: Stage, hall: BallotHall, elsewhere: BallotHall
) -> None:
    for _ in range(5):
        poll = await hall.ask()
        hall.told()
        closing = [under_way(one.close(poll, show=show)) for one, show in ((hall, False), (elsewhere, True))]
        assert all(isinstance(one, Poll) for one in await gatherResults(closing))
        told = [event.type for event in await hall.stored() if event.data["id"] == poll.id]
        assert told in (["poll.opened", "poll.closed"], ["poll.opened", "poll.closed", "poll.changed"])
        assert await hall.votes(poll, hall.anna) == [0, 0]


@pytest.mark.parametrize("how", ["ended", "cancelled"])
async def test_P15_what_is_over_has_no_open_poll(stage_on_both: Stage, hall: BallotHall, how: str) -> None:
    polls = [await hall.ask(), await hall.ask(anonymous=True), await hall.ask(choices=(), kind="text")]
    before = await hall.close(await hall.ask())
    await hall.answer(hall.anna, polls[1], 1)
    heard: list[str] = []
    published = hall.machine.publisher.publish_stream_event
    hall.machine.publisher.publish_stream_event = lambda event: heard.append(event.type)  # type: ignore[method-assign]  # to hear it
    try:
        if how == "ended":
            await hall.end()
        else:
            await hall.machine.lessons.cancel(hall.tutor, CancelLesson(lesson_id=hall.lesson.id))
    finally:
        hall.machine.publisher.publish_stream_event = published  # type: ignore[method-assign]  # as it was
    assert heard[-4:] == [*["poll.closed"] * 3, f"lesson.{how}"]
    listed = await hall.listed(hall.tutor)
    assert [(one.state, one.closed_at is not None) for one in listed] == [("closed", True)] * 4
    assert before in listed
    assert await hall.votes(polls[1]) == [0, 1]
    stored = await hall.stored()
    assert [event.type for event in stored[-3:]] == ["poll.closed"] * 3
    assert [event.actor and event.actor["id"] for event in stored[-3:]] == [hall.tutor.user_id] * 3


async def test_P15_ending_and_answering_at_once_leaves_nothing_open(
    stage_on_both: Stage, hall: BallotHall, elsewhere: BallotHall
) -> None:
    await hall.machine.lessons.start(hall.tutor, one_lesson(hall.lesson.id))
    polls = [await hall.ask(anonymous=anonymous) for anonymous in (False, True)]
    doing = [
        under_way(one.answer(who, poll, 0))
        for one in (hall, elsewhere)
        for who in (hall.anna, hall.ben)
        for poll in polls
    ]
    ending: Deferred[object] = under_way(elsewhere.machine.lessons.end(hall.tutor, one_lesson(hall.lesson.id)))
    doing += [under_way(hall.ask())]
    outcomes = await gatherResults([*doing, ending])
    assert {type(one) for one in outcomes[:-1]} <= {Poll, WrongState, Conflict}
    assert {one.state for one in await hall.listed(hall.tutor)} == {"closed"}


async def test_P16_who_joins_finds_the_open_polls(stage: Stage, hall: BallotHall) -> None:
    closed, first, second = await hall.ask(), await hall.ask("1"), await hall.ask("2")
    await hall.close(closed)
    await hall.answer(hall.ben, first, 1)
    found = {}
    for who in (hall.tutor, hall.anna):
        joined = (await hall.machine.lessons.join(who, one_lesson(hall.lesson.id))).plain()
        assert joined["topics"]["polls"] == hall.stream
        assert joined["heads"][hall.stream] == 5
        found[who] = joined["polls"]
    assert [poll["id"] for poll in found[hall.anna]] == [second.id, first.id]
    assert [choice["votes"] for choice in found[hall.anna][1]["choices"]] == [None, None]
    assert [choice["votes"] for choice in found[hall.tutor][1]["choices"]] == [0, 1]


async def test_what_polls_cost_in_queries(stage_on_both: Stage, hall: BallotHall) -> None:
    counts = stage_on_both.machine.database.counts

    async def cost(doing: object) -> int:
        before = counts.queries()
        await doing  # type: ignore[misc]  # any coroutine
        return counts.queries() - before

    named, hidden = await hall.ask(), await hall.ask(anonymous=True)
    costs = [
        await cost(hall.answer(hall.anna, named, 0)),
        await cost(hall.answer(hall.anna, named, 0)),
        await cost(hall.answer(hall.anna, hidden, 0)),
        await cost(hall.listed(hall.tutor)),
    ]
    assert costs == COSTS
    for _ in range(10):
        await hall.ask()
    assert await cost(hall.listed(hall.tutor)) == COSTS[-1]


COSTS = [10, 5, 12, 4]
"""Of an answer, the same again, an anonymous one, and a list. Only a deliberate change may change a number."""
