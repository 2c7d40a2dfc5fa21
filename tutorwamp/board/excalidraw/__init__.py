"""Boards as ``.excalidraw`` files and back: pure translation, nothing is fetched or kept.

The form is that of Excalidraw 0.18; ``tests/board/excalidraw/`` has files of its making, and opens ours with it.
"""

from __future__ import annotations

from tutorwamp.board.excalidraw.form import Picture
from tutorwamp.board.excalidraw.pictures import pictures_in
from tutorwamp.board.excalidraw.placing import fitted, within_reach
from tutorwamp.board.excalidraw.reading import Translated, from_scene
from tutorwamp.board.excalidraw.writing import to_scene

__all__ = ["Picture", "Translated", "fitted", "from_scene", "pictures_in", "to_scene", "within_reach"]
