"""The picture of who needs whom: a staircase of boxes, an arrow for each need, to the right and then down.

Each box has a row and a column of its own, so no arrow crosses a box, whatever is added: the row to the right says
whom a part needs, the column upwards who needs it. An arrow that goes left and up closes a cycle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Final

from tutorwamp.reference.dependencies.imports import When
from tutorwamp.reference.dependencies.parts import Dependencies, Need, Part

BOX_WIDTH_PX: Final = 120
BOX_HEIGHT_PX: Final = 28
STEP_PX: Final = 46
"""From one column to the next: a number of three digits and some air."""
ROW_PX: Final = 42
MARGIN_PX: Final = 16
LANDS_PX: Final = 16
"""An arrow from above ends this far from its box's right edge, one from below as far from its left."""
DISC_PX: Final = 11
"""Radius of what the number stands on."""
KINDS: Final = ("types", "other", "between", "up")
"""The later lies on top: needs for types only, of other parts, between domains, and against the order."""

STYLE: Final = """
    text { font: 13px "DejaVu Sans", Verdana, sans-serif; fill: #1f2328; }
    .paper { fill: #ffffff; stroke: #d0d7de; }
    .layer { fill: #f3f5f8; }
    .box rect { fill: #eaeef2; stroke: #8c959f; }
    .box text { text-anchor: middle; font-weight: bold; }
    .domain rect { fill: #d8eaff; stroke: #0969da; }
    .arrow path { fill: none; stroke: #9aa4af; stroke-width: 1.5; }
    .arrow polygon { fill: #9aa4af; }
    .arrow circle { fill: #ffffff; stroke: #9aa4af; }
    .arrow text { font-size: 11px; text-anchor: middle; }
    .types path, .types circle { stroke-dasharray: 3 3; }
    .between path { stroke: #0969da; stroke-width: 2; }
    .between polygon { fill: #0969da; }
    .between circle { fill: #0969da; stroke: #0969da; }
    .between text { fill: #ffffff; font-weight: bold; }
    .up path { stroke: #cf222e; stroke-width: 2; }
    .up polygon { fill: #cf222e; }
    .up circle { fill: #cf222e; stroke: #cf222e; }
    .up text { fill: #ffffff; font-weight: bold; }
    .key { font-size: 12px; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .paper { fill: #0d1117; stroke: #30363d; }
      .layer { fill: #161b22; }
      .box rect { fill: #262c36; stroke: #7d8590; }
      .domain rect { fill: #12315c; stroke: #4493f8; }
      .arrow path { stroke: #6e7681; }
      .arrow polygon { fill: #6e7681; }
      .arrow circle { fill: #0d1117; stroke: #6e7681; }
      .between path { stroke: #4493f8; }
      .between polygon { fill: #4493f8; }
      .between circle { fill: #1f6feb; stroke: #4493f8; }
      .up path { stroke: #f85149; }
      .up polygon { fill: #f85149; }
      .up circle { fill: #b62324; stroke: #f85149; }
    }
"""


def picture(found: Dependencies) -> str:
    """The staircase, as SVG."""
    places = {name: place for place, name in enumerate(found.parts)}
    width = _column(len(places) - 1) + LANDS_PX + MARGIN_PX
    height = _row(len(places)) - ROW_PX // 2 + MARGIN_PX
    arrows = sorted((_arrow(need, places, found) for need in found.needs), key=lambda arrow: KINDS.index(arrow.kind))
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
        '<title id="title">Who needs whom in tutorwamp</title>',
        f'<desc id="description">{escape(_in_words(found))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6"/>',
        *_layers(found, width),
        *_key(height),
        *(_line(arrow) for arrow in arrows),
        *(_number(arrow) for arrow in arrows),
        *(_box(part, places[part.name]) for part in found.parts.values()),
        "</svg>",
    ]
    return "\n".join(drawn) + "\n"


def _column(place: int) -> int:
    """Where the arrows end that come from above."""
    return MARGIN_PX + BOX_WIDTH_PX - LANDS_PX + place * STEP_PX


