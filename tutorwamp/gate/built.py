"""The page as ``tutorwamp/web/_build/build.mjs`` made it of its sources, and whether the sources have changed since.

The build writes a folder beside the sources: the page in few files, and which sources they were made of. A node without
Node.js needs nothing else. In a checkout whose sources are newer than that, the sources are the page.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = "built"
RECORD: Final = "built.json"
RENEW: Final = "npm run build --prefix tutorwamp/web/_build"
_SOURCES: Final = frozenset({".mjs", ".css", ".html", ".svg", ".png", ".webmanifest"})
"""Suffixes of what a page is made of."""
_INSTEAD_OF: Final[Mapping[bytes, str]] = {
    b"": "classroom.html",
    b"index.html": "classroom.html",
    b"service-worker.mjs": "service-worker.js",
}
"""What of the folder is served at addresses of the sources."""
_LOOKS_AGAIN_AFTER_S: Final = 1.0
"""So that whoever changes a source sees it after a reload, and a crowd that arrives costs one look a second."""
_STAMP = tuple[tuple[str, int, int], ...]


def sources(web: Path) -> Iterator[Path]:
    """All files that the page is made of, in the order of their names; not what was made of them, nor what makes it."""
    for path in sorted(web.rglob("*")):
        within = path.relative_to(web).parts
        is_ours = within[0] != FOLDER and not within[0].startswith("_") and "node_modules" not in within
        if path.suffix in _SOURCES and is_ours:
            yield path


def digests(web: Path) -> dict[str, str]:
    """A fingerprint of each source, by its path; the build makes the same (tutorwamp/web/_build/sources.mjs)."""
    return {
        path.relative_to(web).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in sources(web)
    }


class Built:
    """What was built, as long as it is of these sources."""

    def __init__(self, web: Path) -> None:
        self._web = web
        self._looked_at = 0.0
        self._stamp: _STAMP | None = None
        self._stale: str | None = None

    def instead_of(self, path: bytes) -> Path | None:
        """The file that is served at this address of the root; null where the source is."""
        name = _INSTEAD_OF.get(path)
        if name is None or self.stale() is not None:
            return None
        return self._web / FOLDER / name

    def stale(self) -> str | None:
        """Why the sources are served, for the operator; null where they are not."""
        now = time.monotonic()
        if self._stamp is None or now - self._looked_at >= _LOOKS_AGAIN_AFTER_S:
            self._looked_at = now
            stamp = self._take_stamp()
            if stamp != self._stamp:
                self._stamp, self._stale = stamp, self._compare()
        return self._stale

    def _take_stamp(self) -> _STAMP:
        looked_at = [*sources(self._web), self._web / FOLDER / RECORD]
        found = [(str(path), path.stat()) for path in looked_at if path.is_file()]
        return tuple((path, status.st_mtime_ns, status.st_size) for path, status in found)

    def _compare(self) -> str | None:
        try:
            record = json.loads((self._web / FOLDER / RECORD).read_text())
            made_of: dict[str, str] = record["sources"]
        except (OSError, ValueError, KeyError):
            return f"it is not built ({RENEW})"
        now = digests(self._web)
        changed = sorted(name for name in made_of.keys() | now.keys() if made_of.get(name) != now.get(name))
        if not changed:
            return None
        others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return f"{changed[0]}{others} changed since it was built ({RENEW})"
