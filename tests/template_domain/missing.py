"""Say, for each edit named on the command line, what the tests of the furniture miss where it is forgotten; as JSON.

Run in a copy of the tree that has learned of bookmarks: ``missing.py ORIGINAL EDIT…``. The libraries are imported once.
"""

from __future__ import annotations

import importlib
import inspect
import json
import multiprocessing
import shutil
import sys
from pathlib import Path

ORIGINAL, EDITS = Path(sys.argv[1]), sys.argv[2:]
ROOMS = ("service", "store", "wamp", "rest")


def said(edit: str) -> list[str]:
    """The sentences; ``edit`` empty: none is forgotten."""
    if edit and (ORIGINAL / edit).is_file():
        shutil.copy(ORIGINAL / edit, edit)
    elif edit:
        Path(edit).rename(f"{edit}.forgotten")
    furniture = importlib.import_module("tests.architecture.test_furniture")
    sentences = []
    for name, check in vars(furniture).items():
        if name.startswith("test_") and "domain" in name:
            try:
                check(*["bookmarks"] if inspect.signature(check).parameters else [])
            except AssertionError as error:
                sentences.append(str(error).partition("\n")[0])
    return sentences


def said_and_restored(edit: str) -> list[str]:
    """The same, and the edit is there again."""
    kept = Path(edit).read_bytes() if edit else b""
    try:
        return said(edit)
    finally:
        if edit:
            Path(edit).write_bytes(kept)


sys.path.insert(0, str(Path.cwd()))
for room in sorted(Path("tutorwamp").glob("*/*.py")):
    if room.stem in ROOMS and room.parent.name != "app":
        importlib.import_module(f"tutorwamp.{room.parent.name}.{room.stem}")
with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
    sys.stdout.write(json.dumps(dict(zip(EDITS, pool.map(said_and_restored, EDITS, chunksize=1), strict=True))))
