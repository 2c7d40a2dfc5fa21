"""What may be asked and answered, and who sees what: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.errors import Conflict, Invalid
from tutorwamp.polls import rules
from tutorwamp.polls.ballots import Ballot
from tutorwamp.polls.contracts import AnswerPoll, OpenPoll
from tutorwamp.polls.rules import KeptPoll, Telling

LESSON, NOW = new_id(), datetime(2026, 12, 1, 9, tzinfo=UTC)


def poll(kind: str = "single", choices: int = 3, **more: Any) -> KeptPoll:
    texts = [f"Choice {number}" for number in range(choices)]
    asked = {"lesson_id": LESSON, "question": "Which?", "kind": kind, "choices": texts, **more}
    return rules.new_poll(check(OpenPoll, asked), NOW)


def answer(asked: KeptPoll, *places: int, text: str | None = None) -> Ballot:
    choice_ids = [asked.choices[place][0] for place in places]
    return rules.ballot(asked, AnswerPoll(poll_id=asked.id, choice_ids=choice_ids, text=text))


GOOD = {"lesson_id": LESSON, "question": "Which?", "choices": ["a", "b"]}


@pytest.mark.parametrize(
    "more",
    [
        {"question": ""},
        {"question": " \n"},
        {"question": "\u200b"},
        {"question": "x" * 501},
        {"question": "e\u0301"},
        {"question": 5},
        {"kind": "both"},
        {"kind": None},
        {"choices": []},
        {"choices": ["a"]},
        {"choices": [str(number) for number in range(11)]},
        {"choices": ["a", "a"]},
        {"choices": ["a", " a "]},
        {"choices": ["a", ""]},
        {"choices": ["a", "two\nlines"]},
        {"choices": ["a", "x" * 201]},
        {"choices": "ab"},
        {"choices": [["a"], ["b"]]},
        {"kind": "text"},
        {"anonymous": 1},
        {"client_id": ""},
        {"lesson_id": "x"},
        {"colour": "red"},
    ],
    ids=repr,
)
def test_P5_what_is_no_poll_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        check(OpenPoll, {**GOOD, **more})


def test_P5_a_poll_has_two_to_ten_choices_and_one_of_texts_none() -> None:
    assert check(OpenPoll, GOOD).kind == "single"
    for count in (2, 10):
        assert len({choice_id for choice_id, _ in poll("multiple", count).choices}) == count
    assert poll("text", 0).choices == ()
    whole = check(OpenPoll, {**GOOD, "question": "x" * 500, "choices": ["y" * 200, "z" * 200]})
    assert (len(whole.question), whole.anonymous) == (500, False)


@pytest.mark.parametrize(
    ("kind", "places", "text"),
    [
        ("single", (), None),
        ("single", (0, 1), None),
        ("single", (0,), "x"),
        ("single", (), "x"),
        ("multiple", (), None),
        ("multiple", (0,), "x"),
    ],
)
def test_P9_an_answer_fits_the_polls_kind(kind: str, places: tuple[int, ...], text: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        answer(poll(kind), *places, text=text)
    assert refused.value.details[0]["loc"] in (["choice_ids"], ["text"])  # type: ignore[index]  # a list, of Invalid


def test_P9_a_text_is_answered_with_a_text() -> None:
    asked = poll("text", 0)
    assert answer(asked, text="Because") == Ballot((), "Because")
    for arguments in ({}, {"choice_ids": [new_id()]}, {"choice_ids": [new_id()], "text": "x"}):
        with pytest.raises(Invalid):
            rules.ballot(asked, check(AnswerPoll, {"poll_id": asked.id, **arguments}))
    for text in ("", " ", "x" * 1_001, "a\0"):
        with pytest.raises(Invalid):
            check(AnswerPoll, {"poll_id": asked.id, "text": text})


def test_P9_choices_are_named_once_and_are_the_polls() -> None:
    asked, other = poll("multiple"), poll("multiple")
    assert answer(asked, 2, 0) == Ballot((0, 2), None), "in the poll's order, whatever the order of clicking"
    with pytest.raises(Invalid):
        check(AnswerPoll, {"poll_id": asked.id, "choice_ids": [asked.choices[0][0]] * 2})
    given = AnswerPoll(poll_id=asked.id, choice_ids=[asked.choices[0][0], other.choices[0][0]])
    with pytest.raises(Invalid) as refused:
        rules.ballot(asked, given)
    assert refused.value.details == [{"loc": ["choice_ids", 1], "msg": "no choice of this poll"}]


def test_P11_votes_are_the_moderators_until_they_are_shown() -> None:
    asked = poll("multiple")
    count = rules.count(asked, [Ballot((0, 2), None), Ballot((2,), None)])
    student, tutor = rules.seen(asked, count), rules.seen(asked, count, moderates=True)
    assert [choice.votes for choice in tutor.choices] == [1, 0, 2]
    assert [choice.votes for choice in student.choices] == [None] * 3
    assert (student.answered, student.state, student.closed_at) == (2, "open", None)
    shown = rules.seen(rules.close(asked, NOW, show=True), count)
    assert [choice.votes for choice in shown.choices] == [1, 0, 2]
    assert (shown.state, shown.shown) == ("closed", True)


def test_P12_an_event_says_what_students_see() -> None:
    asked = poll()
    count = rules.count(asked, [Ballot((1,), None)])
    draft = Telling("poll.changed", NOW, None, "key", 3).draft(asked, count)
    assert draft.data(7) == rules.seen(asked, count).plain()
    assert (draft.stream, draft.subject, draft.guard) == (f"tutorwamp.lesson.{LESSON}.polls", asked.id, 3)


def test_P14_closed_stays_closed_and_shown_stays_shown() -> None:
    asked = poll()
    closed = rules.close(asked, NOW, show=False)
    later = NOW + timedelta(minutes=1)
    assert rules.close(closed, later, show=False) == closed
    shown = rules.close(closed, later, show=True)
    assert (shown.closed_at, shown.shown) == (NOW, True)
    assert rules.close(shown, later, show=False) == shown
    rules.require_open(asked)
    with pytest.raises(Conflict):
        rules.require_open(closed)
