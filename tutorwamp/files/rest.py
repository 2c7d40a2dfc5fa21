"""Files over REST: ``/api/lessons/<id>/files…``."""

from __future__ import annotations

import os
from functools import partial
from typing import Final

from tutorwamp.files.contracts import LessonFile, OneFile, SendFile
from tutorwamp.files.service import FilesService
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.edges.downloads import attachment
from tutorwamp.kernel.edges.resource import Answer, Download, Request, Route

FILES: Final = "/api/lessons/<lesson_id>/files"
SENT_WITHIN_S: Final = 25.0
"""From the last byte on, with the scanner's time; the gate waits for five seconds more."""
SAFE_HEADERS: Final = {
    # Whatever a browser takes it for: nothing in it is run or loaded, and no other page may have it.
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    # Asked for again each time: what was deleted is gone from there, too.
    "cache-control": "private, no-cache",
}


async def _send(files: FilesService, caller: Caller, request: Request, lesson_id: str) -> LessonFile:
    """Send a file into a lesson, for a message to come: 201, and its id for ``file_ids``. The body is its bytes."""
    asked = request.query(SendFile, lesson_id=lesson_id, client_id=request.client_id())
    with request.whole_file() as body:
        return await files.send(caller, asked, body, body.seek(0, os.SEEK_END))


async def _fetch(files: FilesService, caller: Caller, _request: Request, **path: str) -> Answer:
    """A file to keep, whole or the range that is asked for. It never changes, and is gone with its message."""
    file = await files.one(caller, check(OneFile, path))
    download = Download(file.size, f'"{file.id}"', partial(files.part, file))
    about = {"content-type": file.media_type, "content-disposition": attachment(file.name)}
    return Answer(download, headers=about | SAFE_HEADERS)


FILES_ROUTES: Final = (
    Route(
        "POST",
        FILES,
        _send,
        asks=SendFile,
        gives=LessonFile,
        status=201,
        body="application/octet-stream",
        deadline_s=SENT_WITHIN_S,
    ),
    Route("GET", f"{FILES}/<file_id>", _fetch, asks=OneFile, gives="*/*"),
)
