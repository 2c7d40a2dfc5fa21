"""A file on its way out, a portion at a time: as fast as its reader takes it, and no more of it in memory."""

from __future__ import annotations

import unicodedata
from typing import Any, Final
from urllib.parse import quote

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.web.iweb import IRequest
from zope.interface import implementer

from tutorwamp.kernel.edges.problems import PHRASES
from tutorwamp.kernel.edges.ranges import part_asked
from tutorwamp.kernel.edges.resource import Answer, Download, header
from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)

PORTION_BYTES: Final = 256 * 1024
_UNQUOTED: Final = "!#$&+-.^_`|~"
"""RFC 8187, attr-char, besides letters and digits."""


def attachment(name: str) -> str:
    """``Content-Disposition`` of a file to keep, in both forms (RFC 6266), for every program and every letter.

    In the plain one what is not ASCII, or means something there, is ``_``; it is no place on a disk either, though
    taken apart some letters have a slash in them or are dots.
    """
    apart = "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))
    plain = "".join(one if " " <= one <= "~" and one not in '"\\%/' else "_" for one in apart)
    plain = "_" if plain in (".", "..") else plain
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_UNQUOTED)}"


async def send(http: IRequest, answer: Answer, download: Download) -> int:
    """Write the head, and what is asked of the file; how many bytes of it. Raises what is told in place of it."""
    part = part_asked(http, download.size, download.etag)
    known = {one.strip().removeprefix("W/") for one in header(http, b"if-none-match").split(",")}
    if "*" in known or download.etag in known:
        _begin(http, 304, {"etag": download.etag, "cache-control": answer.headers.get("cache-control", "private")})
        return 0
    if part.count == 0 and not part.is_all:
        _begin(http, 416, {"content-range": f"bytes */{download.size}", "content-length": "0"})
        return 0
    about = {"accept-ranges": "bytes", "etag": download.etag, "content-length": str(part.count), **answer.headers}
    if not part.is_all:
        about["content-range"] = f"bytes {part.begin}-{part.begin + part.count - 1}/{download.size}"
    # The first portion before the head: a file that is not there any more is told so.
    first = await download.read(part.begin, min(part.count, PORTION_BYTES)) if part.count else b""
    _begin(http, 200 if part.is_all else 206, about)
    if http.method == b"HEAD":
        return 0
    await _Sending(http).send(download, first, part.begin + len(first), part.begin + part.count)
    return part.count


def _begin(http: IRequest, status: int, headers: dict[str, str]) -> None:
    http.setResponseCode(status, PHRASES[status])
    for name, value in headers.items():
        http.setHeader(name, value)


@implementer(IPushProducer)
class _Sending:
    """Stops where the reader has enough, and goes on when it has not."""

    def __init__(self, http: Any) -> None:
        self._http = http
        self._gone = False
        self._is_open = True
        self._opened: Deferred[None] | None = None

    async def send(self, download: Download, portion: bytes, place: int, end: int) -> None:
        """Write the portion, and the file from this place up to the end."""
        self._http.registerProducer(self, True)  # noqa: FBT003  # Twisted's: a push producer
        try:
            while True:
                self._http.write(portion)
                if place >= end:
                    return
                await self._wait()
                portion = await download.read(place, min(PORTION_BYTES, end - place))
                if not portion:
                    raise EOFError("the file is shorter than it was")
                place += len(portion)
                if self._gone:
                    raise CancelledError
        finally:
            if not self._gone:
                self._http.unregisterProducer()

    async def _wait(self) -> None:
        if self._gone:
            raise CancelledError
        if not self._is_open:
            self._opened = Deferred()
            await self._opened

    def pauseProducing(self) -> None:  # noqa: N802  # Twisted's name
        """It has enough for now."""
        self._is_open = False

    def resumeProducing(self) -> None:  # noqa: N802  # Twisted's name
        """It wants more."""
        self._is_open = True
        self._go_on()

    def stopProducing(self) -> None:  # noqa: N802  # Twisted's name
        """It is gone."""
        self._gone = True
        self._go_on()

    def _go_on(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.callback(None)
