"""The benchmarks, in short: that they measure what they say. How long anything takes is none of a test's business."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.dom.minidom import parse  # our own pictures

import cbor2
import pytest
from click.testing import CliRunner

from tests.support.command import tutorwamp
from tests.support.node import ROOT
from tutorwamp.bench import report as report_of_all
from tutorwamp.bench.board import Latency, _delays, _told, latency
from tutorwamp.bench.chat import lines as chat_lines
from tutorwamp.bench.chromium import executable
from tutorwamp.bench.commands import bench
from tutorwamp.bench.drawing import Drawn, Turned, lesson, submissions_of
from tutorwamp.bench.members import Job, Report, Submission, Writers, _Heard
from tutorwamp.bench.page import Frames, Load, Under, compared
from tutorwamp.bench.page import Result as PageResult
from tutorwamp.bench.page import lines as page_lines
from tutorwamp.bench.school import Row
from tutorwamp.bench.school import lines as school_lines
from tutorwamp.board import rules

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PAGE = "019fffff-0000-7000-8000-000000000001"


def run(*words: str) -> Any:
    """What ``tutorwamp bench … --json`` says."""
    done = tutorwamp("bench", *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Whole runs


def test_chat_is_measured_beside_its_floor() -> None:
    rows = run("chat", "--rounds", "1", "--calls", "100")
    assert [row["name"] for row in rows] == ["RPC only", "floor", "chat.send"]
    assert rows[1]["rate_to_floor"] == 1
    assert all(row["cpu_ms"] > 0 for row in rows)
    assert len(list(chat_lines(rows))) == 4


def test_a_school_of_lessons_loses_and_doubles_nothing_and_each_lesson_hears_one_order() -> None:
    rows = run("chat", "--lessons", "3", "--lesson-of", "3", "--in-flight", "1,8", "--rounds", "1", "--calls", "100")
    assert [(row["name"], row["in_flight"]) for row in rows] == [
        ("floor", 1), ("chat.send", 1), ("floor", 8), ("chat.send", 8),
    ]  # fmt: skip
    assert all((row["lost"], row["doubled"], row["disordered"]) == (0, 0, 0) for row in rows)
    assert all(row["p99_ms"] >= row["p50_ms"] > 0 and row["cpu_ms"]["router"] > 0 for row in rows)
    assert [row["to_floor"] for row in rows if row["name"] == "floor"] == [1, 1]
    assert len(list(school_lines([Row(**row) for row in rows]))) == 6


def test_lessons_are_listed_beside_the_smallest_answer() -> None:
    rows = run("lesson-list", "--lessons", "5", "--requests", "32", "--rounds", "1")
    assert [row["name"] for row in rows] == ["floor", "lesson list"]
    assert rows[0]["to_floor"] == 1
    assert all(row["requests_per_s"] > 0 and row["p50_ms"] > 0 for row in rows)


def test_the_report_tells_medians_spread_machine_and_command_and_keeps_what_is_not_measured_again(
    tmp_path: Path,
) -> None:
    earlier = {"values": {"floor, calls/s": [1.0, 3.0, 2.0]}, "runs": 3, "at": "2026-11-01", "command": "tutorwamp x"}
    where = {"machine": "2 processors", "versions": "tutorwamp 0", "database": "SQLite"}
    (tmp_path / "report.json").write_text(json.dumps({"chat": {**earlier, **where}}))
    done = tutorwamp("bench", "report", "lesson-list", "--short", "--runs", "1", "--write", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "run 1 of 1: lesson-list" in done.stderr
    page = (tmp_path / "report.md").read_text()
    assert "| floor, calls/s | 2 | 1 to 3 |" in page
    assert "`tutorwamp bench lesson-list --lessons 5 --requests 64 --rounds 1`" in page
    for name in ("chat", "lesson-list"):
        assert f"]({name}.svg)" in page
        assert parse(str(tmp_path / f"{name}.svg")).getElementsByTagName("rect")  # noqa: S318  # our own


def test_a_benchmark_has_to_be_named_or_all_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(report_of_all, "run", lambda *how, short: asked.append((*how, short)))
    done = CliRunner().invoke(bench, [])
    assert (done.exit_code, asked) == (2, [])
    assert "tutorwamp bench --help" in done.output
    for words in (["--report"], ["report"], ["report", "chat", "--runs", "2", "--short"]):
        assert CliRunner().invoke(bench, words).exit_code == 0
    assert asked == [(Path("docs/performance"), (), 3, False)] * 2 + [(Path("docs/performance"), ("chat",), 2, True)]
    assert CliRunner().invoke(bench, ["report", "chess"]).exit_code == 2


def test_the_page_of_the_report_says_what_its_figures_say() -> None:
    folder = ROOT / "docs" / "performance"
    known = json.loads((folder / report_of_all.FIGURES).read_text())
    assert (folder / report_of_all.PAGE).read_text() == "\n".join(report_of_all.page(known)) + "\n"


def test_nodes_with_everything_off_and_on_take_turns() -> None:
    rows = run("watched", "--rounds", "1", "--calls", "100", "--traced", "100")
    assert [row["name"] for row in rows] == ["off", "on"]
    assert rows[0]["of_off"] == 1
    assert all(row["cpu_ms"] > 0 and row["p50_ms"] > 0 for row in rows)


def test_a_node_with_nobody_there_is_seen_process_by_process() -> None:
    found = run("idle", "--seconds", "1")
    assert set(found["cpu_percent"]) >= {"supervisor", "controller", "router", "container"}
    assert found["ready_cpu_s"] > 0
    memory = sum(found["pss_mib"].values())
    assert 0 < memory <= sum(found["rss_mib"].values())
    assert found["peak_pss_mib"] > 0
    assert found["watched_s"] >= 1


def test_the_page_is_measured_where_there_is_a_browser() -> None:
    if executable() is None:
        pytest.skip("there is no Chromium here")
    found = run("page", "--strokes", "1", "--elements", "100")
    load, frames = found["load"], found["frames"]
    assert load["requests"] >= 3
    assert load["kb"] > load["again_kb"] >= 0
    assert load["usable_s"] > 0.6, "twice 300 ms: the page, then what it names"
    for part in ("quiet", "thirty", "full"):
        assert found[part]["points"] > 10
        assert found[part]["lost"] == 0
        assert 0 < found[part]["way"]["p50_ms"] <= found[part]["way"]["p99_ms"]
    assert frames["elements"] >= 100
    assert frames["longest_gap_ms"] > 0
    assert len(list(page_lines(_page_result(found)))) == 8


def _page_result(found: Any) -> PageResult:
    parts = {
        name: Under(**{**found[name], "way": Latency(**found[name]["way"])}) for name in ("quiet", "thirty", "full")
    }
    return PageResult(load=Load(**found["load"]), frames=Frames(**found["frames"]), **parts)


def test_a_point_is_under_way_until_its_own_stroke_is_painted_so_far() -> None:
    pointed: list[list[float]] = [[1, 1_000, 10], [1, 1_010, 20], [2, 2_000, 10], [2, 2_010, 90]]
    seen: list[list[float]] = [[1, 11.0, 1_050], [1, 20.4, 1_070], [2, 10.0, 2_030], [2, 50.0, 2_060]]
    found = compared(pointed, seen)
    assert (found.points, found.lost) == (4, 1)
    assert [round(one) for one in (found.way.p50_ms, found.way.max_ms)] == [50, 60]


def test_everything_drawn_by_all_arrives_at_all() -> None:
    result = run("board", "--writers", "3", "--seconds", "1", "--hz", "30", "--processes", "2")
    assert result["writers"] == 3
    assert (result["rejected"], result["lost"], result["boards_equal"]) == (0, 0, True)
    assert result["submits_per_s"] * result["seconds"] == pytest.approx(90)
    assert result["changes_per_s"] * result["seconds"] == pytest.approx(180), "each at the two others"
    events = result["events_per_s"] * result["seconds"]
    assert result["deliveries_per_s"] * result["seconds"] == pytest.approx(3 * events)
    assert result["elements"] == 3, "one stroke each"
    assert sorted(load["kind"] for load in result["loads"]) == [
        "container",
        "controller",
        "router",
        "writers",
        "writers",
    ]
    for times in (result["delivered"], result["acknowledged"]):
        assert 0 < times["p50_ms"] <= times["p99_ms"] <= times["max_ms"]


def test_the_unread_count_is_asked_of_sql_and_of_the_cache() -> None:
    result = run("unread", "--people", "32", "--rounds", "2")
    assert [way["name"] for way in result["ways"]] == ["uncached", "cached"]
    uncached, cached = (way["queries_per_request"] for way in result["ways"])
    # A share of the one for the count, and a share of the one that tells whether the tokens' accounts are active.
    assert (cached < uncached <= 2, 0 < cached <= 1) == (True, True), (uncached, cached)
    assert result["ratio"] > 0


def test_a_lesson_is_drawn_to_its_end() -> None:
    result = run("board-lesson", "--people", "3", "--minutes", "0.75")
    assert result["boards_equal"] is True
    moments = result["moments"]
    assert len(moments) == 11
    assert moments[0]["submissions"] == moments[0]["head"] == moments[0]["elements"] == 0
    submitted = [moment["submissions"] for moment in moments]
    assert submitted == sorted(submitted)
    assert submitted[-1] == result["submissions"] == submissions_of(list(lesson(PAGE, 3, 45)))
    assert all(moment["router_mib"] > 0 < moment["container_mib"] for moment in moments)
    assert moments[-1]["open_bytes"] > moments[1]["open_bytes"] > 0


# What people draw


def test_the_lesson_is_the_same_each_time_but_for_the_ids() -> None:
    once, again = ([_shape_of(step) for step in lesson(PAGE, 5, 1500)] for _ in range(2))
    assert once == again
    assert [step for step in once if isinstance(step, str)] == [
        "tutorwamp.board.add_page",
        "tutorwamp.board.clear",
        "tutorwamp.board.add_page",
    ]


def _shape_of(step: Drawn | Turned) -> object:
    if isinstance(step, Turned):
        return step.procedure
    return step.who, [(change["op"], change.get("points")) for change in step.changes]


def test_a_full_lesson_has_nothing_a_board_would_refuse() -> None:
    board = rules.WorkingBoard(elements={}, counts=rules.first_page(PAGE), weight=0, placed=0)
    ops = {"put": 0, "append": 0, "delete": 0}
    for step in lesson(PAGE, 30, 3600):
        if isinstance(step, Turned):
            _turn(board, step)
            continue
        writer = rules.Writer({"id": str(step.who), "name": "", "role": "student"}, may_draw=True, now=NOW)
        for change in step.changes:
            rules.apply(board, rules.read_change(change), writer)
            ops[change["op"]] += 1
    assert all(ops.values())


def _turn(board: rules.WorkingBoard, step: Turned) -> None:
    if step.procedure == "tutorwamp.board.add_page":
        rules.add_page(board, step.page)
        return
    for element in [one for one in board.elements.values() if one.page == step.page]:
        del board.elements[element.id]
        board.weight -= element.weight
    board.counts[step.page] = 0


# What is measured


def submission(who: int, version: int, sent_at: float) -> Submission:
    return Submission(who, "e", version, due_at=sent_at, sent_at=sent_at, answered_at=sent_at + 1, rejected=None)


def report(told: dict[int, list[tuple[str, int]]]) -> Report:
    return Report(submissions=[], arrivals={}, told=told, boards={}, states=[])


def test_a_change_has_arrived_with_its_version_or_a_later_one_at_everybody_else() -> None:
    versions = _told([report({1: [("e", 1)], 3: [("e", 4)]}), report({2: [("f", 1)], 3: [("e", 4)]})])
    submissions = [submission(0, 1, 10.0), submission(0, 2, 10.5), submission(0, 4, 11.0)]
    arrivals = {0: {1: 10.1, 3: 11.1}, 1: {1: 10.25, 2: 10.3, 3: 12.0}, 2: {3: 13.0}}
    delays, lost = _delays(submissions, versions, arrivals)
    assert delays == {0: [], 1: [0.25, 1.5, 1.0], 2: [2.5, 2.0]}
    assert lost == 1, "the first event did not come to the last member"


def test_what_no_event_tells_is_lost_to_all() -> None:
    assert _delays([submission(0, 5, 1.0)], _told([report({1: [("e", 4)]})]), {0: {}, 1: {}, 2: {}}) == (
        {0: [], 1: [], 2: []},
        2,
    )


def test_latencies_are_milliseconds_in_order() -> None:
    assert latency([number / 1000 for number in range(101)]) == Latency(50.0, 99.0, 100.0)
    assert latency([]).p99_ms == float("inf")


@pytest.mark.parametrize("spoil", [lambda sent: sent[:-1], lambda sent: sent[1:], lambda sent: sent])
def test_who_heard_something_else_has_another_board(spoil: Callable[[list[bytes]], list[bytes]]) -> None:
    job = Job(0, PAGE, dict.fromkeys(range(3), ""), writers=3, hz=1, seconds=1)
    writers = Writers(job, None)
    sent = [_event(seq) for seq in (1, 2, 3)]
    for who, payloads in ((0, sent), (1, sent), (2, spoil(sent))):
        heard = writers._heard[who] = _Heard({"pages": [{"id": PAGE}], "elements": [], "head": 0})
        ear = writers._ear(heard)
        for payload in payloads:
            ear(bytes(bytearray(payload)))  # each member gets bytes of its own
    seen = writers.report()
    same = spoil(sent) == sent
    assert seen.boards == {0: 0, 1: 0, 2: 0 if same else 1}
    assert len(seen.states) == (1 if same else 2)
    assert [element["version"] for element in seen.states[0]["elements"]] == [3]
    assert sorted(seen.arrivals[0]) == [1, 2, 3]
    assert seen.told[2] == [("e", 2)]


def _event(seq: int) -> bytes:
    stroke = {"id": "e", "page": PAGE, "version": 1, "points": [[0.0, 0.0]]}
    change = (
        {"op": "put", "by": "a", "element": stroke}
        if seq == 1
        else {"op": "append", "by": "a", "id": "e", "version": seq, "points": [[float(seq), 0.0]]}
    )
    event = {"seq": seq, "type": "board.changed", "at": "2026-11-24T09:00:00.000Z", "data": {"changes": [change]}}
    payload = cbor2.dumps([36, 1, 1, {}, [], event])
    assert payload[1:3] == b"\x18\x24"
    return payload
