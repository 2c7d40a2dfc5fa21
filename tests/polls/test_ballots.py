"""The box of an anonymous poll: sealed, padded, and without people in the end."""

from __future__ import annotations

import json

from tutorwamp.kernel.contracts import new_id
from tutorwamp.polls.ballots import (
    PADDED_TO_BYTES,
    Ballot,
    BallotSeal,
    new_salt,
    read_without_people,
    without_people,
)

POLL, SEAL = new_id(), BallotSeal(b"k" * 32)


def filled(people: int, choices: tuple[int, ...] = (0,), text: str | None = None) -> dict[str, Ballot]:
    return {new_id(): Ballot(choices, text) for _ in range(people)}


def test_P18_a_box_gives_back_what_was_put_in_and_tells_nothing_itself() -> None:
    salt, ballots = new_salt(), filled(3, (1, 2)) | filled(1, (), "Größer 🧑‍🏫 \n")
    box = SEAL.seal(POLL, salt, ballots)
    assert SEAL.open(POLL, salt, box) == ballots
    assert not [person for person in ballots if person.encode() in box]
    assert SEAL.seal(POLL, salt, ballots) != box, "the same answers again look like others"


def test_P18_another_key_salt_or_poll_opens_nothing() -> None:
    salt, ballots = new_salt(), filled(3)
    box = SEAL.seal(POLL, salt, ballots)
    assert BallotSeal(b"x" * 32).open(POLL, salt, box) == {}
    assert SEAL.open(POLL, new_salt(), box) == {}
    assert SEAL.open(new_id(), salt, box) == {}
    assert SEAL.open(POLL, salt, box[:-1] + bytes([box[-1] ^ 1])) == {}


def test_P18_the_length_of_a_box_does_not_tell_how_many_have_answered_or_what() -> None:
    salt = new_salt()
    boxes = [filled(0), filled(1), filled(30), filled(30, tuple(range(10)))]
    assert len({len(SEAL.seal(POLL, salt, ballots)) for ballots in boxes}) == 1
    long = len(SEAL.seal(POLL, salt, filled(1, (), "ä" * 1_000)))
    assert long == len(SEAL.seal(POLL, salt, {})), "a long text is in there as well"
    assert (len(SEAL.seal(POLL, salt, filled(30, (), "ä" * 1_000))) - long) % PADDED_TO_BYTES == 0


def test_P19_without_people_the_order_is_that_of_what_is_said() -> None:
    ballots = [Ballot((2,), None), Ballot((), "b"), Ballot((0, 1), None), Ballot((), "a")]
    box = without_people(ballots)
    assert box == without_people(reversed(ballots))
    assert read_without_people(box) == [Ballot((), "a"), Ballot((), "b"), Ballot((0, 1), None), Ballot((2,), None)]
    assert json.loads(box) == [[[], "a"], [[], "b"], [[0, 1], None], [[2], None]]
