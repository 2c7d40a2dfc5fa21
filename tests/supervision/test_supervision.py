"""The faults of a bad day on a real node: processes that stand still, a log that is written to by strangers."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.monitoring.test_alerts import history_of, raised
from tests.supervision.watched import PATIENCE_S, Watched, watching
from tests.support.command import tutorwamp
from tests.support.metrics import by_process, page_of
from tests.support.node import ROOT
from tutorwamp.kernel.lifeline import BEAT_EVERY_S
from tutorwamp.supervision.processes import processes_of
from tutorwamp.supervision.watch import REPLACED_AFTER_S

pytestmark = pytest.mark.alone

NOTICED_WITHIN_S = 10.0
STOPS_WITHIN_S = 10.0
UP = "tutorwamp_process_up"


@pytest.fixture(scope="module")
def up() -> Iterator[Watched]:
    with Watched("--demo") as made:
        yield made


def wait_for(what: Callable[[], Any], up: Watched, within_s: float = PATIENCE_S) -> float:
    """Wait until it is so; how long it took. The wait is for other processes."""
    begun = time.monotonic()
    with watching({"up": up.process.pid}) as supervisor:
        while not what():
            assert time.monotonic() - begun < within_s, up.errors.read_text()
            assert not supervisor.ended(0.05), "the supervisor ended"
    return time.monotonic() - begun


def says(up: Watched, text: str) -> bool:
    return text in up.errors.read_text()


def check(up: Watched) -> dict[str, str]:
    """What ``tutorwamp check`` says, by what it looked at; only what is wrong."""
    done = tutorwamp("check", env={"TUTORWAMP_DATA_DIR": str(up.data_dir)})
    wrong = [line.partition(" WRONG ") for line in done.stdout.splitlines() if " WRONG " in line]
    assert bool(wrong) == bool(done.returncode), done.stdout
    return {what.strip(): text.strip() for what, _, text in wrong}


def ask(up: Watched, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
    request = urllib.request.Request(  # noqa: S310  # loopback
        f"{up.url}{path}",
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310  # loopback
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return 0, {}


def sender(up: Watched) -> Callable[[], int]:
    """Sends a message each time it is called; the status."""
    token = up.log_in("tutor@demo.example", "demo-lesson")
    lesson = ask(up, "/api/lessons", token=token)[1]["items"][0]["id"]
    return lambda: ask(up, f"/api/lessons/{lesson}/messages", {"body": "hello " * 200}, token)[0]


def test_a_container_that_stands_still_is_told_and_health_says_so(up: Watched) -> None:
    container = up.pids()["container"]
    os.kill(container, signal.SIGSTOP)
    try:
        for path in ("/api/health/ready", "/api/health/live"):
            begun = time.monotonic()
            status, told = ask(up, path)
            assert time.monotonic() - begun < 4, "whoever asks is not kept waiting"
            assert (status, told["status"], told["dependencies"]["rest"]) == (503, "down", "down")
            assert told["dependencies"]["router"] == "ok", "it is the router that answers for REST"
        wait_for(lambda: says(up, f"(process {container}) stands still"), up, NOTICED_WITHIN_S + 5)
        assert set(ask(up, "/api/health/live")[1]["dependencies"].values()) == {"ok", "down"}
        assert ask(up, "/api/health/live")[1]["dependencies"]["chat"] == "down", "it shows no life, either"
        assert "running node" in check(up)
    finally:
        os.kill(container, signal.SIGCONT)
    wait_for(lambda: says(up, f"(process {container}) goes on again"), up)
    wait_for(lambda: up.health() == 200, up)
    assert check(up) == {}
    assert up.pids()["container"] == container


def test_a_router_that_stands_still_is_replaced(up: Watched) -> None:
    """Its workers are killed: a process that stands still does not hear SIGTERM."""
    before = up.pids()
    os.kill(before["router"], signal.SIGSTOP)
    with watching(before) as watched:
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(f"{up.url}/api/health/live", timeout=2)  # noqa: S310  # loopback
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{up.rest_port}/api/health/live", timeout=5)
        with refused.value as answer:
            assert (answer.code, json.load(answer)["dependencies"]) == (503, {"router": "down"})
        assert "running node" in check(up)
        assert watched.left_after(NOTICED_WITHIN_S + 5) == []
    wait_for(lambda: says(up, "ready again after"), up)
    assert up.health() == 200
    told = up.errors.read_text()
    assert f"the router (process {before['router']}) stands still\n" in told
    assert f"(process {before['router']}) stood still and was killed; it starts again in 0.5 s (restart 1)" in told
    assert by_process(page_of(up), "tutorwamp_node_restarts_total") == {"components": 1}


def test_metrics_hold_all_processes_and_wait_for_none_that_stands_still(up: Watched) -> None:
    """The router is not killed before three beats, six seconds, are missing."""
    assert by_process(page_of(up), UP) == {"controller": 1, "router": 1, "components": 1}
    router = up.pids()["router"]
    os.kill(router, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert by_process(page_of(up), UP) == {"controller": 1, "router": 0, "components": 1}
        assert time.monotonic() - begun < 3, "whoever asks is not kept waiting"
        assert raised(history_of(page_of(up), [])) == {"ProcessStandsStill"}
    finally:
        os.kill(router, signal.SIGCONT)
    wait_for(lambda: by_process(page_of(up), UP) == {"controller": 1, "router": 1, "components": 1}, up)


@pytest.mark.skipif(not os.environ.get("TUTORWAMP_TEST_LONG"), reason="takes a minute: TUTORWAMP_TEST_LONG=1")
def test_a_container_that_stands_still_for_half_a_minute_is_replaced(up: Watched) -> None:
    """With less patience: tests/supervision/test_watch.py."""
    before, told_before = up.pids(), up.errors.read_text().count("ready again after")
    os.kill(before["container"], signal.SIGSTOP)
    with watching({"container": before["container"]}) as watched:
        assert watched.left_after(REPLACED_AFTER_S - BEAT_EVERY_S) == ["container"]
        assert watched.left_after(NOTICED_WITHIN_S + 5) == []
    wait_for(lambda: up.errors.read_text().count("ready again after") == told_before + 1, up)
    assert says(up, f"(process {before['container']}) stood still and was killed; it starts again in ")
    assert up.health() == 200


def test_who_ended_how_is_said(up: Watched) -> None:
    killed, told = up.pids()["container"], up.errors.read_text().count("ready again after")
    os.kill(killed, signal.SIGKILL)
    up.wait_back("container", killed)
    # Which container it was is known from its first sign of life on; this one may be younger.
    assert says(up, f"(process {killed}) ended: SIGKILL; it starts again in "), up.errors.read_text()
    wait_for(lambda: up.errors.read_text().count("ready again after") == told + 1, up)


class Rude(WebSocketClientProtocol):
    """Says something, without a ticket, and goes."""

    def __init__(self, said: object) -> None:
        super().__init__()
        self.said = json.dumps(said).encode()
        self.closed: Deferred[None] = Deferred()

    def onOpen(self) -> None:
        self.sendMessage(self.said)  # type: ignore[no-untyped-call]  # autobahn's
        self.sendClose()

    def onClose(self, *_: object) -> None:
        self.closed.callback(None)


async def say(up: Watched, said: object) -> None:
    factory = WebSocketClientFactory(up.ws_url, protocols=["wamp.2.json"])
    factory.noisy = False
    rude = Rude(said)
    factory.protocol = lambda: rude  # type: ignore[assignment]  # it is only called
    reactor.connectTCP("127.0.0.1", up.port, factory)
    await rude.closed.addTimeout(PATIENCE_S, reactor)


FORGED = "\n2026-11-30T01:00:00+0000 [Router 1] all is well\x1b[2J\u2028\u202e"


@ensureDeferred
async def test_nobody_ends_or_forges_the_log(up: Watched) -> None:
    before = len(up.errors.read_text())
    for word in ("x" * 20_000, "x" * 60_000, FORGED):
        await say(up, [1, "tutor", {"roles": {word: {}}}])
        await say(up, [1, word, {"roles": {"caller": {}}}])
        await say(up, [48, 1, {}, word])
    killed = up.pids()["controller"]
    os.kill(killed, signal.SIGKILL)
    up.wait_back("controller", killed)
    told = up.errors.read_text()[before:]
    assert "the node ended: SIGKILL; it starts again in " in told, "it is read on"
    lines = told.splitlines()
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("2026-11-30T01:00:00") for line in lines)
    assert max(map(len, lines)) < 10_000


def test_no_process_and_no_port_is_left_of_a_node_that_does_not_want_to_go(up: Watched) -> None:
    before = {"up": up.process.pid, **up.pids()}
    for name in ("router", "controller"):
        os.kill(before[name], signal.SIGSTOP)
    with watching(before) as watched:
        begun = time.monotonic()
        up.process.send_signal(signal.SIGTERM)
        assert watched.left_after(STOPS_WITHIN_S - (time.monotonic() - begun)) == []
    assert up.process.wait() == 0
    for port in (up.port, up.rest_port):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert processes_of(before["controller"]) == []


def test_what_a_killed_supervisor_leaves_is_ended_by_the_next_start(up: Watched) -> None:
    """A node whose first process stands still does not hear that its supervisor is gone."""
    up.start()
    before = up.pids()
    os.kill(before["controller"], signal.SIGSTOP)
    up.process.kill()
    up.process.wait()
    with watching(before) as watched:
        up.start()
        assert watched.left_after(0) == []
    assert up.health() == 200


def test_a_stop_and_a_start_at_once(up: Watched) -> None:
    """The second waits until the first is gone."""
    first = up.process
    first.send_signal(signal.SIGTERM)
    up.start()
    assert first.wait(0) == 0
    assert up.health() == 200


def test_a_full_disk_is_not_ok_until_there_is_room(up: Watched) -> None:
    """The limit of a file's size plays the full disk: the write fails in the same place."""
    send = sender(up)
    assert send() == 201
    container = up.pids()["container"]
    _, hard = resource.prlimit(container, resource.RLIMIT_FSIZE)
    resource.prlimit(container, resource.RLIMIT_FSIZE, (4096, hard))
    try:
        assert send() == 503
        wait_for(lambda: up.health() == 503, up)
        assert ask(up, "/api/health")[1]["dependencies"]["database"] == "down"
        assert ask(up, "/api/health/live")[0] == 200
        assert check(up)["running node"].endswith("down: database; see its log")
    finally:
        resource.prlimit(container, resource.RLIMIT_FSIZE, (hard, hard))
    wait_for(lambda: up.health() == 200, up)
    assert send() == 201
    told = up.errors.read_text()
    assert told.count("event='the database does not do its work'") == 1
    assert told.count("event='the database works again'") == 1
    assert "the database can" not in told, "one pair of lines"
    assert up.pids()["container"] == container


