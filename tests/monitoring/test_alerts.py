"""Each alert's expression is evaluated: on what a node says that is well, and on what it would say with the fault."""

from __future__ import annotations

from copy import copy
from typing import Any

from tests.monitoring.promql import History
from tests.monitoring.test_documents import panels, rules
from tests.support.metrics import page_of
from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register

EVERY_S = 15.0
FOR_S = 1_200.0
"""Longer than the longest range that an alert looks at, but for an hour of few events."""
TARGET = {"job": "tutorwamp", "instance": "school-1"}
INTERNAL, UNAVAILABLE = "tutorwamp.error.internal", "tutorwamp.error.unavailable"

Fault = tuple[str, dict[str, str], float, float]
"""A sample's name and labels, its value at first, and how much it grows in a second."""

FAULTS: dict[str, list[Fault]] = {
    "NodeUnreachable": [("up", {}, 0, 0)],
    "ProcessStandsStill": [("tutorwamp_process_up", {"process": "router"}, 0, 0)],
    "NodeRestarted": [("tutorwamp_node_restarts_total", {"process": "components"}, 0, 1 / 600)],
    "ComponentMissing": [("tutorwamp_components_missing", {"process": "router"}, 1, 0)],
    "ReactorStalled": [
        ("tutorwamp_reactor_longest_stall_seconds", {"process": "components", "call": "chat.service"}, 2, 0)
    ],
    "ReactorBusy": [
        ("tutorwamp_reactor_turn_seconds_bucket", {"process": "components", "le": bound}, 0, growth)
        for bound, growth in (("0.05", 90), ("0.1", 95), ("0.25", 100), ("+Inf", 100))
    ],
    "FilesNearLimit": [
        ("process_open_fds", {"process": "router"}, 900, 0),
        ("process_max_fds", {"process": "router"}, 1024, 0),
    ],
    "MemoryLarge": [("process_resident_memory_bytes", {"process": "router"}, 2e9, 0)],
    "RecurringWorkLate": [
        ("tutorwamp_recurring_age_seconds", {"process": "components", "work": "board.compact"}, 0, 1)
    ],
    "LogLinesLost": [("tutorwamp_log_lines_lost_total", {"process": "router"}, 0, 0.01)],
    "DatabaseUnavailable": [("tutorwamp_database_outage_seconds", {"process": "components", "what": "writes"}, 0, 1)],
    "WritesStuck": [("tutorwamp_database_write_wait_seconds", {"process": "components", "lane": "chat"}, 6, 0)],
    "DatabaseSlow": [
        (
            "tutorwamp_database_transaction_seconds_bucket",
            {"process": "components", "transaction": "chat.send", "le": bound},
            0,
            growth,
        )
        for bound, growth in (("0.025", 50), ("0.1", 80), ("0.5", 100), ("+Inf", 100))
    ],
    "DiskAlmostFull": [("tutorwamp_data_free_bytes", {"process": "components"}, 5e8, 0)],
    "CacheUnavailable": [("tutorwamp_cache_up", {"process": "components", "cache": "redis"}, 0, 0)],
    "PushFails": [
        (
            "tutorwamp_push_deliveries_total",
            {"process": "components", "channel": "email", "outcome": outcome},
            0,
            growth,
        )
        for outcome, growth in (("sent", 0.1), ("later", 0.3))
    ],
    "PushQueueOld": [("tutorwamp_push_queue_oldest_seconds", {"process": "components"}, 301, 0)],
    "NodeAlmostFull": [("tutorwamp_sessions", {"process": "router"}, 9_500, 0)],
    "JoinsRefused": [("tutorwamp_join_refusals_total", {"process": "router", "reason": "full"}, 0, 0.2)],
    "TicketsRefused": [("tutorwamp_join_refusals_total", {"process": "router", "reason": "token"}, 0, 2)],
    "CallsFail": [
        ("tutorwamp_calls_total", {"process": "components", "door": "wamp", "call": "c", "outcome": outcome}, 0, growth)
        for outcome, growth in (("ok", 10), (UNAVAILABLE, 0.5))
    ],
    "InternalErrors": [
        ("tutorwamp_calls_total", {"process": "components", "door": "wamp", "call": "c", "outcome": outcome}, 0, growth)
        for outcome, growth in (("ok", 10), (INTERNAL, 0.01))
    ],
    "CallsSlow": [
        (
            "tutorwamp_call_seconds_bucket",
            {"process": "components", "door": "rest", "call": "c", "le": bound},
            0,
            growth,
        )
        for bound, growth in (("0.25", 8), ("0.5", 9), ("1.0", 10), ("+Inf", 10))
    ],
    "HeartbeatsLost": [
        ("tutorwamp_heartbeat_last_age_seconds", {"process": "components"}, 100, 0),
        ("tutorwamp_sessions", {"process": "router"}, 5, 0),
    ],
    "ReadersTooSlow": [("tutorwamp_session_ends_total", {"process": "router", "reason": "slow"}, 0, 0.1)],
    "CountsDrifted": [("tutorwamp_unread_counts_drifted_total", {"process": "components"}, 0, 1 / 600)],
}


