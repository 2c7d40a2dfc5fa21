"""The SQLite file a process has open, and whether its name still leads to it.

SQLite goes on writing into a file that was deleted or replaced, and nobody ever finds what it acknowledged. So the
inodes of the file and of the two beside it are compared: before a write, so that it is refused, and after its commit,
so that it is not acknowledged. Six calls of stat(2), ten microseconds; a commit takes a hundred times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event

from tutorwamp.kernel.errors import Unavailable

_BESIDE: Final = ("", "-wal", "-shm")
_files: Final[WeakKeyDictionary[Engine, SqliteFile]] = WeakKeyDictionary()


class NoFile:
    """Of a database that nobody can take away from under us."""

    def opened(self) -> None:
        """A connection is there."""

    def is_itself(self) -> bool:
        """Whether what we have open is what is there."""
        return True

    @contextmanager
    def unmoved(self, writes: bool) -> Iterator[None]:  # said where it is called
        """Raises Unavailable where it is not, before a write and after its commit."""
        self._require(writes)
        yield
        self._require(writes)  # or nobody would ever find what is acknowledged

    def _require(self, writes: bool) -> None:  # as above
        if writes and not self.is_itself():
            raise Unavailable("The database's file is not the one it was.", retry_after_s=5.0)


class SqliteFile(NoFile):
    """One engine's file. Its pool always keeps a connection open, so nobody removes the two beside it in order."""

    def __init__(self, engine: Engine, path: Path, *, create: bool) -> None:
        self.path = path
        self._create = create
        self._paths = [path.with_name(path.name + beside) for beside in _BESIDE]
        self._known: dict[Path, tuple[int, int]] = {}
        event.listen(engine, "do_connect", self._connect)
        event.listen(engine, "engine_disposed", self._closed)

    def _connect(self, _dialect: Any, _record: Any, args: list[Any], options: dict[str, Any]) -> None:
        """Only the first connection may make the file: a later one would make an empty one in place of ours."""
        if self._known or not self._create:
            args[0] = f"file:{quote(str(self.path))}?mode=rw"
            options["uri"] = True

    def _closed(self, _engine: Engine) -> None:
        """The last connection takes the two files beside it along; the next one makes others."""
        for path in self._paths[1:]:
            self._known.pop(path, None)

    def opened(self) -> None:
        """See NoFile."""
        if not self._known:
            self.is_itself()

    def is_itself(self) -> bool:
        """See NoFile."""
        for path in self._paths:
            try:
                found = path.stat()
            except OSError:  # its folder may have lost its name as well
                if path in self._known:
                    return False
                continue
            if self._known.setdefault(path, (found.st_dev, found.st_ino)) != (found.st_dev, found.st_ino):
                return False
        return True


def watch_file(engine: Engine, *, create: bool) -> NoFile:
    """Watch the file of an engine that has one by a plain path; ``create``: it may be made where there is none."""
    name = engine.url.database or ""
    if name and name != ":memory:" and not name.startswith("file:"):
        _files[engine] = SqliteFile(engine, Path(name).absolute(), create=create)
    return file_of(engine)


def file_of(engine: Engine) -> NoFile:
    """The engine's file, if it has one that is watched."""
    return _files.get(engine) or NoFile()
