"""Each attack by itself, against a node with default settings: what it costs, and what others feel meanwhile.

``python -m tests.hostile.table`` measures this checkout and writes ``docs/security/attacks.md``; names of rows after it
measure only those. ``TUTORWAMP_TEST_NODE=<path of a tutorwamp>`` measures another tree and writes the column *before*.
Every figure stays in ``docs/security/attacks.json`` until it is measured again.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import tests.hostile.attacks  # noqa: F401  # it enters them
from tests.hostile import stage
from tests.hostile.enemy import ATTACKS, Ground
from tests.hostile.mishaps import MISHAPS
from tests.hostile.process import Enemies, Task
from tests.hostile.steady import Steady
from tests.hostile.usage import look
from tests.hostile.wire import GoneError
from tests.support.node import ROOT
from tests.support.supervised import Supervised

NODE: Final = os.environ.get("TUTORWAMP_TEST_NODE")
PAGE: Final = ROOT / "docs" / "security" / "attacks.md"
FIGURES: Final = PAGE.with_suffix(".json")
SECONDS: Final = 12.0
"""Of each attack."""
PORTIONS: Final = {
    "exports": 1,
    "boards_opened": 1,
    "searches": 1,
    "heartbeats": 1,
    "pictures": 1,
    "large_cursors": 1,
    "silent_sockets": 1,
}
"""What is told by the count: once is the attack that was reviewed."""
AFTERWARDS_S: Final = 4.0
"""What an attack leaves behind is felt and counted, too; at least so long, and until the node is at rest."""
AFTERWARDS_AT_MOST_S: Final = 45.0
AT_REST: Final = 0.25
"""Of one processor: somebody in another lesson needs less."""
GIVEN_UP_S: Final = 60.0
MEMORY_AT_MOST_MIB: Final = 2_000.0
"""Then the node is killed: the machine has others."""
MESSAGES: Final = int(os.environ.get("TUTORWAMP_TEST_HOSTILE_MESSAGES", "20000"))
FEW_MESSAGES: Final = 1_000
"""Where nobody looks through all of them: to say them takes longer than most rows."""
LOOK_THROUGH: Final = {"searches"}
STROKES: Final = 2_000
LEFT_OUT: Final = {
    "misplaced_messages",
    "garbage",
    "bad_tickets",
    "foreign_topics",
    "odd_rest",
    "upgrades",
    "foreign_uploads",
    "invitations",
}
"""Attacks whose figures say nothing that their neighbours' do not."""


@dataclass(frozen=True)
class Row:
    """What was measured. Memory: how much more there was at the highest than before."""

    item: int
    sentence: str
    router_cpu_s: float = 0.0
    container_cpu_s: float = 0.0
    other_cpu_s: float = 0.0
    memory_mib: float = 0.0
    sends: int = 0
    median_ms: float = 0.0
    p99_ms: float = 0.0
    wrong: int = 0
    ended: int = 0
    restarted: bool = False
    came: str = ""
    """What came of it, in the attack's own words."""


@dataclass
class World:
    """A data folder with everything in it, of which each row gets a copy."""

    folder: Path
    ground: dict[str, Any] = field(default_factory=dict)
    honest: dict[str, str] = field(default_factory=dict)

    @classmethod
    def prepared(cls, messages: int) -> World:
        """Made by the node that is measured, without limits for this once."""
        world = cls(Path(tempfile.mkdtemp(prefix="tw-hostile-")))
        with Supervised(env={"TUTORWAMP_RATE_LIMITS": "off"}, executable=NODE) as node:
            email, _ = stage.person(node.port, "honest tutor", "tutor")
            _, pupil = stage.person(node.port, "honest pupil")
            with stage.session(node.port, email) as tutor:
                lesson_id = stage.lesson(tutor, [pupil])
            ground = stage.hostile_ground(node.port, [lesson_id], strokes=STROKES, messages=messages, pupils=10)
            world.ground, world.honest = asdict(ground), {"email": email, "lesson_id": lesson_id}
            node.stop()
            shutil.copytree(node.data_dir, world.folder / "data", ignore=_no_sockets)
        return world

    @contextmanager
    def node(self, env: dict[str, str]) -> Iterator[Supervised]:
        """Running on a copy."""
        node = Supervised(env=env, executable=NODE)
        try:
            shutil.copytree(self.folder / "data", node.data_dir, dirs_exist_ok=True)
            node.start()
            yield node
        finally:
            node.close()

    def ground_at(self, port: int) -> Ground:
        return Ground(**{**self.ground, "port": port})

    def steady(self, port: int) -> Steady:
        return Steady(port, stage.ticket(port, self.honest["email"]), self.honest["lesson_id"])

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _no_sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith((".sock", ".lock", ".pid")) or (Path(folder) / name).is_socket()]


