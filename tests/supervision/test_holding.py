"""One ``up`` on a data folder: it says who it is, and is waited for while it goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.node import ROOT
from tutorwamp.supervision.holding import HeldError, Hold, Holder, holder_of

HOLDS = """
import sys
from pathlib import Path
from tutorwamp.supervision.holding import Hold, Holder
import os
hold = Hold(Path(sys.argv[1]))
hold.say(Holder(os.getpid(), 8080, stopping=sys.argv[2] == "stopping"))
print(os.getpid(), flush=True)
sys.stdin.read()
"""


class Other:
    """Another process that holds it, until it is let go."""

    def __init__(self, path: Path, state: str = "running") -> None:
        self.process = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-c", HOLDS, str(path), state],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.pid = int(self.process.stdout.readline())

    def let_go(self) -> None:
        self.process.communicate("")


def test_who_holds_it_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "up.lock"
    other = Other(path)
    try:
        assert holder_of(path) == Holder(other.pid, 8080)
        with pytest.raises(HeldError) as caught:
            Hold(path)
        assert str(caught.value) == f"process {other.pid}, port 8080"
    finally:
        other.let_go()
    assert holder_of(path) is None


def test_one_that_is_stopping_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "up.lock"
    other = Other(path, "stopping")
    waits: list[float] = []

    def wait(pause_s: float) -> None:
        waits.append(pause_s)
        other.let_go()

    monkeypatch.setattr("tutorwamp.supervision.holding.time.sleep", wait)
    with Hold(path) as hold:
        assert len(waits) == 1
        hold.say(Holder(os.getpid()))
        assert holder_of(path) == Holder(os.getpid())
    assert holder_of(path) is None


def test_but_not_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "up.lock"
    other = Other(path, "stopping")
    try:
        with pytest.raises(HeldError):
            Hold(path, gone_within_s=0)
    finally:
        other.let_go()


def test_the_name_of_one_that_was_killed_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "up.lock"
    other = Other(path)
    other.process.kill()
    other.process.communicate()
    assert holder_of(path) is None
    with Hold(path):
        pass


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert holder_of(tmp_path / "nothing") is None
    assert list(tmp_path.iterdir()) == []