def _row(place: int) -> int:
    """The middle of a row."""
    return MARGIN_PX + ROW_PX // 2 + place * ROW_PX


def _box(part: Part, place: int) -> str:
    right = _column(place) + LANDS_PX
    left, top = right - BOX_WIDTH_PX, _row(place) - BOX_HEIGHT_PX // 2
    return (
        f'<g class="box{" domain" if part.domain else ""}">'
        f'<rect x="{left}" y="{top}" width="{BOX_WIDTH_PX}" height="{BOX_HEIGHT_PX}" rx="4"/>'
        f'<text x="{left + BOX_WIDTH_PX // 2}" y="{_row(place) + 5}">{escape(part.name)}</text></g>'
    )


@dataclass(frozen=True)
class _Arrow:
    """Along the row of who needs to ``x``, then down (or up) the column of whom it needs."""

    kind: str
    begin: int
    x: int
    y: int
    end: int
    imports: int
    words: str


def _arrow(need: Need, places: dict[str, int], found: Dependencies) -> _Arrow:
    who, whom = places[need.who], places[need.whom]
    through = ", ".join(f"{name} {count}" for name, count in sorted(need.through().items()))
    words = f"{need.who} needs {need.whom}: {through}"
    right, half = _column(who) + LANDS_PX, BOX_HEIGHT_PX // 2
    if need.up:
        x = _column(whom) - BOX_WIDTH_PX + 2 * LANDS_PX
        return _Arrow("up", right - BOX_WIDTH_PX, x, _row(who), _row(whom) + half, len(need.imports), words)
    between = found.parts[need.who].domain and found.parts[need.whom].domain
    kind = "between" if between else "types" if need.only(When.TYPES) == len(need.imports) else "other"
    return _Arrow(kind, right, _column(whom), _row(who), _row(whom) - half, len(need.imports), words)


def _line(arrow: _Arrow) -> str:
    x, end = arrow.x, arrow.end
    back = end + (8 if arrow.kind == "up" else -8)
    return (
        f'<g class="arrow {arrow.kind}"><path d="M{arrow.begin},{arrow.y} H{x} V{back}"/>'
        f'<polygon points="{x},{end} {x - 4},{back} {x + 4},{back}"/></g>'
    )


def _number(arrow: _Arrow) -> str:
    """At the corner: where two lines cross and no number stands, neither turns."""
    return (
        f'<g class="arrow {arrow.kind}"><title>{escape(arrow.words)}</title>'
        f'<circle cx="{arrow.x}" cy="{arrow.y}" r="{DISC_PX}"/>'
        f'<text x="{arrow.x}" y="{arrow.y + 4}">{arrow.imports}</text></g>'
    )


def _layers(found: Dependencies, width: int) -> Iterator[str]:
    """A band behind every other layer: parts in one band do not need one another."""
    place = 0
    for number, (_, group) in enumerate(groupby(found.parts.values(), key=lambda part: part.layer)):
        rows = len(list(group))
        if number % 2 == 0:
            top = _row(place) - ROW_PX // 2
            yield f'<rect class="layer" x="1" y="{top}" width="{width - 2}" height="{rows * ROW_PX}"/>'
        place += rows


def _key(height: int) -> Iterator[str]:
    """What the signs mean, in the corner that stays empty."""
    lines = (
        "→ along its row: whom a part needs",
        "↑ up its column: who needs it",
        "a number: how many imports",
        "a band: parts that do not need one another",
        "blue: a domain needs a domain",
        "red, to the left and up: closes a cycle",
    )
    for number, line in enumerate(reversed(lines)):
        yield f'<text class="key" x="{MARGIN_PX}" y="{height - MARGIN_PX - 20 * number}">{line}</text>'


def _in_words(found: Dependencies) -> str:
    """For who cannot see it."""
    sentences = []
    for who, needs in groupby(found.needs, key=lambda need: need.who):
        sentences.append(f"{who} needs {', '.join(f'{need.whom} ({len(need.imports)})' for need in needs)}.")
    return " ".join(sentences)