class Measuring:
    """The node's use of the machine, from here on."""

    def __init__(self, node: Supervised) -> None:
        self._node, self._pids = node, node.pids()
        self._before = self._last = look(node)
        self.memory_mib = 0.0

    def look(self) -> None:
        """Call it often: memory is told at its highest."""
        now = look(self._node)
        if self._node.pids() == self._pids:
            self._last = now
            grown = sum(one.rss_mib for one in now.values()) - sum(one.rss_mib for one in self._before.values())
            self.memory_mib = max(self.memory_mib, grown)

    def cpu_s(self, kind: str) -> float:
        before, last = self._before.get(kind), self._last.get(kind)
        return round(last.cpu_s - (before.cpu_s if before else 0.0), 1) if last else 0.0

    def until_rest(self) -> None:
        """Look until there is little to do any more."""
        ends = time.monotonic() + AFTERWARDS_AT_MOST_S
        while time.monotonic() < ends:
            began, before = time.monotonic(), self._used_s()
            while time.monotonic() < began + AFTERWARDS_S:
                self.look()
                time.sleep(0.2)  # looks at other processes
            if self._used_s() - before < AT_REST * (time.monotonic() - began):
                return

    def _used_s(self) -> float:
        return sum(one.cpu_s for one in self._last.values())

    def kill(self) -> None:
        """All of the node but its supervisor."""
        for pid in self._node.pids().values():
            os.kill(pid, signal.SIGKILL)

    def restarted(self) -> bool:
        workers = ("router", "container")
        now = self._node.pids()
        return any(now.get(kind) != self._pids.get(kind) for kind in workers)


def measure(world: World, name: str) -> Row:
    """One attack, or one mishap."""
    mishap = MISHAPS.get(name)
    with world.node(dict(mishap.env) if mishap else {}) as node:
        steady = world.steady(node.port)
        measuring = Measuring(node)
        try:
            if mishap:
                came = mishap.happen(node, world.ground_at(node.port), measuring.look)
            else:
                came = _attacked(world.ground_at(node.port), name, measuring)
            measuring.until_rest()
        finally:
            steady.stop()
        return _row(mishap or ATTACKS[name], measuring, steady, came)


def _row(of: Any, measuring: Measuring, steady: Steady, came: str) -> Row:
    kinds = Counter(steady.wrong)
    felt = "; others: " + ", ".join(f"{count} × {what}" for what, count in kinds.most_common(3)) if kinds else ""
    return Row(
        item=of.item,
        sentence=of.sentence,
        router_cpu_s=measuring.cpu_s("router"),
        container_cpu_s=measuring.cpu_s("container"),
        other_cpu_s=measuring.cpu_s("other"),
        memory_mib=round(measuring.memory_mib),
        sends=len(steady.latencies),
        median_ms=round(steady.quantile_ms(0.5), 1),
        p99_ms=round(steady.quantile_ms(0.99), 1),
        wrong=len(steady.wrong),
        ended=steady.ended,
        restarted=measuring.restarted(),
        came=came + felt,
    )


def _attacked(ground: Ground, name: str, measuring: Measuring) -> str:
    enemies = Enemies(Task(ground, [name], SECONDS, 1, "table", PORTIONS.get(name, 1_000_000)))
    ends = time.monotonic() + GIVEN_UP_S
    try:
        while not enemies.over:
            measuring.look()
            time.sleep(0.2)  # looks at other processes
            if time.monotonic() > ends:
                return f"given up after {GIVEN_UP_S:.0f} s"
            if measuring.memory_mib > MEMORY_AT_MOST_MIB:
                measuring.kill()
                return f"given up at {measuring.memory_mib:,.0f} MiB more"
        tally = Counter(enemies.tally().get(name, {}))
    finally:
        enemies.close()
    return ", ".join(f"{count} × {what[:70]}" for what, count in tally.most_common(5))