async def lived_in(node: Node) -> str:
    """The page of a node that people have used."""
    (tina_email, _), (_, anna) = [
        await register(node, name, role) for name, role in (("Tina", "tutor"), ("Anna", "student"))
    ]
    tina = await PythonPerson.enter(node, tina_email)
    lesson = await planned_lesson(tina.call, anna)
    await tina.call("tutorwamp.chat.send", lesson_id=lesson["id"], body="Good morning")
    page = page_of(node)
    await tina.close()
    return page


def history_of(page: str, faults: list[Fault]) -> History:
    """Twenty minutes of it: all as it is, but for the faults."""
    history = History()
    history.add(0.0, page, **TARGET)
    well = history.scrapes.pop()[1]
    well["up"] = {tuple(sorted(TARGET.items())): 1.0}
    for number in range(int(FOR_S / EVERY_S)):
        at_s = number * EVERY_S
        now: dict[str, Any] = {name: copy(vector) for name, vector in well.items()}
        for name, labels, first, growth in faults:
            now.setdefault(name, {})[tuple(sorted({**labels, **TARGET}.items()))] = first + growth * at_s
        history.scrapes.append((at_s, now))
    return history


def raised(history: History) -> set[str]:
    """The alerts whose expression has an answer now."""
    return {rule["alert"] for rule in rules() if history.ask(rule["expr"])}


async def test_a_node_that_is_well_raises_nothing_and_each_fault_its_alert(node: Node) -> None:
    page = await lived_in(node)
    assert raised(history_of(page, [])) == set()
    assert FAULTS.keys() == {rule["alert"] for rule in rules()}
    for alert, faults in FAULTS.items():
        assert raised(history_of(page, faults)) == {alert}, alert


async def test_work_with_a_turn_in_ten_minutes_is_not_late_after_twenty(node: Node) -> None:
    swept: dict[str, str] = {"process": "components", "work": "files.sweep"}
    page = await lived_in(node)
    assert raised(history_of(page, [("tutorwamp_recurring_age_seconds", swept, 0, 1)])) == set()
    assert raised(history_of(page, [("tutorwamp_recurring_age_seconds", swept, 700, 1)])) == {"RecurringWorkLate"}


async def test_heartbeats_are_missed_by_nobody_where_nobody_is(node: Node) -> None:
    silence = [
        ("tutorwamp_heartbeat_last_age_seconds", {"process": "components"}, 100.0, 1.0),
        ("tutorwamp_sessions", {"process": "router"}, 0.0, 0.0),
    ]
    assert raised(history_of(await lived_in(node), silence)) == set()
    timeouts: list[Fault] = [("tutorwamp_heartbeat_timeouts_total", {"process": "components"}, 0, 0.2)]
    assert raised(history_of(await lived_in(node), timeouts)) == {"HeartbeatsLost"}


async def test_a_small_disk_is_almost_full_earlier(node: Node) -> None:
    faults: list[Fault] = [
        ("tutorwamp_data_free_bytes", {"process": "components"}, 4e9, 0),
        ("tutorwamp_data_size_bytes", {"process": "components"}, 1e11, 0),
    ]
    assert raised(history_of(await lived_in(node), faults)) == {"DiskAlmostFull"}


async def test_each_panel_has_an_answer_on_a_node_that_was_used(node: Node) -> None:
    history = history_of(await lived_in(node), [])
    for title, expression in panels():
        assert isinstance(history.ask(expression), dict), title


async def test_the_first_internal_error_of_a_call_is_noticed(node: Node) -> None:
    """Its series begins with it, so that nothing increases."""
    history = history_of(await lived_in(node), [])
    labels = {"process": "components", "door": "wamp", "call": "c", "outcome": INTERNAL, **TARGET}
    _, now = history.scrapes[-1]
    now["tutorwamp_calls_total"] = {**now.get("tutorwamp_calls_total", {}), tuple(sorted(labels.items())): 1.0}
    assert "InternalErrors" in raised(history)


def test_each_alert_says_one_sentence_and_nothing_that_prometheus_does_not_know() -> None:
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert rule["annotations"].keys() == {"summary"}, rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
