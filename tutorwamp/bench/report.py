"""``tutorwamp bench report``: every scenario, several times in turn, as a page with its plots.

Each run is a process and a node of its own. The scenarios take turns, so that the machine's moods hit all of them;
medians of the runs are told, with the least and the most.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from tutorwamp import __version__
from tutorwamp.bench.plots import bars

LIBRARIES: Final = ("crossbar", "autobahn", "twisted", "sqlalchemy", "cbor2")
PAGE: Final = "report.md"
FIGURES: Final = "report.json"

Found = Mapping[str, float]
"""Figures by their names: ``contender, what`` with its unit."""


@dataclass(frozen=True)
class Scenario:
    """A benchmark, how it is asked for, and which of its figures are told."""

    name: str
    title: str
    words: Sequence[str]
    """After ``tutorwamp bench``."""
    short: Sequence[str]
    """The same for a run that only shows that it works."""
    beside: str
    """What it is measured beside, in the same run."""
    figures: Callable[[Any], Found]
    plotted: str
    """The end of the names that the plot shows."""


@dataclass
class Told:
    """A scenario's figures of all runs."""

    name: str
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, found: Found) -> None:
        """One run more."""
        for name, value in found.items():
            self.values.setdefault(name, []).append(value)


_TIMES: Final = {"p50_ms": "p50 ms", "p99_ms": "p99 ms", "cpu_ms": "cpu ms a call"}
_CHAT: Final = {"calls_per_s": "calls/s", "rate_to_floor": "x floor", **_TIMES}
_SCHOOL: Final = {"calls_per_s": "calls/s", "to_floor": "x floor", **_TIMES}
_LIST: Final = {"requests_per_s": "requests/s", "to_floor": "x floor", "p50_ms": "p50 ms"}
_WATCHED: Final = {"calls_per_s": "calls/s", "of_off": "x off", "cpu_ms": "cpu ms a call"}


def _of_rows(told: Mapping[str, str], rows: Any) -> Found:
    """These fields of each contender's row, by what they are called."""
    return {f"{row['name']}, {unit}": row[field] for row in rows for field, unit in told.items()}


def _school(rows: Any) -> Found:
    named = [
        {**row, "name": f"{row['name']} with {row['in_flight']} in flight", "cpu_ms": sum(row["cpu_ms"].values())}
        for row in rows
    ]
    wrong = sum(row["lost"] + row["doubled"] + row["disordered"] for row in rows)
    return {**_of_rows(_SCHOOL, named), "lost, doubled or in another order": wrong}


def _board(result: Any) -> Found:
    return {
        "submits/s": result["submits_per_s"],
        "submit to every other member, p50 ms": result["delivered"]["p50_ms"],
        "submit to every other member, p99 ms": result["delivered"]["p99_ms"],
        "submit to answer, p99 ms": result["acknowledged"]["p99_ms"],
        "lost": result["lost"],
    }


def _board_lesson(result: Any) -> Found:
    first, last = result["moments"][0], result["moments"][-1]
    return {
        "submissions": result["submissions"],
        "submits/s at the end": last["submits_per_s"],
        "router before, MiB": first["router_mib"],
        "router at the end, MiB": last["router_mib"],
        "container before, MiB": first["container_mib"],
        "container at the end, MiB": last["container_mib"],
        "board.open at the end, ms": last["open_ms"],
        "board.at of the middle, ms": last["at_middle_ms"],
        "boards that differ": float(not result["boards_equal"]),
    }


def _unread(result: Any) -> Found:
    ways = {f"{way['name']}, requests/s": way["requests_per_s"] for way in result["ways"]}
    return {**ways, "cached, x SQL": result["ratio"]}


def _sessions(result: Any) -> Found:
    return {
        "join storm: people a second": result["people"] / result["entered_in_s"],
        "idle: KiB a person": result["kib_a_person"],
        "idle: heartbeats/s": result["heartbeats_per_s"],
        "reconnect storm: back, p50 s": result["back_p50_s"],
        "reconnect storm: back, p99 s": result["back_p99_s"],
        "reconnect storm: back, last s": result["back_last_s"],
        "others disturbed, or without what they missed": result["others_disturbed"] + result["missed"],
    }


