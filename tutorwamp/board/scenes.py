"""What files of Excalidraw say they are."""

from __future__ import annotations

from typing import Any, Final

SCENES: Final = ("excalidraw", "excalidraw/clipboard", "excalidraw-api/clipboard")
LIBRARY: Final = "excalidrawlib"

SCHEMA: Final[dict[str, Any]] = {
    "properties": {
        "type": {"enum": [*SCENES, LIBRARY]},
        "elements": {"type": "array"},
        "libraryItems": {"type": "array"},
        "library": {"type": "array"},
    },
    "required": ["type"],
}
"""What each of them has, as JSON Schema; the rest is checked element by element."""
