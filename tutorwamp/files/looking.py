"""What is done with a file before it is kept, in threads of their own: it is recognised, cleaned and looked at."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any, BinaryIO, Final, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from tutorwamp.files.scanner import Scanner, ScannerError
from tutorwamp.kernel.blobs.port import PORTION_BYTES, refusal
from tutorwamp.kernel.errors import Invalid, Unavailable
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.media.notes import CLEANED, BrokenPictureError, clean
from tutorwamp.kernel.media.types import recognise

log = get_logger(__name__)
Result = TypeVar("Result")

AT_ONCE: Final = 4
"""Files; on a machine of two cores more would only wait for one another, and for the scanner."""
SMALL_BYTES: Final = 1024 * 1024
"""A picture that is cleaned in memory; a larger one in a file without a name."""


@dataclass
class LookedAt:
    """A file that may be kept; to be closed when it is."""

    file: BinaryIO
    media_type: str
    size: int


class Looking:
    """The threads, and who they ask."""

    def __init__(self, scanner_url: str | None, reactor: Any) -> None:
        """Raises SettingsError."""
        self._scanner = Scanner.parse(scanner_url) if scanner_url is not None else None
        self._reactor = reactor
        self._threads = ThreadPool(0, AT_ONCE, "files")
        # No thread has to be waited for when the process ends: what it still does is promised to nobody.
        self._threads.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]  # it is only called
        self._threads.start()

    async def digest(self, body: BinaryIO) -> str:
        """Of the bytes as they came."""
        return await self._in_thread(_digest, body)

    async def look(self, body: BinaryIO) -> LookedAt:
        """Raises Invalid for an empty file, a broken picture or an infected file, or Unavailable."""
        return await self._in_thread(self._looked_at, body)

    def _looked_at(self, body: BinaryIO) -> LookedAt:
        if body.seek(0, os.SEEK_END) == 0:
            raise _invalid("The file is empty.", "must have at least one byte")
        media_type = recognise(body)
        file = _cleaned(body, media_type) if media_type in CLEANED else body
        try:
            self._require_clean(file)
        except BaseException:
            if file is not body:
                file.close()
            raise
        return LookedAt(file, media_type, file.seek(0, os.SEEK_END))

    def _require_clean(self, file: BinaryIO) -> None:
        if self._scanner is None:
            return
        try:
            is_clean = self._scanner.is_clean(file)
        except ScannerError as error:
            log.warning("a file could not be looked at", error=str(error))
            raise Unavailable("Files cannot be looked at just now.", retry_after_s=5.0) from None
        if not is_clean:
            raise _invalid("The file is infected.", "must not be infected")

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        try:
            return await deferToThreadPool(self._reactor, self._threads, work, *arguments)
        except OSError as error:
            log.warning("a file could not be worked on", error=repr(error))
            raise refusal("Files", error) from None


def _digest(body: BinaryIO) -> str:
    body.seek(0)
    digest = hashlib.sha256()
    while piece := body.read(PORTION_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _cleaned(body: BinaryIO, media_type: str) -> BinaryIO:
    sink: Any = tempfile.SpooledTemporaryFile(SMALL_BYTES)  # noqa: SIM115  # whoever keeps it closes it
    try:
        clean(body, sink, media_type)
    except BrokenPictureError:
        sink.close()
        raise _invalid("The picture cannot be read: it is broken or cut off.", "must be a whole picture") from None
    except BaseException:
        sink.close()
        raise
    cleaned: BinaryIO = sink
    return cleaned


def _invalid(message: str, fault: str) -> Invalid:
    return Invalid(message, details=[{"loc": ["content"], "msg": fault}])