_FEW: Final = ("--rounds", "1", "--calls", "100")
_AT_ONCE: Final = ("--in-flight", "1,16,64")
SCENARIOS: Final = (
    Scenario(
        "chat", "One lesson of two", ("chat", "--rounds", "3", "--calls", "1000"), ("chat", *_FEW),
        "the same router and shapes without a database", partial(_of_rows, _CHAT), ", calls/s",
    ),
    Scenario(
        "fifty-lessons", "Fifty lessons", ("chat", "--lessons", "50", *_AT_ONCE, "--rounds", "2", "--calls", "600"),
        ("chat", "--lessons", "2", "--in-flight", "8", *_FEW), "the same without a database", _school, ", calls/s",
    ),
    Scenario(
        "lesson-of-30", "A lesson of thirty",
        ("chat", "--lesson-of", "30", *_AT_ONCE, "--rounds", "2", "--calls", "300"),
        ("chat", "--lesson-of", "4", "--in-flight", "8", *_FEW), "the same without a database", _school, ", calls/s",
    ),
    Scenario(
        "board", "Thirty on one board", ("board", "--seconds", "20"), ("board", "--writers", "3", "--seconds", "1"),
        "the tick of 33 ms, which every change waits for", _board, " ms",
    ),
    Scenario(
        "board-lesson", "All that a lesson draws", ("board-lesson", "--minutes", "4"),
        ("board-lesson", "--people", "3", "--minutes", "0.05"), "the node before it", _board_lesson, ", MiB",
    ),
    Scenario(
        "unread", "The unread count over REST", ("unread", "--people", "1000", "--rounds", "3"),
        ("unread", "--people", "16", "--rounds", "1"), "the same count from SQL", _unread, ", requests/s",
    ),
    Scenario(
        "lesson-list", "The list of lessons over REST", ("lesson-list", "--rounds", "3"),
        ("lesson-list", "--lessons", "5", "--requests", "64", "--rounds", "1"), "the smallest answer of REST",
        partial(_of_rows, _LIST), ", requests/s",
    ),
    Scenario(
        "sessions", "People who come, are there, and come back",
        ("sessions", "--people", "1000", "--cut", "300", "--seconds", "10"),
        ("sessions", "--people", "20", "--cut", "5", "--seconds", "1"), "nothing: each figure has its aim", _sessions,
        " s",
    ),
    Scenario(
        "watched", "What logging, metrics and tracing cost",
        ("watched", "--traced", "1", "--rounds", "5", "--calls", "3000"), ("watched", "--traced", "1", *_FEW),
        "a node with all of it off", partial(_of_rows, _WATCHED), ", calls/s",
    ),
)  # fmt: skip


def run(folder: Path, names: Sequence[str], runs: int, *, short: bool) -> None:
    """Measure and write the page into a folder; what was measured earlier and is not named now stays in it."""
    wanted = [one for one in SCENARIOS if not names or one.name in names]
    told = {one.name: Told(one.name) for one in wanted}
    for number in range(1, runs + 1):
        for one in wanted:
            print(f"run {number} of {runs}: {one.name}", file=sys.stderr)  # noqa: T201  # progress
            told[one.name].add(one.figures(_measured(one.short if short else one.words)))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FIGURES
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for one in wanted:
        words = " ".join(one.short if short else one.words)
        known[one.name] = {**asdict(told[one.name]), **_where(), "runs": runs, "command": f"tutorwamp bench {words}"}
    path.write_text(json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    for one in SCENARIOS:
        if one.name in known:
            values = known[one.name]["values"]
            plot = {name: values[name] for name in values if name.endswith(one.plotted)}
            (folder / f"{one.name}.svg").write_text(bars(one.title, one.plotted.strip(" ,"), plot))
    (folder / PAGE).write_text("\n".join(page(known)) + "\n")


def _measured(words: Sequence[str]) -> Any:
    command = [sys.executable, "-m", "tutorwamp", "bench", *words, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603  # our own command
    return json.loads(done.stdout)


def _where() -> dict[str, str]:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} processors, {platform.machine()}, {platform.system()}",
        "versions": f"tutorwamp {__version__}, Python {platform.python_version()}, {versions}",
        "database": "SQLite" if "TUTORWAMP_DATABASE_URL" not in os.environ else "the one of TUTORWAMP_DATABASE_URL",
    }


def page(known: Mapping[str, Any]) -> Iterator[str]:
    """The page's lines."""
    yield "# Measured"
    yield ""
    yield "Written by `tutorwamp bench report --write docs/performance`: each scenario on nodes of its own, in turn,"
    yield "node and load on one machine. Medians of the runs, with the least and the most behind them."
    yield "The machine is shared: ratios of one run say something, milliseconds little."
    for one in SCENARIOS:
        if one.name not in known:
            continue
        told = known[one.name]
        yield ""
        yield f"## {one.title}"
        yield ""
        yield f"`{told['command']}`, beside {one.beside}."
        yield f"Runs: {told['runs']}, {told['at']}; {told['machine']}; {told['versions']}; {told['database']}."
        yield ""
        yield f"![{one.title}]({one.name}.svg)"
        yield ""
        yield "| | median | least to most |"
        yield "|---|---|---|"
        for name, values in told["values"].items():
            spread = f"{_figure(min(values))} to {_figure(max(values))}"
            yield f"| {name} | {_figure(statistics.median(values))} | {spread} |"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
