"""Bytes in a folder: files named by their keys. The other store is ``s3.py``."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from heapq import nsmallest
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from twisted.internet.threads import deferToThreadPool

from tutorwamp.kernel.blobs.port import PORTION_BYTES, MissingBlobError, checked, is_key, refusal
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.settings import SettingsError

log = get_logger(__name__)
Result = TypeVar("Result")

DRAFTS_KEPT_S: Final = 24 * 3600
"""A draft that old is left of a killed process; writing one takes seconds."""


class FolderBlobStore:
    """Files named by their keys. Each is written as a draft and gets its name when all of it is on the disk."""

    def __init__(self, folder: Path, reactor: Any, *, what: str = "Pictures") -> None:
        """Make the folder; ``what`` is in it. Raises SettingsError."""
        self._folder = folder
        self._what = what
        self._drafts = folder / "drafts"
        self._reactor = reactor
        try:
            self._make()
        except OSError as error:
            raise SettingsError(f"The {what.lower()}' folder {folder} cannot be made: {error.strerror}.") from error

    async def save(self, key: str, content: bytes, media_type: str) -> None:
        """See BlobStore."""
        await self.save_file(key, BytesIO(content), media_type)

    async def save_file(self, key: str, file: BinaryIO, media_type: str) -> None:
        """See BlobStore."""
        await self._in_thread(self._write, checked(key), file)

    async def fetch(self, key: str) -> bytes:
        """See BlobStore."""
        return await self._in_thread(self._find, checked(key), Path.read_bytes)

    async def fetch_part(self, key: str, begin: int, count: int) -> bytes:
        """See BlobStore."""

        def read(path: Path) -> bytes:
            with path.open("rb") as file:
                file.seek(begin)
                return file.read(count)

        return await self._in_thread(self._find, checked(key), read)

    async def delete(self, key: str) -> None:
        """See BlobStore."""
        with contextlib.suppress(MissingBlobError):
            await self._in_thread(self._find, checked(key), Path.unlink)

    async def keys(self, after: str, before: datetime, limit: int) -> list[str]:
        """See BlobStore."""
        return await self._in_thread(self._keys, after, before.timestamp(), limit)

    async def is_there(self) -> bool:
        """See BlobStore."""
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._drafts.is_dir)

    def _make(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._drafts.mkdir(mode=0o700, exist_ok=True)
        _sync(self._folder.parent)
        for draft in self._drafts.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process clears up as well
                if time.time() - draft.stat().st_mtime > DRAFTS_KEPT_S:
                    draft.unlink()

    def _find(self, key: str, use: Callable[[Path], Result]) -> Result:
        try:
            return use(self._folder / key)
        except FileNotFoundError:
            if not self._drafts.is_dir():
                raise  # a disk that is not mounted has lost nothing
            raise MissingBlobError from None

    def _keys(self, after: str, before_s: float, limit: int) -> list[str]:
        def old() -> Iterator[str]:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name > after and is_key(entry.name):
                        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                            if entry.stat().st_mtime < before_s:
                                yield entry.name

        return nsmallest(limit, old())

    def _write(self, key: str, content: BinaryIO) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._drafts, prefix=f"{key}.")  # mode 0600
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                content.seek(0)
                shutil.copyfileobj(content, file, PORTION_BYTES)
                file.flush()
                os.fsync(descriptor)
            draft.replace(self._folder / key)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        _sync(self._folder)

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        try:
            return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work, *arguments)
        except OSError as error:
            log.warning("the folder failed", of=self._what.lower(), error=repr(error))
            raise refusal(self._what, error) from None


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
