"""What systemd is told: on a real socket, and by a real node whose router is stopped."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.supervision.watched import Watched, watching
from tests.support.node import ROOT
from tests.support.waiting import PATIENCE_S, until
from tutorwamp.kernel.lifeline import BEAT_EVERY_S, BEATS_MISSED_AT_MOST
from tutorwamp.supervision.service_manager import STATUS_CHARACTERS_AT_MOST, ServiceManager

UNIT = ROOT / "docs" / "production" / "tutorwamp.service"


class Heard:
    """What was said on a socket such as systemd's, and when; read as it comes, for it has room for ten words."""

    def __init__(self, address: str) -> None:
        self.words: list[tuple[float, str]] = []
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wire.bind(address)
        self._wire.settimeout(0.1)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._done.is_set():
            try:
                told = self._wire.recv(4096).decode()
            except TimeoutError:
                continue
            self.words += [(time.monotonic(), word) for word in told.split("\n")]

    def all(self) -> list[str]:
        return [word for _, word in self.words]

    def times(self, text: str) -> list[float]:
        """When something with this text in it was said."""
        return [at_s for at_s, word in list(self.words) if text in word]

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        self._wire.close()


@contextmanager
def hearing(address: str) -> Iterator[Heard]:
    heard = Heard(address)
    try:
        yield heard
    finally:
        heard.close()


@pytest.mark.parametrize("abstract", [False, True])
async def test_words_and_a_status_of_one_line(tmp_path: Path, abstract: bool) -> None:
    name = f"tw-{secrets.token_hex(8)}"
    address, told = (f"\0{name}", f"@{name}") if abstract else (str(tmp_path / name), str(tmp_path / name))
    with hearing(address) as heard:
        manager = ServiceManager({"NOTIFY_SOCKET": told})
        manager.tell("ready\non port 8080", "READY=1")
        manager.say("WATCHDOG=1")
        manager.tell("x" * 2 * STATUS_CHARACTERS_AT_MOST)
        await until(lambda: len(heard.words) == 4, heard.all)
    long = f"STATUS={'x' * STATUS_CHARACTERS_AT_MOST}"
    assert heard.all() == ["READY=1", "STATUS=ready on port 8080", "WATCHDOG=1", long]


def test_what_is_ours_is_not_our_processes() -> None:
    environment = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "3", "WATCHDOG_PID": "1", "PATH": "/bin"}
    ServiceManager(environment)
    assert environment == {"PATH": "/bin"}


def test_where_nobody_wants_to_know_nothing_happens(tmp_path: Path) -> None:
    ServiceManager({}).tell("ready", "READY=1")
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("ready", "READY=1")


@pytest.mark.parametrize(
    ("told", "watched_s"),
    [
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1500000"}, 1.5),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, 0),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "soon"}, 0),
        ({"NOTIFY_SOCKET": "@x"}, 0),
        ({"WATCHDOG_USEC": "1500000"}, 0),
    ],
)
def test_whether_it_watches(told: dict[str, str], watched_s: float) -> None:
    assert ServiceManager(dict(told)).watched_s == watched_s


def knows_the_socket(pid: int) -> bool:
    return b"NOTIFY_SOCKET=" in Path(f"/proc/{pid}/environ").read_bytes()


WATCHED_S = 1.0
OVERDUE_S = (BEATS_MISSED_AT_MOST - 1) * BEAT_EVERY_S
"""From the second beat that is missing to the one at which who stands still is named."""


@pytest.mark.alone
async def test_a_node_says_when_it_is_ready_and_a_stopped_router_withholds_the_watchdog() -> None:
    name = f"tw-{secrets.token_hex(8)}"
    env = {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": str(int(WATCHED_S * 1_000_000))}
    made = Watched(env=env)
    with hearing(f"\0{name}") as heard:
        try:
            made.start()
            await until(lambda: "READY=1" in heard.all(), heard.all)
            assert made.health() == 200
            said = [word for word in heard.all() if word != "WATCHDOG=1"]
            assert said == ["STATUS=starting", "READY=1", f"STATUS=ready on port {made.port}"]
            assert not any(knows_the_socket(pid) for pid in made.pids().values()), "they would speak for the supervisor"
            stopped = made.pids()["router"]
            os.kill(stopped, signal.SIGSTOP)
            await until(lambda: heard.times("stands still"), heard.all)
            still_s = heard.times("stands still")[0]
            await until(lambda: heard.times("ready again after"), heard.all)
            again_s = heard.times("ready again after")[0]
            await until(lambda: heard.times("WATCHDOG=1")[-1] > again_s, heard.all)
            withheld = [at_s for at_s in heard.times("WATCHDOG=1") if still_s - OVERDUE_S + 0.5 < at_s < still_s]
            assert withheld == []
            assert heard.times("it starts again in 0.5 s (restart 1)"), heard.all()
            with watching({"up": made.process.pid}) as up:
                made.process.send_signal(signal.SIGTERM)
                assert up.left_after(PATIENCE_S) == []
            await until(lambda: "STOPPING=1" in heard.all(), heard.all)
            assert heard.all().count("READY=1") == 1
            assert heard.all()[-1] in ("STATUS=stopping", "WATCHDOG=1")
        finally:
            made.close()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_the_unit_is_one_that_systemd_reads(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    # The program is where the guide puts it, which is nowhere here.
    unit.write_text(UNIT.read_text().replace("/srv/tutorwamp/current/bin/tutorwamp", "/bin/true"))
    done = subprocess.run(  # noqa: S603  # our own file
        ["systemd-analyze", "verify", "--man=no", str(unit)],  # noqa: S607  # the system's
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (ours, done.returncode) == ([], 0), done.stderr