def _write(figures: dict[str, dict[str, Any]]) -> None:
    PAGE.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    PAGE.write_text("\n".join(_page(figures)) + "\n")


def _page(figures: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield "# The attacks, one by one"
    yield ""
    yield "Written by `python -m tests.hostile.table`: each attack against a node with default settings."
    yield "*Before* is the tree before the doors were mended. Figures stay until they are measured again."
    yield f"An attack lasts {SECONDS:.0f} s, or is once where its count says so, and is felt until the node rests."
    yield f"After {GIVEN_UP_S:.0f} s, and where the node has {MEMORY_AT_MOST_MIB:,.0f} MiB more, it is given up."
    yield "Seconds are processor seconds of router + container + the node's other processes."
    yield "Memory is what was there more than before, of all of them, at its highest."
    yield "*Others* is `chat.send` of somebody in another lesson, eight times a second: median and 99th percentile"
    yield "(of what was never answered, until it was given up), and how many were refused, forged or not answered."
    yield "Where the container stands still (item 13), the 5 s of the stop are in the figure of *others*: nobody can be"
    yield "answered meanwhile. What counts there is who is ended by it, and how soon all is answered afterwards."
    yield "Where a machine is shared, processor seconds and counts say something, and milliseconds little."
    yield ""
    yield "| item | attack | | CPU s | memory MB | others: median / p99 ms | wrong | what came of it |"
    yield "|---|---|---|---|---|---|---|---|"
    everything = sorted({(row["item"], name) for rows in figures.values() for name, row in rows.items()})
    for item, name in everything:
        for when in ("before", "after"):
            row = figures.get(when, {}).get(name)
            if row is not None:
                yield _line(item, row, when)


def _line(item: int, row: dict[str, Any], when: str) -> str:
    cpu = f"{row['router_cpu_s']} + {row['container_cpu_s']} + {row['other_cpu_s']}"
    felt = f"{row['median_ms']:.0f} / {row['p99_ms']:.0f}"
    wrong = f"{row['wrong']} of {row['sends']}" + (f", {row['ended']} sessions ended" if row["ended"] else "")
    came = row["came"].replace("|", "\\|").replace("\n", " ") + ("; **node started again**" if row["restarted"] else "")
    sentence = row["sentence"] if when == "before" else ""
    return f"| {item} | {sentence} | {when} | {cpu} | {row['memory_mib']:.0f} | {felt} | {wrong} | {came} |"


def main(names: list[str]) -> None:
    """Measure and write."""
    everything = [name for name in [*ATTACKS, *MISHAPS] if name not in LEFT_OUT]
    wanted = names or sorted(everything, key=lambda name: (ATTACKS.get(name) or MISHAPS[name]).item)
    unknown = [name for name in wanted if name not in ATTACKS and name not in MISHAPS]
    assert not unknown, f"{unknown} are not among {sorted([*ATTACKS, *MISHAPS])}"
    when = "before" if NODE else "after"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and leave no node behind
    world = World.prepared(MESSAGES if LOOK_THROUGH.intersection(wanted) else FEW_MESSAGES)
    try:
        for name in wanted:
            began_s = time.monotonic()
            try:
                row = asdict(measure(world, name))
            except (AssertionError, GoneError, OSError) as error:
                print(f"{name}: not measured: {error!r:.500}", flush=True)  # noqa: T201  # the others are
                continue
            took_s = round(time.monotonic() - began_s)
            print(f"{name} ({took_s} s): {json.dumps(row, ensure_ascii=False)}", flush=True)  # noqa: T201  # progress
            figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
            figures.setdefault(when, {})[name] = row
            _write(figures)
    finally:
        world.close()


if __name__ == "__main__":
    main(sys.argv[1:])
