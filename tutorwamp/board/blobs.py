"""Where the bytes of pictures are stored: the port, and a folder that serves it. The other one is ``s3.py``."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from twisted.internet.threads import deferToThreadPool

from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.settings import SettingsError

log = get_logger(__name__)
Result = TypeVar("Result")

NOBODYS: Final = "00000000-0000-0000-0000-000000000000"
"""A key that we never make."""
AWAY: Final = "Pictures cannot be kept or fetched just now."
_KEY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class MissingBlobError(Exception):
    """Nothing is stored under this key."""


class BlobStore(Protocol):
    """Bytes under keys. A key is a UUID that we made, any other raises ValueError; what is under it never changes."""

    async def save(self, key: str, content: bytes, media_type: str) -> None:
        """Save the bytes; they are safe when this returns. Raises Unavailable."""

    async def fetch(self, key: str) -> bytes:
        """The bytes. Raises MissingBlobError or Unavailable."""

    async def delete(self, key: str) -> None:
        """Forget them; where there are none: fine. Raises Unavailable."""

    async def is_there(self) -> bool:
        """Whether it answers, asked for something that nobody has stored."""


def checked(key: str) -> str:
    """The key, if it is one. Raises ValueError."""
    if not _KEY.fullmatch(key):
        raise ValueError("a picture's key is a UUID")  # without the key, whatever it was meant to do
    return key


DRAFTS_KEPT_S: Final = 24 * 3600
"""A draft that old is left of a killed process; writing one takes seconds."""


class FolderBlobStore:
    """Files named by their keys. Each is written as a draft and gets its name when all of it is on the disk."""

    def __init__(self, folder: Path, reactor: Any) -> None:
        """Make the folder. Raises SettingsError."""
        self._folder = folder
        self._drafts = folder / "drafts"
        self._reactor = reactor
        try:
            self._make()
        except OSError as error:
            raise SettingsError(f"The pictures' folder {folder} cannot be made: {error.strerror}.") from error

    async def save(self, key: str, content: bytes, media_type: str) -> None:
        """See BlobStore."""
        await self._in_thread(self._write, checked(key), content)

    async def fetch(self, key: str) -> bytes:
        """See BlobStore."""
        return await self._in_thread(self._find, checked(key), Path.read_bytes)

    async def delete(self, key: str) -> None:
        """See BlobStore."""
        with contextlib.suppress(MissingBlobError):
            await self._in_thread(self._find, checked(key), Path.unlink)

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
                raise  # a disk that is not mounted has not lost its pictures
            raise MissingBlobError from None

    def _write(self, key: str, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._drafts, prefix=f"{key}.")  # mode 0600
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
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
            log.warning("the pictures' folder failed", error=repr(error))
            raise Unavailable(AWAY) from None


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
