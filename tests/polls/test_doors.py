"""The two doors of polls: what they serve, and what is published."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kernel.edges.loopback import Loopback
from tests.polls.ballot_hall import BallotHall
from tests.support.asking import Asking, told
from tests.support.doors import Paper, names_of, try_all
from tests.support.machine import Stage
from tutorwamp.app.site import make_site
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.edges.component import served_by
from tutorwamp.lessons.contracts import OneLesson
from tutorwamp.polls import contracts
from tutorwamp.polls.wamp import POLLS_PROCEDURES, publish_polls

CONTRACT = {
    "tutorwamp.poll.open": contracts.OpenPoll,
    "tutorwamp.poll.answer": contracts.AnswerPoll,
    "tutorwamp.poll.close": contracts.ClosePoll,
    "tutorwamp.poll.list": OneLesson,
    "tutorwamp.poll.answers": contracts.OnePoll,
}
"""The public contract's names, spelled out: they are fixed."""


def test_the_wamp_door_serves_the_contracts_names() -> None:
    assert names_of(POLLS_PROCEDURES) == CONTRACT


async def test_every_change_goes_out_on_the_polls_topic(hall: BallotHall) -> None:
    paper = Paper()
    publish_polls(hall.machine.events, paper)
    first = await hall.ask()
    served = {one.procedure.uri.rpartition(".")[2]: one for one in served_by(hall.machine.polls, POLLS_PROCEDURES)}
    answer = contracts.AnswerPoll(poll_id=first.id, choice_ids=[first.choices[0].id])
    await served.pop("answer").method(hall.anna, answer)
    steps = {
        "open": contracts.OpenPoll(lesson_id=hall.lesson.id, question="Why?", kind="text"),
        "close": contracts.ClosePoll(poll_id=first.id, show=True),
        "list": OneLesson(lesson_id=hall.lesson.id),
        "answers": contracts.OnePoll(poll_id=first.id),
    }
    await try_all(served.values(), hall.tutor, steps)
    assert paper.published == [(hall.stream, one.event.plain()) for one in hall.heard]
    kinds = [(event["seq"], event["type"]) for _, event in paper.published]
    assert kinds == [(1, "poll.opened"), (2, "poll.changed"), (3, "poll.opened"), (4, "poll.closed")]


@pytest.fixture
def asking(stage: Stage, hall: BallotHall) -> dict[str, Asking]:
    site, below = Loopback(make_site(stage.machine)), f"/api/lessons/{hall.lesson.id}/polls"
    return {name: Asking(stage, site, getattr(hall, name), below) for name in ("tutor", "anna", "ben")}


async def test_a_poll_over_rest(hall: BallotHall, asking: dict[str, Asking]) -> None:
    tutor, anna = asking["tutor"], asking["anna"]
    asked = {"question": "Clear?", "choices": ["Yes", "No"], "kind": "multiple"}
    opened = await tutor("POST", "", asked, Idempotency_Key="one")
    assert (opened.status, opened.json["state"]) == (201, "open")
    assert (await tutor("POST", "", asked, Idempotency_Key="one")).json == opened.json
    assert told(await tutor("POST", "", {**asked, "kind": "single"}, Idempotency_Key="one")) == (409, "conflict")
    path = f"/{opened.json['id']}"
    yes = opened.json["choices"][0]["id"]
    answered = await anna("POST", f"{path}/answer", {"choice_ids": [yes]})
    assert (answered.status, answered.json["answered"], answered.json["choices"][0]["votes"]) == (200, 1, None)
    found = (await tutor("GET", f"{path}/answers")).json
    assert [one["person"]["name"] for one in found["items"]] == ["Anna"]
    assert [one["name"] for one in found["missing"]] == ["Ben"]
    assert told(await anna("GET", f"{path}/answers")) == (403, "forbidden")
    assert told(await anna("POST", f"{path}/close")) == (403, "forbidden")
    assert (await tutor("POST", f"{path}/close")).json["shown"] is False
    assert (await tutor("POST", f"{path}/close", {"show": True})).json["shown"] is True
    assert told(await anna("POST", f"{path}/answer", {"choice_ids": [opened.json["choices"][1]["id"]]})) == (
        409,
        "conflict",
    )
    assert [poll["choices"][0]["votes"] for poll in (await anna("GET", "")).json["items"]] == [1]


async def test_bad_input_over_rest(hall: BallotHall, asking: dict[str, Asking]) -> None:
    tutor, anna = asking["tutor"], asking["anna"]
    poll = await hall.ask()
    value: Any
    for value in (
        {},
        {"question": "Q"},
        {"question": "Q", "choices": ["a"]},
        {"question": 1, "choices": ["a", "b"]},
        [],
    ):
        assert told(await tutor("POST", "", value)) == (422, "invalid")
    for value in ({}, {"choice_ids": []}, {"choice_ids": [new_id()]}, {"choice_ids": "x"}, {"text": "x"}, {"votes": 1}):
        assert told(await anna("POST", f"/{poll.id}/answer", value)) == (422, "invalid")
    assert told(await tutor("POST", f"/{poll.id}/close", {"show": "yes"})) == (422, "invalid")
    assert told(await tutor("POST", "/x/close")) == (422, "invalid")
    assert told(await tutor("GET", f"/{new_id()}/answers")) == (404, "not_found")
    assert told(await tutor("GET", f"/{poll.id}/answers?limit=5")) == (422, "invalid")
    other = await hall.stage.given.lesson(hall.tutor, hall.anna)
    elsewhere = Asking(hall.stage, Loopback(make_site(hall.machine)), hall.tutor, f"/api/lessons/{other.id}/polls")
    assert told(await elsewhere("GET", f"/{poll.id}/answers")) == (404, "not_found")
    assert told(await elsewhere("POST", f"/{poll.id}/close")) == (404, "not_found")
