"""Bars as SVG: medians, with a line from the least to the most."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

FONT: Final = 'font-family="sans-serif" font-size="12"'
WIDTH: Final = 760
NAMES: Final = 260
"""Pixels for the names on the left."""
ROW: Final = 26
TOP: Final = 44
ROOM: Final = 70
"""Pixels for a figure behind its bar."""


def bars(title: str, unit: str, figures: Mapping[str, Sequence[float]]) -> str:
    """A picture of these figures, each with the values of its runs."""
    most = max((max(values) for values in figures.values()), default=0.0) or 1.0
    scale = (WIDTH - NAMES - ROOM) / most
    height = TOP + ROW * len(figures) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="10" y="22" font-size="15" fill="#1f2933">{escape(title)} ({escape(unit)})</text>',
    ]
    for number, (name, values) in enumerate(figures.items()):
        y = TOP + ROW * number
        median, least, highest = statistics.median(values), min(values), max(values)
        said = f"{median:,.0f}" if median >= 100 else f"{median:.3g}"
        label = escape(name.removesuffix(unit).rstrip(" ,"))
        spread = f'x1="{NAMES + least * scale:.1f}" x2="{NAMES + highest * scale:.1f}" y1="{y + 9}" y2="{y + 9}"'
        lines += [
            f'<text x="{NAMES - 8}" y="{y + 13}" text-anchor="end" fill="#1f2933">{label}</text>',
            f'<rect x="{NAMES}" y="{y}" width="{median * scale:.1f}" height="18" fill="#3b6ea8"/>',
            f'<line {spread} stroke="#d9822b" stroke-width="3"/>',
            f'<text x="{NAMES + highest * scale + 6:.1f}" y="{y + 13}" fill="#52606d">{said}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"
