"""Who may have heavy work done, when, and what becomes of what takes too much; with real processes of its own."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.board.test_drawing import element
from tests.support.refused import refused
from tests.support.waiting import until
from tutorwamp.board import workshop
from tutorwamp.board.parcels import Parcel
from tutorwamp.board.renderer import NICENESS
from tutorwamp.board.workshop import PLACES, PLACES_A_PERSON, Workshop
from tutorwamp.kernel.edges.deadline import answer_by_work
from tutorwamp.kernel.errors import Invalid, RateLimited, TooLarge, TutorwampError, UnsupportedMediaType

reactor: Any = installed_reactor
ADVICE = "Do less."
EMPTY = Parcel({"format": "svg", "pictures": []}, [b"[]"])
LINES = "\n".join(f"नमस्ते office {number}" for number in range(1_000))
WORDS = [{**element("text", x=0, y=0, size=12), "text": f"{page} {LINES}"} for page in range(15)]
SLOW = Parcel({"format": "pdf", "pictures": []}, [json.dumps(WORDS).encode()])
"""Five seconds' work of a processor that a page may ask for: each line is set by itself, for no font has all of it."""


async def made(place: workshop.Place, name: str, job: Parcel, *, large: bool = False) -> Parcel:
    with place:
        async with place.turn(large=large):
            return await place.work(name, job, advice=ADVICE)


def test_what_a_killed_process_left_of_its_renderers_is_swept_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("tutorwamp-renderer-old", "tutorwamp-renderer-new", "tutorwamp-other"):
        (tmp_path / name / "cache").mkdir(parents=True)
        if not name.endswith("new"):
            os.utime(tmp_path / name, (0, 0))
    Workshop(Clock())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["tutorwamp-other", "tutorwamp-renderer-new"]


class Queue:
    """People at a workshop whose work takes as long as the test wants; no process is started."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.workshop = Workshop(self.clock)
        self.working: list[str] = []

    def comes(self, person: str, *, large: bool = False) -> tuple[Deferred[None], Deferred[None], list[Any]]:
        """Somebody's call: its answer, what ends its work, and how it went in the end."""
        work: Deferred[None] = Deferred()
        ended: list[Any] = []
        answer = answer_by_work(10, self._call(person, large, work), self.clock)
        answer.addBoth(ended.append)
        return answer, work, ended

    async def _call(self, person: str, large: bool, work: Deferred[None]) -> None:
        with self.workshop.place(person) as place:
            async with place.turn(large=large):
                self.working.append(person)
                try:
                    await work
                finally:
                    self.working.remove(person)


def error_of(ended: list[Any]) -> TutorwampError:
    (failure,) = ended
    error: TutorwampError = failure.value
    return error


def test_B34_one_person_has_one_job_done_at_a_time_and_a_second_person_is_not_kept_waiting() -> None:
    queue = Queue()
    (_, first, _), *_ = [queue.comes("anna") for _ in range(PLACES_A_PERSON)]
    queue.comes("ben")
    _, _, refused = queue.comes("anna")
    assert queue.working == ["anna", "ben"]
    error = error_of(refused)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 10
    first.callback(None)
    assert queue.working == ["ben", "anna"]


def test_B34_a_small_job_does_not_wait_for_large_ones() -> None:
    queue = Queue()
    _, large, _ = queue.comes("anna", large=True)
    queue.comes("ben", large=True)
    _, small, _ = queue.comes("cem")
    assert queue.working == ["anna", "cem"]
    queue.comes("dana")
    small.callback(None)
    assert queue.working == ["anna", "dana"]
    large.callback(None)
    assert queue.working == ["dana", "ben"]


def test_B34_where_all_places_are_taken_one_is_told_when_to_come_back() -> None:
    queue = Queue()
    calls = [queue.comes(f"person {number}") for number in range(PLACES)]
    queue.clock.advance(4)
    _, _, refused = queue.comes("one more")
    error = error_of(refused)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 6
    queue.clock.advance(6)  # as it was told
    assert queue.comes("one more")[2] == []
    for _, work, _ in calls:
        work.callback(None)


def test_B34_who_waits_too_long_for_a_turn_hears_why_before_their_time_is_up() -> None:
    queue = Queue()
    queue.comes("anna", large=True)
    _, _, ended = queue.comes("ben", large=True)
    queue.clock.advance(9.6)
    assert isinstance(error_of(ended), RateLimited)


