"""``tutorwamp top``: its figures and its page, from texts as a node tells them, and one real node."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import astuple
from functools import partial

import pytest
from rich.console import Console
from twisted.internet.threads import deferToThread

from tests.supervision.watched import Watched
from tests.support.command import tutorwamp
from tests.support.node import ROOT, free_port
from tests.support.waiting import PATIENCE_S
from tutorwamp.app.demo import PASSWORD
from tutorwamp.app.site import PROBES
from tutorwamp.cli.figures import PROBED, Figures, figures
from tutorwamp.cli.readings import Reading
from tutorwamp.cli.top_page import count, page, rate, seconds
from tutorwamp.client.client import Client

RECORDED = """
# TYPE tutorwamp_process_up gauge
tutorwamp_process_up{{process="components"}} 1
tutorwamp_process_up{{process="router"}} {router}
# TYPE tutorwamp_build_info gauge
tutorwamp_build_info{{process="components",python="3.11.7",version="0.1.0"}} 1.0
# TYPE tutorwamp_node_restarts_total counter
tutorwamp_node_restarts_total{{process="components"}} 2.0
# TYPE tutorwamp_people_in_lessons gauge
tutorwamp_people_in_lessons{{process="components"}} 31.0
# TYPE tutorwamp_lessons_occupied gauge
tutorwamp_lessons_occupied{{process="components"}} 2.0
# TYPE tutorwamp_calls_total counter
tutorwamp_calls_total{{process="components",door="wamp",call="tutorwamp.chat.send",outcome="ok"}} {sent}
tutorwamp_calls_total{{process="components",door="wamp",call="tutorwamp.chat.send",outcome="no.error"}} {bad}
tutorwamp_calls_total{{process="components",door="rest",call="GET /api/lessons",outcome="ok"}} {listed}
tutorwamp_calls_total{{process="components",door="rest",call="GET /metrics",outcome="ok"}} {sent}
# TYPE tutorwamp_call_seconds histogram
tutorwamp_call_seconds_bucket{{process="components",door="rest",call="GET /metrics",le="0.01"}} 0
tutorwamp_call_seconds_bucket{{process="components",door="rest",call="GET /metrics",le="1.0"}} 0
tutorwamp_call_seconds_bucket{{process="components",door="rest",call="GET /metrics",le="+Inf"}} {sent}
tutorwamp_call_seconds_bucket{{process="components",door="wamp",call="tutorwamp.chat.send",le="0.01"}} {sent}
tutorwamp_call_seconds_bucket{{process="components",door="wamp",call="tutorwamp.chat.send",le="1.0"}} {sent}
tutorwamp_call_seconds_bucket{{process="components",door="wamp",call="tutorwamp.chat.send",le="+Inf"}} {sent}
tutorwamp_call_seconds_bucket{{process="components",door="rest",call="GET /api/lessons",le="0.01"}} 0
tutorwamp_call_seconds_bucket{{process="components",door="rest",call="GET /api/lessons",le="1.0"}} {listed}
tutorwamp_call_seconds_bucket{{process="components",door="rest",call="GET /api/lessons",le="+Inf"}} {listed}
# TYPE tutorwamp_database_write_wait_seconds gauge
tutorwamp_database_write_wait_seconds{{process="components",lane="chat"}} 3.5
# TYPE tutorwamp_reactor_longest_stall_seconds gauge
tutorwamp_reactor_longest_stall_seconds{{process="components",call="chat.wamp.send"}} 0.5
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total{{process="components"}} {cpu}
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes{{process="components"}} 2.097152e+08
"""


def told(*, router: int = 1) -> Figures:
    before = RECORDED.format(router=1, sent=100, bad=3, listed=10, cpu=7.0)
    after = RECORDED.format(router=router, sent=180, bad=4, listed=14, cpu=7.5)
    return figures(Reading(before, 50.0), Reading(after, 52.0))


def test_the_figures_of_two_readings() -> None:
    found = told()
    assert (found.over_s, found.version, found.restarts) == (2.0, "0.1.0", 2)
    assert (found.people, found.lessons, found.sessions) == (31, 2, None)
    assert (found.calls_per_s, found.errors_per_s) == (42.5, 0.5)
    assert found.errors == {"no.error": 0.5}
    assert found.write_waits_s == {"chat": 3.5}
    components, router = found.processes
    assert (components.processors, components.memory_bytes) == (0.25, 200 * 2**20)
    assert (components.longest_stall_s, components.stalled_in) == (0.5, "chat.wamp.send")
    assert (router.answers, router.memory_bytes) == (True, None)


def test_what_machines_ask_all_day_long_is_left_out() -> None:
    """``top`` itself reads the metrics for each page."""
    assert "GET /metrics" not in {one.call for one in told().slowest}
    assert told().p99_s == pytest.approx(0.7921)
    assert PROBED == PROBES


def test_the_slowest_calls_come_first() -> None:
    lessons, send = told().slowest
    assert astuple(lessons)[:4] == ("rest", "GET /api/lessons", 2.0, 0.0)
    assert [lessons.median_s, lessons.p99_s] == pytest.approx([0.505, 0.9901])
    assert astuple(send)[:4] == ("wamp", "tutorwamp.chat.send", 40.5, 0.5)
    assert [send.median_s, send.p99_s] == pytest.approx([0.005, 0.0099])


def shown(found: Figures, noted: str = "") -> str:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(page("http://127.0.0.1:8081/metrics", found, noted))
    return captured.get()


def test_the_page_says_them() -> None:
    text = shown(told(router=0))
    assert "tutorwamp 0.1.0  http://127.0.0.1:8081/metrics  over 2 s  restarts 2\n" in text
    assert re.search(r"people 31 +lessons 2 +sessions – ", text)
    assert re.search(r"calls 42\.5/s +errors 0\.5/s +median 5\.2 ms ", text)
    assert re.search(r"components +25% +200 MiB +– +500 ms +chat\.wamp\.send", text)
    assert "router does not answer" in text
    assert "writes of chat 3.5 s" in text
    assert re.search(r"GET /api/lessons +2\.0/s +0\.0/s +505 ms +990 ms +rest", text)
    assert re.search(r"no\.error +0\.5/s", text)


def test_a_node_that_tells_hardly_anything_has_a_page_all_the_same() -> None:
    empty = Reading("", 1.0)
    assert "people –" in shown(figures(empty, Reading("", 2.0)))
    assert "has not answered for 9 s" in shown(figures(empty, empty), "has not answered for 9 s")


def test_what_a_node_says_is_shown_as_it_is() -> None:
    """Square brackets are rich's own."""
    text = RECORDED.replace("tutorwamp.chat.send", "[red]x[/red]")
    before = Reading(text.format(router=1, sent=1, bad=1, listed=1, cpu=1), 1.0)
    after = Reading(text.format(router=1, sent=2, bad=2, listed=2, cpu=2), 2.0)
    assert "[red]x[/red]" in shown(figures(before, after))


