"""Many light people: here, or in a process of their own that can be frozen.

As a process (``python -m tests.journeys.crowd PORT``) it reads ``[[ticket, lesson_id], ...]`` from standard input, says
``in`` once all are in their lessons, and why each session ended once all have.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from twisted.internet import task
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.support.node import ROOT
from tests.support.wamp import PATIENCE_S
from tutorwamp.bench.crowd import Light, connect
from tutorwamp.chat.contracts import CHAT_TOPIC
from tutorwamp.kernel.contracts import AuthRole, new_id, utc_now
from tutorwamp.kernel.tokens import sign
from tutorwamp.lessons.contracts import JOIN

AT_ONCE = 40


def tickets(data_dir: Path, count: int) -> list[str]:
    """Of people who are in no database: enough to be connected."""
    key = (data_dir / "secret.key").read_bytes()
    return [
        sign(
            key,
            user_id=new_id(),
            role=AuthRole.STUDENT,
            family_id=new_id(),
            now=utc_now(),
            lifetime=timedelta(minutes=15),
        )
        for _ in range(count)
    ]


async def gathered(port: int, those: Iterable[str]) -> list[Light]:
    """Connect everybody; raises Disconnected where somebody is refused."""
    crowd = [Light(ticket) for ticket in those]
    work, cooperator = (Deferred.fromCoroutine(connect(port, one)) for one in crowd), task.Cooperator()
    await gatherResults([cooperator.coiterate(work) for _ in range(AT_ONCE)], consumeErrors=True)
    return crowd


class Frozen:
    """Real clients in a process that stops running without a word."""

    def __init__(self, port: int, people: Sequence[tuple[str, str]]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-m", "tests.journeys.crowd", str(port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            json.dump(people, stdin)

    async def says(self) -> str:
        """The next line it prints."""
        from twisted.internet import reactor  # late: as a process, ``task.react`` comes first

        assert self._process.stdout is not None
        line: str = await deferToThread(self._process.stdout.readline).addTimeout(PATIENCE_S, reactor)
        return line.strip()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


async def _be_there(port: int, people: Sequence[tuple[str, str]]) -> None:
    crowd = await gathered(port, [ticket for ticket, _ in people])
    for one, (_, lesson_id) in zip(crowd, people, strict=True):
        await one.call(JOIN.uri, lesson_id=lesson_id)
        await one.subscribe(CHAT_TOPIC.of(lesson_id))
    print("in", flush=True)  # noqa: T201  # what the process is for, as below
    print(json.dumps([(await one.over).uri for one in crowd]), flush=True)  # noqa: T201  # the parent reads it


if __name__ == "__main__":
    given = json.load(sys.stdin)
    task.react(lambda _: Deferred.fromCoroutine(_be_there(int(sys.argv[1]), given)), ())
