"""How a process gives its metrics away, and gets those of others: real sockets, and an answer in time."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from structlog.testing import capture_logs
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import LogLevel, capturedLogs, formatEvent

from tests.support.waiting import PATIENCE_S
from tutorwamp.kernel.metrics import sockets
from tutorwamp.kernel.metrics.sockets import ask_all, clear, offer, worker_name

PAGE = b"sample 1.0\n"
Offer = Callable[[str, Callable[[], bytes]], Any]


@pytest_twisted.async_yield_fixture
async def offered(tmp_path: Path) -> AsyncIterator[Offer]:
    """Processes of the node in ``tmp_path``, all in this one."""
    ports = []

    def begin(name: str, page: Callable[[], bytes]) -> Any:
        ports.append(offer(tmp_path, name, lambda: page, reactor))
        return ports[-1]

    yield begin
    for port in ports:
        await maybeDeferred(port.stopListening)


def test_a_worker_has_the_name_that_the_configuration_gives_it() -> None:
    assert worker_name(["main.py", "--cbdir", "x", "--worker", "components"]) == "components"
    assert worker_name(["main.py", "--worker", "../x"]) == "process"
    assert worker_name(["main.py", "--worker"]) == "process"


async def test_everybody_elses_pages_are_there_however_large(tmp_path: Path, offered: Offer) -> None:
    large = b"sample 2.0\n" * 100_000
    offered("router", lambda: PAGE)
    offered("components", lambda: large)
    offered("rest", lambda: b"not asked")
    assert await ask_all(tmp_path, reactor, but="rest") == {"router": PAGE, "components": large}
    assert stat.S_IMODE((tmp_path / "metrics-router.sock").stat().st_mode) == 0o600


async def test_the_operator_is_not_told_of_the_socket(offered: Offer) -> None:
    with capturedLogs() as said:
        offered("quiet", lambda: PAGE)
    levels = [event["log_level"] for event in said if "metrics-quiet.sock" in formatEvent(event)]
    assert levels == [LogLevel.debug]


async def test_who_stands_still_is_missing_and_keeps_nobody_waiting(
    tmp_path: Path, offered: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "ANSWERED_WITHIN_S", 0.2)
    offered("router", lambda: PAGE)
    with socket.socket(socket.AF_UNIX) as still, socket.socket(socket.AF_UNIX) as full:
        for one, name, backlog in ((still, "still", 1), (full, "full", 0)):
            one.bind(str(tmp_path / f"metrics-{name}.sock"))
            one.listen(backlog)
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(str(tmp_path / "metrics-full.sock"))
            asked = Deferred.fromCoroutine(ask_all(tmp_path, reactor, but="rest"))
            found = await asked.addTimeout(PATIENCE_S, reactor)
    assert found == {"router": PAGE, "still": None, "full": None}


async def test_who_has_died_or_fails_is_missing(tmp_path: Path, offered: Offer) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "metrics-dead.sock"))

    def fails() -> bytes:
        raise RuntimeError("no page")

    offered("failing", fails)
    with capture_logs() as logs:
        assert await ask_all(tmp_path, reactor, but="rest") == {"dead": None, "failing": None}
    assert [line["event"] for line in logs] == ["metrics could not be made"]


async def test_a_process_that_comes_again_takes_the_place_of_the_one_that_was_killed(
    tmp_path: Path, offered: Offer
) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "metrics-router.sock"))
    offered("router", lambda: PAGE)
    assert await ask_all(tmp_path, reactor, but="rest") == {"router": PAGE}


async def test_where_no_node_lives_nobody_is_asked(tmp_path: Path) -> None:
    assert await ask_all(tmp_path / "nowhere", reactor, but="rest") == {}
    assert offer(tmp_path / "nowhere", "router", lambda: lambda: PAGE, reactor) is None


async def test_what_a_killed_node_has_left_is_forgotten(tmp_path: Path, offered: Offer) -> None:
    (tmp_path / "router.sock").touch()
    for name in ("router", "killed"):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(tmp_path / f"metrics-{name}.sock"))
    offered("controller", lambda: PAGE)
    clear(tmp_path, but=("controller", "killed"))
    assert sorted(os.listdir(tmp_path)) == ["metrics-controller.sock", "router.sock"]  # noqa: PTH208  # a local folder
