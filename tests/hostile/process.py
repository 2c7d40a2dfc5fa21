"""A process of hostile people: ``python -m tests.hostile.process`` reads a Task as JSON from standard input.

Its last line on standard output is what they were answered, by attack, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from random import Random
from typing import Any

from tests.hostile.enemy import ATTACKS, Enemy, Ground
from tests.hostile.wire import GoneError
from tests.support.node import ROOT

NICENESS = 5
"""The node comes first: what is measured is the node, not who attacks it."""


@dataclass(frozen=True)
class Task:
    """What one process does."""

    ground: Ground
    names: Sequence[str]
    """Of the attacks, of which each thread takes one after another as its seed says."""
    seconds: float
    threads: int
    seed: str
    portions_at_most: int = 1_000_000


class Enemies:
    """Such a process."""

    def __init__(self, task: Task) -> None:
        import tests.hostile.attacks  # noqa: F401  # so that a wrong name is noticed here

        assert set(task.names) <= set(ATTACKS), set(task.names) - set(ATTACKS)
        self._process = subprocess.Popen(  # our own module
            [sys.executable, "-m", "tests.hostile.process"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            json.dump(asdict(task), stdin)

    @property
    def over(self) -> bool:
        return self._process.poll() is not None

    def tally(self) -> dict[str, dict[str, int]]:
        """What they were answered; waits for the end."""
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            lines = stdout.read().splitlines()
        self._process.wait()
        assert lines, "the hostile process said nothing"
        told: dict[str, dict[str, int]] = json.loads(lines[-1])
        return told

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None and not self._process.stdout.closed:
            self._process.stdout.close()


def _attack(task: Task, number: int, told: dict[str, Counter[str]]) -> None:
    enemy = Enemy(task.ground, f"{task.seed}/{number}")
    ends = time.monotonic() + task.seconds
    for name in islice(_in_turn(task, number), task.portions_at_most):
        if time.monotonic() > ends:
            return
        enemy.tally = told.setdefault(f"{number} {name}", Counter())
        enemy.note("portions")
        try:
            ATTACKS[name].portion(enemy)
        except GoneError as error:
            enemy.note(f"gone: {str(error)[:60]}")
            time.sleep(0.05)  # a thread of its own; else it would only knock
        except Exception:  # noqa: BLE001  # a fault of the attack's own is told, and the others go on
            enemy.note(f"FAULT {traceback.format_exc()[-600:]}")


def _in_turn(task: Task, number: int) -> Iterator[str]:
    """Every attack comes before one comes again: first each thread's share of them, then all in another order."""
    names = sorted(task.names)
    Random(task.seed).shuffle(names)
    yield from names[number :: task.threads]
    random = Random(f"{task.seed}/{number}")
    while True:
        yield from random.sample(names, len(names))


def main() -> None:
    """Do the task."""
    os.nice(NICENESS)
    import tests.hostile.attacks  # noqa: F401  # it enters them

    given: dict[str, Any] = json.load(sys.stdin)
    task = Task(**{**given, "ground": Ground(**given["ground"])})
    told: dict[str, Counter[str]] = {}
    threads = [
        threading.Thread(target=_attack, args=(task, number, told), daemon=True) for number in range(task.threads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(task.seconds + 30)
    sums: dict[str, Counter[str]] = {}
    for name, counted in list(told.items()):
        sums.setdefault(name.partition(" ")[2], Counter()).update(counted)
    print(json.dumps(sums))  # noqa: T201  # what the process is for


if __name__ == "__main__":
    main()
