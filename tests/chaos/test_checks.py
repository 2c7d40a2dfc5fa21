"""The harness itself: a seed is a plan, and each thing that can be wrong is found and called by its name."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

import pytest
from sqlalchemy import insert, update

from tests.chaos.checks import check_record, check_stored
from tests.chaos.classroom import Asked
from tests.chaos.ledger import Drawn, Ledger, Said
from tests.chaos.people import ALL_DEEDS, Sequence
from tests.chaos.plan import LASTING, STUDENTS_DEEDS, TUTORS_DEEDS, Step, make_plan
from tests.chaos.storm import Tally
from tests.chaos.whereabouts import Whereabouts, covered_s
from tests.support.machine import set_stage
from tutorwamp.chat.contracts import CHAT_TOPIC
from tutorwamp.client import Event
from tutorwamp.kernel.sql.streams import open_stream, stream_events, streams
from tutorwamp.kernel.topics import Topic
from tutorwamp.lessons.attendance import Stay
from tutorwamp.lessons.contracts import streams_of
from tutorwamp.polls.contracts import POLLS_TOPIC

ADA, BEN = "ada", "ben"
BEGUN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def _plan(seed: int) -> list[Step]:
    return make_plan(Random(seed), 60.0, 4, deed_every_s=0.5, kills=[(30.0, "node")])


def test_a_seed_is_one_plan_and_another_seed_another() -> None:
    assert _plan(7) == _plan(7)
    assert _plan(7) != _plan(8)


def test_everybody_does_all_that_is_theirs() -> None:
    steps = [step for step in make_plan(Random(1), 600.0, 2, deed_every_s=0.2) if step.kind == "deed"]
    assert {step.what for step in steps if step.who == 0} == set(TUTORS_DEEDS)
    assert {step.what for step in steps if step.who == 1} == set(STUDENTS_DEEDS)
    assert {*TUTORS_DEEDS, *STUDENTS_DEEDS} == set(ALL_DEEDS)


def test_a_plan_has_every_fault_and_nobody_suffers_two_at_a_time() -> None:
    steps = make_plan(Random(1), 600.0, 4, deed_every_s=1.0)
    assert {step.what for step in steps if step.kind == "fault"} == {"cut", "off", "frozen", "closed", "slow"}
    for who in range(4):
        suffering = False
        for step in (one for one in steps if one.who == who and one.kind in ("fault", "mend")):
            assert suffering == (step.kind == "mend"), step
            suffering = step.kind == "fault" and step.what in LASTING


def _told(said: Said, **other: Any) -> dict[str, Any]:
    assert said.message is not None
    reactions: dict[str, list[str]] = {}
    for (person, emoji), on in said.reactions.items():
        if on:
            reactions.setdefault(emoji, []).append(person)
    author = {"id": said.author}
    told = {**said.message, "author": author, "body": said.body, "reactions": reactions, "client_id": "c1"}
    return {**told, "files": [] if said.body is None else said.files, **other}


@pytest.fixture
def said() -> Said:
    one = Said(ADA, "edited", 1, {"id": "m1", "seq": 1}, edits=1, files=[{"id": "f1"}])
    one.react(BEN, "👍", on=True)
    return one


@pytest.fixture
def ledger(said: Said) -> Ledger:
    made = Ledger()
    made.said.append(said)
    made.contents["f1"] = b"notes"
    made.drawn["e1"] = Drawn(ADA, {"x": 1.0}, version=2)
    return made


def _verdicts(ledger: Ledger) -> list[str]:
    return [verdict for verdict, _ in ledger.found]


def test_what_is_right_is_found_right(ledger: Ledger, said: Said) -> None:
    ledger.check_chat([_told(said)])
    ledger.check_board([{"id": "e1", "x": 1.0}])
    assert _verdicts(ledger) == []


def test_a_message_that_is_not_there_is_lost(ledger: Ledger) -> None:
    ledger.check_chat([])
    assert _verdicts(ledger) == ["lost"]


def test_an_edit_or_a_reaction_that_is_not_there_is_lost(ledger: Ledger, said: Said) -> None:
    ledger.check_chat([_told(said, body="first", reactions={})])
    assert _verdicts(ledger) == ["lost", "lost"]


def test_a_message_that_was_written_twice_is_doubled_and_nobody_said_the_second(ledger: Ledger, said: Said) -> None:
    ledger.check_chat([_told(said), _told(said, id="m2", seq=2)])
    assert sorted(_verdicts(ledger)) == ["doubled", "wrong"]


def test_a_message_that_was_refused_and_is_there_nobody_has_said(ledger: Ledger, said: Said) -> None:
    told = _told(said)
    ledger.take_back(said)
    ledger.check_chat([told])
    assert _verdicts(ledger) == ["wrong"]


def test_what_was_refused_perhaps_when_repeated_may_be_there_and_nothing_else(ledger: Ledger, said: Said) -> None:
    said.doubt_edit("edited again")
    said.doubt_reaction(BEN, "👍")
    for body in ("edited", "edited again"):
        ledger.check_chat([_told(said, body=body, reactions={})])
    assert said.events()["message.updated"] == range(1, 3)
    assert said.events()["reaction.changed"] == range(1, 3)
    assert _verdicts(ledger) == []
    said.react(BEN, "👍", on=True)
    assert said.events()["reaction.changed"] == range(1, 4)
    said.edit("at last")
    ledger.check_chat([_told(said, body="edited again", reactions={})])
    assert _verdicts(ledger) == ["lost", "lost"]


def test_files_that_a_message_lacks_or_keeps_after_its_deletion_are_lost(ledger: Ledger, said: Said) -> None:
    ledger.check_chat([_told(said, files=[])])
    said.body = None
    ledger.check_chat([_told(said, files=[{"id": "f1"}])])
    assert _verdicts(ledger) == ["lost", "lost"]


@pytest.mark.parametrize(
    ("body", "content", "verdicts"),
    [
        ("hello", b"notes", []),
        ("hello", b"note", ["lost"]),
        ("hello", None, ["lost"]),
        (None, None, []),
        (None, b"notes", ["wrong"]),
    ],
    ids=["as sent", "otherwise", "not there", "deleted", "deleted and there"],
)
def test_a_file_is_served_as_it_was_sent_until_its_message_is_deleted(
    ledger: Ledger, said: Said, body: str | None, content: bytes | None, verdicts: list[str]
) -> None:
    said.body = body
    ledger.check_file(said, "f1", content)
    assert _verdicts(ledger) == verdicts


@pytest.mark.parametrize(("shown", "verdicts"), [({"f1"}, []), (set(), ["wrong"]), ({"f1", "f2"}, ["wrong"])])
def test_files_that_no_message_shows_are_no_messages(ledger: Ledger, shown: set[str], verdicts: list[str]) -> None:
    ledger.check_stored_files(shown)
    assert _verdicts(ledger) == verdicts


def test_messages_in_another_order_than_they_were_said_are_wrong(ledger: Ledger, said: Said) -> None:
    later = replace(said, client_seq=2, message={"id": "m0", "seq": 0}, files=[])
    ledger.said.append(later)
    ledger.check_chat([_told(later, client_id="c2"), _told(said)])
    assert _verdicts(ledger) == ["wrong"]


def test_an_element_that_is_gone_changed_or_nobodys_is_found(ledger: Ledger) -> None:
    ledger.check_board([])
    ledger.check_board([{"id": "e1", "x": 2.0}, {"id": "e2", "x": 1.0}])
    assert _verdicts(ledger) == ["lost", "wrong", "wrong"]


class Stored:
    """A database with a lesson's streams, to be told what has happened."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        with engine.begin() as connection:
            for name in streams_of("l1"):
                open_stream(connection, name, 1)

    @contextmanager
    def reading(self) -> Any:
        with self._engine.connect() as connection:
            yield connection

    def happened(
        self, seq: int, kind: str, subject: str = "m1", data: str = "{}", *, topic: Topic = CHAT_TOPIC
    ) -> None:
        stream = topic.of("l1")
        row = {"stream": stream, "seq": seq, "type": kind, "at": BEGUN, "actor_id": ADA, "key": f"{seq}", "digest": ""}
        with self._engine.begin() as connection:
            connection.execute(insert(stream_events), {**row, "actor": None, "subject": subject, "data": data})
            connection.execute(update(streams).where(streams.c.name == stream).values(head=seq))

    def check(self, ledger: Ledger) -> list[str]:
        check_stored(cast("Any", self), ledger, "l1")
        return _verdicts(ledger)


