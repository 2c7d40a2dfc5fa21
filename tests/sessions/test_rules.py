"""The pure rules of docs/rules/sessions.md."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tutorwamp.sessions.contracts import EVENT_BYTES_AT_MOST, EVENTS_AT_MOST
from tutorwamp.sessions.rules import Missed, Watch, resumable


def test_S2_a_session_is_over_when_it_was_silent_for_longer_than_the_timeout_and_once() -> None:
    watch = Watch(120)
    watch.see(1, 0)
    watch.see(2, 60)
    assert list(watch.take_overdue(120)) == []
    assert list(watch.take_overdue(120.5)) == [(1, 120.5)]
    assert list(watch.take_overdue(120.5)) == []
    assert list(watch.take_overdue(1000)) == [(2, 940)]
    assert len(watch) == 0


def test_S1_a_heartbeat_begins_the_time_anew_and_an_end_forgets_it() -> None:
    watch = Watch(120)
    for session in (1, 2, 3):
        watch.see(session, 0)
    watch.see(1, 100)
    watch.forget(2)
    watch.forget(99)
    assert list(watch.take_overdue(130)) == [(3, 130)]
    assert list(watch.take_overdue(221)) == [(1, 121)]


@given(st.lists(st.tuples(st.sampled_from(["see", "forget", "look"]), st.integers(1, 5), st.integers(0, 90))))
def test_S1_S2_it_is_what_a_table_would_say(steps: list[tuple[str, int, int]]) -> None:
    watch, table, now = Watch(120), dict[int, int](), 0
    for step, session, pause in steps:
        now += pause
        if step == "see":
            watch.see(session, now)
            table[session] = now
        elif step == "forget":
            watch.forget(session)
            table.pop(session, None)
        else:
            over = {one: now - seen for one, seen in table.items() if now - seen > 120}
            assert dict(watch.take_overdue(now)) == over
            table = {one: seen for one, seen in table.items() if one not in over}


def test_S6_all_or_nothing() -> None:
    many = EVENTS_AT_MOST
    missed = {
        "nothing": (7, Missed(7, 0, 0)),
        "some": (7, Missed(9, 2, 100)),
        "just": (0, Missed(many, many, 100)),
        "too many": (0, Missed(many + 1, many + 1, 100)),
        "compacted": (5, Missed(9, 3, 100)),
        "beyond": (10, Missed(9, 0, 0)),
    }
    assert sorted(resumable(missed)) == ["just", "nothing", "some"]


def test_S6_one_long_stream_does_not_cost_the_others_theirs() -> None:
    missed = {
        "board": (0, Missed(9, 9, EVENT_BYTES_AT_MOST)),
        "chat": (0, Missed(9, 9, 10)),
        "state": (0, Missed(1, 1, 10)),
    }
    assert resumable(missed) == ["chat", "state"]
    assert resumable({"board": missed["board"]}) == ["board"]