def test_B35_who_does_not_wait_any_more_is_out_of_the_line() -> None:
    queue = Queue()
    _, work, _ = queue.comes("anna", large=True)
    gone, _, _ = queue.comes("ben", large=True)
    queue.comes("cem", large=True)
    gone.cancel()
    work.callback(None)
    assert queue.working == ["cem"]
    assert len([queue.workshop.place("ben") for _ in range(PLACES_A_PERSON)]) == PLACES_A_PERSON


async def test_a_job_is_done_by_a_process_and_its_errors_are_the_contracts() -> None:
    shop = Workshop(reactor)
    done = await made(shop.place("anna"), "export", EMPTY)
    assert done.parts[0].startswith(b"<svg")
    await refused(UnsupportedMediaType, made(shop.place("anna"), "recognise", Parcel({}, [b"no picture"])))
    error = await refused(Invalid, made(shop.place("anna"), "scene_pictures", Parcel({"bytes_at_most": 1}, [b"{}"])))
    assert isinstance(error.details, list)


@pytest.mark.parametrize("job", [b"[" * 100_000, b"[" + b'{"a":0},' * 6_000_000 + b"{}]", b"[{}]"])
async def test_B36_what_ends_the_process_is_too_large_and_the_next_job_is_done(
    job: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JOB_AT_MOST_S", "ANSWER_AT_MOST_S"):
        monkeypatch.setattr(workshop, name, 60.0)
    shop = Workshop(reactor)
    error = await refused(TooLarge, made(shop.place("anna"), "export", Parcel(EMPTY.values, [job])))
    assert error.message.endswith(ADVICE)
    assert (await made(shop.place("anna"), "export", EMPTY)).parts


def children() -> set[int]:
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


async def is_gone(pid: int) -> None:
    await until(lambda: pid not in children(), f"the end of {pid}")


async def test_B36_a_job_that_takes_too_long_is_killed_and_its_caller_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workshop, "JOB_AT_MOST_S", 1.0)
    monkeypatch.setattr(workshop, "CPU_FAIR_S", 0.0)
    before = children()
    work = asking(made(Workshop(reactor).place("anna"), "export", SLOW))
    (pid,) = children() - before
    error = await refused(TooLarge, work)
    assert error.message.endswith(ADVICE)
    await is_gone(pid)


async def test_B36_a_job_that_got_no_processor_is_not_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "JOB_AT_MOST_S", 1.0)
    await refused(RateLimited, made(Workshop(reactor).place("anna"), "export", SLOW))


async def test_B35_the_process_of_a_job_that_nobody_waits_for_is_killed() -> None:
    before, shop = children(), Workshop(reactor)

    async def call() -> None:
        await made(shop.place("anna"), "export", SLOW)

    answer = answer_by_work(10, call(), reactor)
    (pid,) = children() - before
    answer.addErrback(lambda _: None)
    answer.cancel()
    await is_gone(pid)
    assert (await made(shop.place("anna"), "export", EMPTY)).parts


def asking(work: Coroutine[Any, Any, Parcel]) -> Deferred[Parcel]:
    return Deferred.fromCoroutine(work)


PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "tutorwamp.board.renderer", str(os.getpid())], stdin=int(sys.argv[1]))
print(child.pid, flush=True)
child.wait()
"""


def test_a_process_dies_with_its_parent_gives_way_and_takes_no_more_than_it_may() -> None:
    job, ours = os.pipe()  # stays open: the process waits for the rest of its job
    with subprocess.Popen(  # noqa: S603  # our own command
        [sys.executable, "-c", PARENT, str(job)], stdout=subprocess.PIPE, pass_fds=[job], text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        exited = os.pidfd_open(pid)
        os.write(ours, b"\0" * 100_000)  # more than a pipe holds: some was read, so the limits are set
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert f"{1024**3}" in next(line for line in limits.splitlines() if line.startswith("Max address space"))
        assert " 8 " in next(line for line in limits.splitlines() if line.startswith("Max cpu time"))
        assert os.getpriority(os.PRIO_PROCESS, pid) >= NICENESS
        parent.send_signal(signal.SIGKILL)
        assert select.select([exited], [], [], 30)[0]
    for descriptor in (job, ours, exited):
        os.close(descriptor)