@pytest.fixture
def stored(tmp_path: Any, said: Said) -> Any:
    said.files = []
    stage, take_down = set_stage(tmp_path)
    made = Stored(stage.machine.database.engine)
    for seq, kind in enumerate(("message.created", "message.updated", "reaction.changed"), 1):
        made.happened(seq, kind)
    yield made
    take_down()


def test_what_was_done_once_and_is_stored_once_is_right_and_counted(stored: Stored, ledger: Ledger) -> None:
    del ledger.drawn["e1"]
    assert stored.check(ledger) == []
    assert ledger.looked_up == 3


@pytest.mark.parametrize("kind", ["message.created", "message.updated", "reaction.changed"])
def test_what_was_done_once_and_is_stored_twice_is_doubled(stored: Stored, ledger: Ledger, kind: str) -> None:
    del ledger.drawn["e1"]
    stored.happened(4, kind)
    assert stored.check(ledger) == ["doubled"]


def test_what_was_done_and_has_no_event_is_lost(stored: Stored, ledger: Ledger, said: Said) -> None:
    del ledger.drawn["e1"]
    said.edits = 2
    assert stored.check(ledger) == ["lost"]


def test_a_number_that_was_never_given_is_a_gap(stored: Stored, ledger: Ledger, said: Said) -> None:
    del ledger.drawn["e1"]
    said.edits = 2
    stored.happened(5, "message.updated")
    assert stored.check(ledger) == ["gap"]


