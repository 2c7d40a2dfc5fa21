"""The page of ``tutorwamp top``: figures as people read them. Pure."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tutorwamp.cli.figures import Figures, ProcessFigures

NOTHING: Final = "–"
"""For what the node does not tell, or what did not happen."""
WARNED_FROM_S: Final = 0.25
"""A wait that people who draw or type notice."""
MIB: Final = 2**20


def page(url: str, told: Figures, noted: str = "") -> RenderableType:
    """All of it. ``noted``: a line for what is the matter with the reading itself."""
    return Group(
        _head(url, told, noted),
        _people(told),
        Text(),
        _processes(told),
        Text(),
        _waiting(told),
        Text(),
        _slowest(told),
        *([Text(), _errors(told)] if told.errors else []),
    )


def seconds(value: float | None) -> str:
    """In milliseconds below a second."""
    if value is None:
        return NOTHING
    if value >= 1:
        return f"{value:.1f} s"
    return f"{value * 1_000:.1f} ms" if value < 0.01 else f"{value * 1_000:.0f} ms"


def rate(value: float | None) -> str:
    """So many a second."""
    return NOTHING if value is None else f"{value:,.1f}/s"


def count(value: float | None) -> str:
    """So many."""
    return NOTHING if value is None else f"{value:,.0f}"


def _head(url: str, told: Figures, noted: str) -> RenderableType:
    line = Text()
    line.append("tutorwamp ", style="bold")
    line.append(told.version or NOTHING, style="bold")
    line.append(f"  {url}  over {told.over_s:g} s  restarts ")
    line.append(count(told.restarts), style="yellow" if told.restarts else "")
    if noted:
        line.append(f"  {noted}", style="bold red")
    return line


def _people(told: Figures) -> RenderableType:
    grid = Table.grid(padding=(0, 3))
    grid.add_row(
        f"people {count(told.people)}",
        f"lessons {count(told.lessons)}",
        f"sessions {count(told.sessions)}",
        f"refused {rate(told.refused_per_s)}",
        f"events {rate(told.events_per_s)}",
        f"delivered {rate(told.delivered_per_s)}",
    )
    grid.add_row(
        f"calls {rate(told.calls_per_s)}",
        Text(f"errors {rate(told.errors_per_s)}", style="yellow" if told.errors_per_s else ""),
        f"median {seconds(told.median_s)}",
        _long(f"p99 {seconds(told.p99_s)}", told.p99_s),
    )
    return grid


def _processes(told: Figures) -> RenderableType:
    table = _table("process", "processor", "memory", "reactor p99", "longest stall", title_of_last="in")
    for one in told.processes:
        table.add_row(*(_process(one) if one.answers else (Text(f"{one.process} does not answer", style="bold red"),)))
    return table


def _process(one: ProcessFigures) -> tuple[RenderableType, ...]:
    return (
        one.process,
        NOTHING if one.processors is None else f"{one.processors:.0%}",
        NOTHING if one.memory_bytes is None else f"{one.memory_bytes / MIB:,.0f} MiB",
        _long(seconds(one.reactor_p99_s), one.reactor_p99_s),
        _long(seconds(one.longest_stall_s or None), one.longest_stall_s),
        Text(one.stalled_in),
    )


def _waiting(told: Figures) -> RenderableType:
    line = Text("waiting  ")
    for lane, wait_s in told.write_waits_s.items():
        line.append("writes of ")
        line.append(f"{lane} ")
        line.append_text(_long(seconds(wait_s), wait_s))
        line.append("   ")
    line.append(f"reads {count(told.reads_waiting)}   push {count(told.push_waiting)}")
    return line


def _slowest(told: Figures) -> RenderableType:
    table = _table("slowest calls", "calls", "errors", "median", "p99", title_of_last="door")
    for one in told.slowest:
        table.add_row(
            Text(one.call),
            rate(one.calls_per_s),
            Text(rate(one.errors_per_s), style="yellow" if one.errors_per_s else ""),
            seconds(one.median_s),
            _long(seconds(one.p99_s), one.p99_s),
            one.door,
        )
    if not told.slowest:
        table.add_row(NOTHING)
    return table


def _errors(told: Figures) -> RenderableType:
    table = _table("errors", "")
    for uri, per_s in told.errors.items():
        table.add_row(Text(uri), rate(per_s))
    return table


def _table(first: str, *numbers: str, title_of_last: str | None = None) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column(first, no_wrap=True)
    for title in numbers:
        table.add_column(title, justify="right", no_wrap=True)
    if title_of_last is not None:
        table.add_column(title_of_last, no_wrap=True)
    return table


def _long(text: str, value_s: float | None) -> Text:
    return Text(text, style="bold red" if (value_s or 0.0) >= WARNED_FROM_S else "")
