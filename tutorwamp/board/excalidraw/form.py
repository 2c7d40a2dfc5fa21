"""What writing and reading a scene agree on."""

from __future__ import annotations

from typing import Final

FREEHAND_WIDTH: Final = 6
"""Pixels: how wide Excalidraw draws a freehand stroke of ``strokeWidth`` 1 at medium pressure (measured)."""
DOT: Final = 0.0001
"""Pixels: Excalidraw makes a dot of two points so far apart, and drops a stroke of one."""

DEFAULT_WIDTH: Final = 2.0
"""Of a line around a shape; Excalidraw's default and ours."""

Picture = tuple[str, bytes]
"""Media type and content."""
Point = list[float]
"""``[x, y]`` or ``[x, y, pressure]``."""
OURS: Final = "tutorwamp"
"""What our scenes say they are from."""
