"""``tutorwamp up``: says when it is ready and nothing else, comes back from anything, leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet import reactor

from tests.supervision.watched import PATIENCE_S, Watched, watching
from tests.support.command import tutorwamp
from tests.support.node import ROOT, free_port
from tests.support.wamp import connect
from tutorwamp.app.demo import PASSWORD, PEOPLE

pytestmark = pytest.mark.alone

STOPS_WITHIN_S = 10.0
"""The contract's word."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One for the module, started with ``--demo`` where pip has built bjdata against an old NumPy."""
    folder = tmp_path_factory.mktemp("extension")
    (folder / "_bjdata.py").write_text("import sys; print('_ARRAY_API not found', file=sys.stderr); raise ImportError")
    with Watched("--demo", env={"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}) as made:
        yield made


def lesson_of(up: Watched) -> str:
    found = re.search(r"\(([0-9a-f-]{36})\)", up.said[0])
    assert found is not None
    return found[1]


def test_it_says_how_to_enter_and_that_it_is_ready_and_nothing_else(up: Watched) -> None:
    assert up.said == [
        f'The demo lesson "Fractions without fear" ({lesson_of(up)}) is live. Log in with password {PASSWORD} as',
        *(f"  {email:<24} {role}" for email, _, role in PEOPLE),
        f"ready http://127.0.0.1:{up.port}/",
    ]
    assert up.errors.read_text() == "starting the node ...\n"
    assert up.health() == 200


def test_A30_who_is_refused_is_a_line_of_the_log_at_once(up: Watched) -> None:
    """On default settings, with nobody at a terminal: not what Crossbar has to say, and not a page of it later."""
    request = urllib.request.Request(  # noqa: S310  # http on loopback
        f"{up.url}/api/auth/login",
        data=json.dumps({"email": "nobody@school.example", "password": "not the right one"}).encode(),
        headers={"content-type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request):  # noqa: S310  # as above
        pass
    request_id = json.load(refused.value)["request_id"]
    deadline_s = time.monotonic() + PATIENCE_S
    while request_id not in up.errors.read_text():
        assert time.monotonic() < deadline_s, up.errors.read_text()
        time.sleep(0.05)  # waits for another process
    lines = [line for line in up.errors.read_text().splitlines() if request_id in line]
    assert all("event='audit'" in line or "event='call'" in line for line in lines), lines
    assert sum("what='login refused'" in line for line in lines) == 1


def test_a_second_one_on_the_same_port_or_folder_refuses(up: Watched, tmp_path: Path) -> None:
    port, rest_port = f"--port={up.port}", {"TUTORWAMP_REST_PORT": str(up.rest_port)}
    free, free_rest = f"--port={free_port()}", {"TUTORWAMP_REST_PORT": str(free_port())}
    elsewhere = f"--data={tmp_path}"
    for words, env, line in (
        ((port, elsewhere), free_rest, f"port {up.port} is in use by process {up.pids()['router']} ("),
        ((free, elsewhere), rest_port, f"port {up.rest_port} is in use by process {up.pids()['container']} ("),
        (
            (free, f"--data={up.data_dir}"),
            free_rest,
            f"another node (process {up.process.pid}, port {up.port}) runs on the data folder {up.data_dir}; choose ",
        ),
    ):
        refused = tutorwamp("up", *words, env=env)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith(f"Error: {line}")
        assert "choose another with" in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert up.health() == 200


async def test_a_user_who_is_deactivated_is_thrown_out(up: Watched) -> None:
    """A15, A18: also when another process does it."""
    email, here = "eve@school.example", {"TUTORWAMP_DATA_DIR": str(up.data_dir)}
    assert tutorwamp("user", "add", email, "--name", "Eve", "--password", PASSWORD, env=here).returncode == 0
    session = await connect(up, up.log_in(email, PASSWORD))
    done = tutorwamp("user", "deactivate", email, env=here)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"deactivated {email}; live sessions end\n", "")
    closed = await session.left.addTimeout(PATIENCE_S, reactor)
    assert closed.reason == "tutorwamp.close.revoked"


def test_kill_9_of_the_controller_and_it_comes_back(up: Watched) -> None:
    """The deaths of router and container, with people talking, are tests/journeys/test_kill.py."""
    killed = up.pids()["controller"]
    os.kill(killed, signal.SIGKILL)
    up.wait_back("controller", killed)


def check_stopped(up: Watched, how: signal.Signals) -> None:
    processes = {"up": up.process.pid, **up.pids()}
    assert set(processes) == {"up", "controller", "router", "container"}
    with watching(processes) as watched:
        begun = time.monotonic()
        code = up.stop(how)
        assert watched.left_after(STOPS_WITHIN_S - (time.monotonic() - begun)) == []
    assert code == 0
    assert up.rest_of_output() == "", "one ready line, however often the node was restarted"


def test_sigterm_then_the_same_demo_again_then_ctrl_c(up: Watched) -> None:
    lesson = lesson_of(up)
    check_stopped(up, signal.SIGTERM)
    up.start()
    assert lesson_of(up) == lesson
    assert len(up.said) == 5
    check_stopped(up, signal.SIGINT)
    assert up.errors.read_text() == "starting the node ...\n"


def test_kill_9_of_the_supervisor_leaves_nothing(up: Watched) -> None:
    up.start()
    with watching(up.pids()) as watched:
        up.process.kill()
        up.process.wait()
        assert watched.left_after(PATIENCE_S) == []
    assert up.rest_of_output() == ""
    assert up.health() == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_its_end_before_it_is_ready_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    ours = {name: text for name, text in os.environ.items() if not name.startswith("TUTORWAMP_")}
    with subprocess.Popen(  # noqa: S603  # our own command
        [sys.executable, "-m", "tutorwamp", "up", f"--port={free_port()}", f"--data={tmp_path}"],
        cwd=ROOT,
        env={**ours, "TUTORWAMP_REST_PORT": str(free_port())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + PATIENCE_S
        assert process.stderr is not None
        assert process.stderr.readline() == "starting the node ...\n"
        while not (child := children.read_text()):
            assert time.monotonic() < deadline
        with watching({"controller": int(child)}) as watched:
            process.send_signal(how)
            said, complained = process.communicate(timeout=PATIENCE_S)
            assert watched.left_after(PATIENCE_S) == []
    assert said == ""
    assert how == signal.SIGKILL or (process.returncode, complained) == (0, "")
