"""What becomes of other people's drawings: elements in, drawn, changed, left out.

``python -m tests.board.survey`` packs the npm packages named below and reads every file of Excalidraw in them;
``python -m tests.board.survey PLACE...`` reads folders, files and packages (``.tgz``) that are here already.
Not part of the suite: it needs a network.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from tutorwamp.board.excalidraw import fitted, from_scene, pictures_in, within_reach
from tutorwamp.board.excalidraw.opening import elements_of
from tutorwamp.board.rules import read_change
from tutorwamp.kernel.errors import Invalid

PACKAGES: Final = ("excalidraw-brute-export-cli@0.2.0", "excalidraw-to-svg@3.1.0")
"""Of those named after Excalidraw, the ones that ship drawings."""
SUFFIXES: Final = (".excalidraw", ".excalidrawlib", ".json")
PAGE_ID: Final = "01a20a15-05e3-76a3-9f7a-e3e0d1dc0c31"


def survey(scene: Mapping[str, Any]) -> Counter[str]:
    """Count what becomes of a file. Raises Invalid where it is none of Excalidraw's; what cannot be put is an error."""
    ids = (f"01a20a15-05e3-76a3-9f7b-{number:012x}" for number in count(1))
    pictures, lost = pictures_in(scene)
    near = within_reach(scene)
    read = from_scene(near, page=PAGE_ID, new_id=ids.__next__, asset_ids=dict.fromkeys(pictures, PAGE_ID))
    elements, moved = fitted(read.elements, source=scene.get("source"), was_moved=near is not scene)
    for element in elements:
        read_change({"op": "put", "element": element})
    told = [one for one in [*lost, *read.left_out] if one.id or one.kind]
    living = [raw for raw in elements_of(scene) if not (isinstance(raw, dict) and raw.get("isDeleted") is True)]
    missing = sum(one.reason.startswith("Left out: ") for one in read.left_out)
    return Counter(
        {
            "in": len(living),
            "drawn": len(living) - missing,
            "drawn as": len(elements),
            "told changed": len(told) - missing - len(lost),
            "told left out": missing,
            "pictures lost": len(lost),
            "moved": len(moved),
        }
    )


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for path in sorted(place.rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield str(path.relative_to(place)), path.read_bytes()
    elif place.suffix == ".tgz":
        with tarfile.open(place) as package:
            for member in package:
                content = package.extractfile(member) if member.name.endswith(SUFFIXES) else None
                if content is not None:
                    yield f"{place.stem}: {member.name}", content.read()
    else:
        yield place.name, place.read_bytes()


def _packed(folder: str) -> list[Path]:
    for name in PACKAGES:
        command = ["npm", "pack", "--silent", name]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # names of our own
    return sorted(Path(folder).glob("*.tgz"))


def main() -> None:
    """Print a row for each file, and the sums."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(given) for given in sys.argv[1:]] or _packed(folder)
        sums: Counter[str] = Counter()
        for place in places:
            for name, content in _files(place):
                try:
                    found = survey(json.loads(content))
                except (Invalid, ValueError):
                    continue  # other JSON
                sys.stdout.write(f"{name} {dict(found)}\n")
                sums += found + Counter(files=1)
        sys.stdout.write(f"all {dict(sums)}\n")


if __name__ == "__main__":
    main()