def modes(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mode & 0o077 for path in (folder, *folder.rglob("*")) if not path.is_symlink()}


def test_all_in_the_data_folder_is_its_owners_alone() -> None:
    """Whatever the umask, and what an earlier version has left open is closed."""
    made = Watched("--demo", env={"TUTORWAMP_LOG_FILE": "node.log"})
    mask = os.umask(0)
    try:
        (made.data_dir / "pictures").mkdir(mode=0o777)
        made.data_dir.chmod(0o777)
        made.start()
        found = modes(made.data_dir)
        assert {f"{made.data_dir}/{name}" for name in ("tutorwamp.sqlite3-wal", "node/router.sock")} <= set(found)
        assert {path: mode for path, mode in found.items() if mode} == {}
    finally:
        os.umask(mask)
        made.close()


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced", "deleted beside it"])
def test_a_database_that_is_taken_away_is_noticed(how: str) -> None:
    """Nothing is acknowledged that nobody would find; and no empty one is put in its place."""
    made = Watched("--demo")
    try:
        made.start()
        send = sender(made)
        assert send() == 201
        file = made.data_dir / "tutorwamp.sqlite3"
        if how == "deleted":
            file.unlink()
        elif how == "moved":
            file.rename(file.with_name("elsewhere"))
        elif how == "replaced":
            copy = file.with_name("copy")
            copy.write_bytes(file.read_bytes())
            copy.replace(file)
        else:
            file.with_name(f"{file.name}-wal").unlink()
        assert send() != 201
        assert made.health() != 200
        if how in ("replaced", "deleted beside it"):
            wait_for(lambda: says(made, "deleted or replaced under the node; it starts again"), made)
            return
        assert made.process.wait(PATIENCE_S) == 1
        line = made.errors.read_text().splitlines()[-1]
        assert line.startswith(f"Error: the database {file} is gone: put it back from a backup, or delete ")
        assert not file.exists()
        refused = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "-m", "tutorwamp", "up", f"--port={made.port}", f"--data={made.data_dir}"],
            cwd=ROOT,
            env={**os.environ, "TUTORWAMP_REST_PORT": str(made.rest_port)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert (refused.returncode, refused.stderr.strip()) == (1, line)
        assert not file.exists()
    finally:
        made.close()