def test_a_gap_and_a_double_in_the_stream_of_polls_are_found(stored: Stored, ledger: Ledger) -> None:
    del ledger.drawn["e1"]
    ledger.classroom.polls.append(Asked("Clear?", "text", anonymous=False, poll={"id": "p1", "choices": []}))
    for seq in (1, 3):
        stored.happened(seq, "poll.opened", "p1", topic=POLLS_TOPIC)
    assert sorted(stored.check(ledger)) == ["doubled", "gap"]


def test_a_file_that_no_row_gives_to_its_message_is_found(stored: Stored, ledger: Ledger, said: Said) -> None:
    del ledger.drawn["e1"]
    said.files = [{"id": "f1"}]
    assert stored.check(ledger) == ["wrong"]


def test_a_read_mark_that_is_told_twice_is_doubled(stored: Stored, ledger: Ledger) -> None:
    del ledger.drawn["e1"]
    stored.happened(4, "read.advanced", ADA, '{"read_seq": 3}')
    stored.happened(5, "read.advanced", ADA, '{"read_seq": 3}')
    assert stored.check(ledger) == ["doubled"]


@pytest.mark.parametrize(("version", "verdicts"), [(1, ["lost"]), (2, []), (3, ["doubled"])])
def test_an_element_was_changed_as_often_as_was_acknowledged(ledger: Ledger, version: int, verdicts: list[str]) -> None:
    ledger.check_versions({"e1": version})
    assert _verdicts(ledger) == verdicts


def _event(seq: int, kind: str = "message.created") -> Event:
    return Event("topic", {"type": kind, "seq": seq})


def test_a_number_that_nobody_told_is_a_silent_gap_and_one_that_was_told_of_is_none() -> None:
    ledger = Ledger()
    sequence = Sequence("Ada's chat", ledger)
    for event in (_event(1), _event(2), _event(7, "chat.opened"), _event(8)):
        sequence.hear(event)
    assert (_verdicts(ledger), sequence.reloads) == ([], 1)
    sequence.hear(_event(10))
    sequence.hear(_event(10))
    assert _verdicts(ledger) == ["gap", "gap"]


def test_polls_that_were_read_afresh_are_no_gap_and_a_poll_that_was_opened_is_no_reading(ledger: Ledger) -> None:
    sequence = Sequence("Ada's polls", ledger)
    opened, afresh = _event(2, "poll.opened"), Event("topic", {"type": "polls.opened"})
    for event in (_event(1), opened, afresh, _event(7)):
        sequence.hear(event)
    assert (_verdicts(ledger), sequence.reloads) == ([], 1)
    sequence.hear(_event(9, "poll.opened"))
    assert _verdicts(ledger) == ["gap"]


def _stay(begins_s: float, ends_s: float | None, session: int = 1) -> Stay:
    since = BEGUN + timedelta(seconds=begins_s)
    ended = None if ends_s is None else BEGUN + timedelta(seconds=ends_s)
    return Stay(f"{session} {begins_s}", "l1", session, since, ADA, since, ended or since, ended, "left")


def _shown(seconds: float) -> list[dict[str, Any]]:
    return [{"person": {"id": ADA}, "connected_s": seconds}]


def test_stays_that_overlap_count_once() -> None:
    assert covered_s([(0.0, 10.0), (5.0, 12.0), (20.0, 21.0)]) == 13.0
    assert check_record([_stay(0, 10), _stay(5, 12, session=2)], _shown(12.0)) == {ADA: 12.0}


@pytest.mark.parametrize(
    ("stays", "shown"),
    [
        ([_stay(0, 10), _stay(5, 12, session=2)], 17.0),
        ([_stay(0, None)], 0.0),
        ([_stay(0, 10), _stay(5, 12)], 12.0),
        ([_stay(10, 5)], 0.0),
    ],
    ids=["counted twice", "not over", "one session twice", "backwards"],
)
def test_a_record_that_does_not_fit_together_is_found(stays: list[Stay], shown: float) -> None:
    with pytest.raises(AssertionError):
        check_record(stays, _shown(shown))


@pytest.fixture
def whereabouts() -> Whereabouts:
    """100 s, of which 40 away."""
    made = Whereabouts()
    made.there(0.0)
    made.lost(30.0)
    made.there(70.0)
    made.gone(100.0)
    return made


@pytest.mark.parametrize("connected_s", [58.1, 60.0, 79.9])
def test_a_record_agrees_with_what_the_client_knows(whereabouts: Whereabouts, connected_s: float) -> None:
    whereabouts.check(connected_s)


@pytest.mark.parametrize("connected_s", [0.001, 57.9, 80.1, 100.0])
def test_a_record_of_too_little_or_too_much_is_found(whereabouts: Whereabouts, connected_s: float) -> None:
    with pytest.raises(AssertionError, match="on the record"):
        whereabouts.check(connected_s)


def test_the_table_says_what_was_found() -> None:
    assert {name: Tally().rows()[name] for name in ("lost", "doubled", "silent gaps")} == {
        "lost": 0,
        "doubled": 0,
        "silent gaps": 0,
    }
    rows = Tally(verdicts=Counter(["lost", "lost", "doubled", "gap"])).rows()
    assert (rows["lost"], rows["doubled"], rows["silent gaps"]) == (2, 1, 1)
