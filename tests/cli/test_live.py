"""``tutorwamp check --live``: a running node is asked by all the ways there are to it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.supervision.watched import Watched
from tests.support.command import tutorwamp
from tests.support.node import Node, free_port
from tests.support.tls import HOST, TlsEntrance, make_certificate
from tests.support.waiting import PATIENCE_S, until
from tutorwamp.supervision.asking import Report, ask
from tutorwamp.supervision.watch import Watch

pytestmark = pytest.mark.alone

COMPONENTS = ("accounts", "board", "chat", "files", "lessons", "notifications", "polls", "rest", "sessions")
PUBLIC = {
    "live",
    "ready",
    "ready: database",
    "ready: pictures",
    "ready: router",
    "WAMP",
    *(f"ready: {name}" for name in COMPONENTS),
}
LOCAL = {"supervisor", "controller", "router", "container", "version", "database", "migrations"}


@pytest.fixture(scope="module")
def up() -> Iterator[Watched]:
    made = Watched("--demo")
    try:
        made.start()
        yield made
    finally:
        made.close()


def check(data_dir: Path, *words: str, **more: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Its exit code, and what it says of each."""
    env = {"TUTORWAMP_DATA_DIR": str(data_dir), "COLUMNS": "400", **more}
    done = tutorwamp("check", "--live", *words, env=env)
    assert done.stderr == ""
    said: dict[str, tuple[str, str]] = {}
    for line in done.stdout.splitlines()[1:]:
        state = "WRONG" if " WRONG " in line else " ok "
        what, _, text = line.partition(state)
        if text.strip() or what.strip() not in ("", line.strip()):
            said[what.strip()] = state.strip(), text.strip()
    return done.returncode, said


def test_through_a_proxy_with_tls_its_certificate_is_checked_by_both(up: Watched, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    entrance = TlsEntrance(certificate, up.port)
    try:
        url = f"https://{HOST}:{entrance.port}"
        code, said = check(tmp_path, "--url", url, SSL_CERT_FILE=str(certificate))
        assert (code, {state for state, _ in said.values()}) == (0, {"ok"})
        code, said = check(tmp_path, "--url", url)
    finally:
        entrance.close()
    assert code == 1
    assert {what: state for what, (state, _) in said.items()} == dict.fromkeys(("live", "ready", "WAMP"), "WRONG")
    assert "certificate verify failed" in said["live"][1]
    assert "certificate" in said["WAMP"][1]


async def until_told(up: Watched, what: Callable[[list[bool]], bool]) -> None:
    """Wait until the supervisor says so of its processes' signs of life."""

    def told() -> bool:
        report = ask(up.data_dir / "node", PATIENCE_S)
        return report is not None and what(list(report.processes.values()))

    await until(told, "what the supervisor should say")


async def test_a_good_node_is_told_from_all_sides(up: Watched) -> None:
    await until_told(up, lambda lives: len(lives) == 3)  # a container is named with its first beat
    code, said = check(up.data_dir)
    assert said.keys() == PUBLIC | LOCAL
    assert (code, {state for state, _ in said.values()}) == (0, {"ok"})
    assert "refuses a ticket that is nobody's" in said["WAMP"][1]
    assert f"(process {up.pids()['router']}) shows life" in said["router"][1]
    assert f"process {up.process.pid}, restarts: 0; ready on port {up.port}" in said["supervisor"][1]


def test_from_elsewhere_only_what_answers_is_told(up: Watched, tmp_path: Path) -> None:
    code, said = check(tmp_path, "--url", f"{up.url}/")
    assert code == 0
    assert said.keys() == PUBLIC


async def test_who_stands_still_is_named_by_the_node_and_by_its_supervisor(up: Watched) -> None:
    container = up.pids()["container"]
    os.kill(container, signal.SIGSTOP)
    try:
        await until_told(up, lambda lives: not all(lives))
        code, said = check(up.data_dir)
    finally:
        os.kill(container, signal.SIGCONT)
    assert code == 1
    wrong = {what for what, (state, _) in said.items() if state == "WRONG"}
    assert wrong == {"live", "ready", "container", *(f"ready: {name}" for name in COMPONENTS)}
    assert said["live"][1].startswith("stands still: accounts, ")
    await until_told(up, all)


def test_a_supervisor_that_stands_still_is_wrong(up: Watched) -> None:
    up.process.send_signal(signal.SIGSTOP)
    try:
        code, said = check(up.data_dir)
    finally:
        up.process.send_signal(signal.SIGCONT)
    assert code == 1
    assert {what for what, (state, _) in said.items() if state == "WRONG"} == {"supervisor"}


def test_a_node_that_was_started_by_hand_has_no_supervisor(node: Node) -> None:
    code, said = check(node.data_dir, "--url", node.url)
    assert (code, said["supervisor"]) == (0, ("ok", "none: the node was started by hand"))


def test_where_nobody_is_that_is_said(tmp_path: Path) -> None:
    code, said = check(tmp_path)
    assert code == 1
    assert said.keys() == {"running node"}
    assert "name it with --url" in said["running node"][1]
    code, said = check(tmp_path, "--url", f"http://127.0.0.1:{free_port()}")
    assert code == 1
    assert {what: state for what, (state, _) in said.items()} == dict.fromkeys(("live", "ready", "WAMP"), "WRONG")


class Other(BaseHTTPRequestHandler):
    """A web server that is no node."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>It works</h1>")

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_server_that_is_no_node_is_not_taken_for_one(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        code, said = check(tmp_path, "--url", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        serving.join()
    assert code == 1
    assert "is a node there?" in said["live"][1]
    assert said["WAMP"][0] == "WRONG"


def test_an_address_that_is_none_and_one_without_live_are_said_at_once() -> None:
    for words in (("--live", "--url", "nonsense"), ("--url", "http://127.0.0.1:1")):
        done = tutorwamp("check", *words)
        assert (done.returncode, done.stdout) == (2, "")


def test_a_watch_tells_who_shows_life() -> None:
    watch = Watch()
    assert watch.processes == {}
    watch.told({"what": "router", "pid": 10, "containers": [[12, ["chat"]], [13, ["rest"]]], "still": [13]})
    assert watch.processes == {
        "the container of chat (process 12)": True,
        "the container of rest (process 13)": False,
        "the router (process 10)": True,
    }
    watch.check()
    watch.check()
    assert not watch.processes["the router (process 10)"]


def test_a_report_is_one_datagram() -> None:
    many = {f"the container of {', '.join(COMPONENTS)} (process {pid})": True for pid in range(100)}
    assert len(Report("0.1.0", 1, "x" * 500, 9, many).told()) < 60_000
