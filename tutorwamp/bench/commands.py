"""The command line's measurements: ``tutorwamp bench ...``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click


@click.group(invoke_without_command=True)
@click.option("--report", is_flag=True, help="Every scenario, and the page of them: as `bench report`.")
@click.pass_context
def bench(context: click.Context, report: bool) -> None:  # click passes flags by name
    """Measure, on a node of its own; see docs/performance/."""
    if context.invoked_subcommand is None:
        if not report:
            raise click.UsageError("Which benchmark? See: tutorwamp bench --help")
        context.invoke(bench_report)


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@bench.command("chat")
@click.option("--rounds", default=5, show_default=True, help="Of each contender, after one to warm up.")
@click.option("--calls", default=2_000, show_default=True, help="In each round; a tenth of it one by one.")
@click.option("--lessons", type=click.IntRange(1), help="So many at once, of two people each, or as --lesson-of says.")
@click.option("--lesson-of", type=click.IntRange(2, 31), help="People in each lesson.")
@click.option("--in-flight", default="1,16,64", show_default=True, help="Calls under way at once, with these two.")
@_as_json
def bench_chat(
    rounds: int, calls: int, lessons: int | None, lesson_of: int | None, in_flight: str, as_json: bool
) -> None:  # click passes flags by name
    """chat.send beside the same router without a database."""
    if lessons is None and lesson_of is None:
        from tutorwamp.bench.chat import as_rows, lines, run

        rows = as_rows(run(rounds, calls))
        _print(rows, lines(rows), as_json=as_json)
        return
    from tutorwamp.bench import school

    at_once = [int(number) for number in in_flight.split(",")]
    found = school.run(lessons or 1, lesson_of or 2, at_once, rounds, calls)
    _print([asdict(row) for row in found], school.lines(found), as_json=as_json)


@bench.command("board")
@click.option("--writers", default=30, show_default=True, type=click.IntRange(2, 31), help="One is the tutor.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(0.1))
@click.option("--hz", default=20.0, show_default=True, type=click.FloatRange(0.1), help="Submits of each, per second.")
@click.option("--processes", default=2, show_default=True, type=click.IntRange(1), help="That the writers share.")
@_as_json
def bench_board(writers: int, seconds: float, hz: float, processes: int, as_json: bool) -> None:  # as above
    """Everybody draws on one board, and hears everybody."""
    from tutorwamp.bench.board import lines, run

    result = run(writers, seconds, hz, min(processes, writers))
    _print(asdict(result), lines(result), as_json=as_json)


@bench.command("board-lesson")
@click.option("--people", default=30, show_default=True, type=click.IntRange(2, 31), help="One is the tutor.")
@click.option("--minutes", default=120.0, show_default=True, type=click.FloatRange(0.01), help="Of the lesson.")
@_as_json
def bench_board_lesson(people: int, minutes: float, as_json: bool) -> None:  # as above
    """All that a lesson draws, as fast as it goes, and what becomes of the node meanwhile."""
    from tutorwamp.bench.board_lesson import lines, run

    result = run(people, minutes * 60)
    _print(asdict(result), lines(result), as_json=as_json)


@bench.command("unread")
@click.option("--people", default=1_000, show_default=True, type=click.IntRange(16), help="Asked about in a round.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="After one to warm up.")
@_as_json
def bench_unread(people: int, rounds: int, as_json: bool) -> None:  # as above
    """The unread count over REST, from SQL and from the cache."""
    from tutorwamp.bench.unread import lines, run

    result = run(people, rounds)
    _print(asdict(result), lines(result), as_json=as_json)


@bench.command("sessions")
@click.option("--people", default=5_000, show_default=True, type=click.IntRange(20), help="In lessons of ten.")
@click.option("--cut", default=1_000, show_default=True, type=click.IntRange(1), help="Who lose their connections.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1), help="Of everybody being there.")
@_as_json
def bench_sessions(people: int, cut: int, seconds: float, as_json: bool) -> None:  # as above
    """What it costs that people are there, and how long it takes them to come back."""
    from tutorwamp.bench.sessions import lines, run

    result = run(people, min(cut, people), seconds)
    _print(asdict(result), lines(result), as_json=as_json)


@bench.command("lesson-list")
@click.option("--lessons", default=200, show_default=True, type=click.IntRange(1), help="Of the person who asks.")
@click.option("--requests", default=2_000, show_default=True, type=click.IntRange(16), help="In each round.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="After one to warm up.")
@_as_json
def bench_lesson_list(lessons: int, requests: int, rounds: int, as_json: bool) -> None:  # as above
    """The first page of somebody's lessons over REST."""
    from tutorwamp.bench.listing import lines, run

    rows = run(lessons, requests, rounds)
    _print([asdict(row) for row in rows], lines(rows), as_json=as_json)


@bench.command("report")
@click.argument("names", nargs=-1)
@click.option("--write", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path("docs/performance"))
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1), help="Of each scenario, in turn.")
@click.option("--short", is_flag=True, help="Small runs, to see that all of it works.")
def bench_report(names: tuple[str, ...], folder: Path, runs: int, short: bool) -> None:  # as above
    """Measure every scenario, or those named, and write the page with its plots."""
    from tutorwamp.bench.report import SCENARIOS, run

    known = [one.name for one in SCENARIOS]
    if unknown := sorted(set(names) - set(known)):
        raise click.BadParameter(f"{', '.join(unknown)}: not among {', '.join(known)}")
    run(folder, names, runs, short=short)


@bench.command("watched")
@click.option("--rounds", default=5, show_default=True, help="Of each node, after one to warm up.")
@click.option("--calls", default=2_000, show_default=True, type=click.IntRange(100), help="In each round.")
@click.option(
    "--traced", metavar="PERCENT", type=click.IntRange(0, 100), help="Of the calls; wants tutorwamp[tracing]."
)
@_as_json
def bench_watched(rounds: int, calls: int, traced: int | None, as_json: bool) -> None:  # as above
    """What logging, metrics and tracing cost chat."""
    from tutorwamp.bench.watched import lines, run

    rows = run(rounds, calls, traced=traced)
    _print([asdict(row) for row in rows], lines(rows), as_json=as_json)


@bench.command("idle")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(0.1), help="To watch it.")
@_as_json
def bench_idle(seconds: float, as_json: bool) -> None:  # as above
    """How long a node takes to be ready, and what it costs when nobody is there."""
    from tutorwamp.bench.idle import lines, run

    result = run(seconds)
    _print(asdict(result), lines(result), as_json=as_json)


@bench.command("page")
@click.option(
    "--strokes", default=12, show_default=True, type=click.IntRange(1), help="Of a second each, in each part."
)
@click.option("--elements", default=3_900, show_default=True, type=click.IntRange(1, 3_900), help="Of a full page.")
@_as_json
def bench_page(strokes: int, elements: int, as_json: bool) -> None:  # as above
    """The classroom page in Chromium: first load, a stroke's way to the other's screen, frames."""
    from tutorwamp.bench.chromium import executable
    from tutorwamp.bench.page import lines, run

    if executable() is None:
        raise click.ClickException("There is no Chromium here.")
    result = run(strokes, elements)
    _print(asdict(result), lines(result), as_json=as_json)


def _print(result: Any, lines: Iterable[str], *, as_json: bool) -> None:
    click.echo(json.dumps(result, indent=2) if as_json else "\n".join(lines))