def test_numbers_as_people_read_them() -> None:
    assert [seconds(one) for one in (None, 0.0, 0.0042, 0.042, 0.42, 4.2)] == [
        "–", "0.0 ms", "4.2 ms", "42 ms", "420 ms", "4.2 s",
    ]  # fmt: skip
    assert [rate(one) for one in (None, 0.0, 1234.56)] == ["–", "0.0/s", "1,234.6/s"]
    assert [count(one) for one in (None, 0.0, 1234.0)] == ["–", "0", "1,234"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--url", "nonsense"), "Error: Invalid value for --url: http://HOST:PORT/metrics is expected"),
        (("--url", f"http://127.0.0.1:{free_port()}", "--once"), "does not tell a node's metrics: "),
    ],
)
def test_where_no_node_is_one_line_says_so(words: tuple[str, ...], line: str) -> None:
    done = tutorwamp("top", *words)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert line in done.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def up() -> Iterator[Watched]:
    made = Watched("--demo", env={"TUTORWAMP_RATE_LIMITS": "off"})  # somebody talks as fast as it goes
    try:
        made.start()
        yield made
    finally:
        made.close()


def of_terminal(command: list[str], env: dict[str, str], until: str) -> tuple[str, int]:
    """What a command shows in a terminal until that is there, and its exit code after Ctrl-C."""
    ours, its = pty.openpty()
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=its, stdout=its, stderr=its) as process:  # noqa: S603  # ours
        os.close(its)
        text, deadline = "", time.monotonic() + PATIENCE_S
        while until not in text:
            assert select.select([ours], [], [], max(0.0, deadline - time.monotonic()))[0], text
            text += os.read(ours, 65_536).decode(errors="replace")
        process.send_signal(signal.SIGINT)  # as a terminal does
        code = process.wait(PATIENCE_S)
    os.close(ours)
    return text, code


async def test_a_real_node_is_told_as_json_as_a_page_and_in_a_terminal(up: Watched) -> None:
    here = {"TUTORWAMP_REST_PORT": str(up.rest_port)}
    tutor = Client(up.url)
    await tutor.log_in("tutor@demo.example", PASSWORD)
    await tutor.open()
    try:
        lesson = await tutor.join((await tutor.call("tutorwamp.lesson.list"))["items"][0]["id"])
        told = deferToThread(partial(tutorwamp, "top", "--once", "--json", "--every", "0.5", env=here))
        while not told.called:
            await lesson.send("Good morning")
        done = await told
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(done.stdout)
        assert (found["people"], found["lessons"], found["sessions"], found["restarts"]) == (1, 1, 1, 0)
        assert found["over_s"] >= 0.5
        assert found["calls_per_s"] > 1
        assert "tutorwamp.chat.send" in {one["call"] for one in found["slowest"]}
        assert found["errors"] == {}
        processes = {one["process"]: one for one in found["processes"]}
        assert processes.keys() == {"components", "controller", "router"}
        assert all(one["answers"] and one["reactor_p99_s"] > 0 for one in processes.values())
        plain = await deferToThread(partial(tutorwamp, "top", "--every", "0.5", env=here))
        assert (plain.returncode, "people 1  " in plain.stdout) == (0, True), "who reads no terminal gets one page"
        env = {**os.environ, **here, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
        command = [sys.executable, "-m", "tutorwamp", "top", "--every", "0.5"]
        text, code = await deferToThread(of_terminal, command, env, "over 0.5")
        assert ("people 1" in text, code) == (True, 0)
    finally:
        await tutor.close()
