"""The board over REST: ``/api/lessons/<id>/board…``, for readers, files and pictures."""

from __future__ import annotations

from typing import Final

from tutorwamp.board import contracts
from tutorwamp.board.contracts import (
    BringWorksheet,
    Brought,
    CopyBoard,
    ExportBoard,
    Imported,
    ImportScene,
    OneBoard,
    OnePicture,
    Uploaded,
)
from tutorwamp.board.exchange import Exchange
from tutorwamp.board.labels import LABELS
from tutorwamp.board.service import BoardService
from tutorwamp.board.settings import BoardSettings
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.edges.resource import Answer, Request, Route, forward

SUFFIXES: Final = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/svg+xml": "svg",
    "application/pdf": "pdf",
    "application/json": "excalidraw",
}
PDF: Final = "application/pdf"
SCENE_BYTES_AT_MOST: Final = 6 * 1024 * 1024
"""A scene has its pictures inside."""
SCENE_VALUES_AT_MOST: Final = 524_288
"""A full page of 4,000 elements with all that Excalidraw says of each, and points to draw with."""
SAFE_HEADERS: Final = {
    # Nothing inside a file is run, whatever a browser takes it for; and no other page may have it.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    "cross-origin-resource-policy": "same-origin",
}


class BoardFiles:
    """What comes and goes as a file, and is looked at by more than one service."""

    def __init__(self, board: BoardService, exchange: Exchange, settings: BoardSettings) -> None:
        self._board = board
        self._exchange = exchange
        self._settings = settings

    async def export(self, caller: Caller, request: Request, lesson_id: str) -> Answer:
        """A page as a file to keep. ``Missing-Glyphs`` names characters that are boxes in it: ``U+1F9FF U+4E2D``."""
        done = await self._exchange.export(caller, request.query(ExportBoard, lesson_id=lesson_id))
        name = f'attachment; filename="board.{SUFFIXES[done.media_type]}"'
        missing = " ".join(f"U+{ord(character):04X}" for character in done.missing)
        return _file(done.data, done.media_type, name, **({"missing-glyphs": missing} if missing else {}))

    async def bring(self, caller: Caller, request: Request, lesson_id: str) -> Imported | Brought:
        """Put a file of Excalidraw on a page (a scene, what it copies, or a library), or bring a PDF as new pages."""
        if request.media_type() == PDF:
            return await self._bring_worksheet(caller, request, lesson_id)
        return await self._import_scene(caller, request, lesson_id)

    async def _bring_worksheet(self, caller: Caller, request: Request, lesson_id: str) -> Brought:
        asked = request.query(BringWorksheet, lesson_id=lesson_id, client_id=request.client_id())

        def read() -> bytes:
            content = request.file((PDF,), self._settings.worksheet_limit)
            request.bill.upload(len(content))
            return content

        return await self._exchange.bring_worksheet(caller, asked, read)

    async def _import_scene(self, caller: Caller, request: Request, lesson_id: str) -> Imported:
        asked = request.query(ImportScene, lesson_id=lesson_id, scene={}, client_id=request.client_id())
        await self._board.require_pen(caller, asked.lesson_id)
        # Past the limit of arguments: a file may be larger.
        scene = await request.json_file(SCENE_BYTES_AT_MOST, SCENE_VALUES_AT_MOST)
        return await self._exchange.import_scene(caller, asked.model_copy(update={"scene": scene}))

    async def copy(self, caller: Caller, request: Request, lesson_id: str) -> Brought:
        """Bring pages of another lesson's board, with all that is on them, as new last pages."""
        return await self._exchange.copy(caller, request.creation(CopyBoard, lesson_id=lesson_id))

    async def upload(self, caller: Caller, request: Request, lesson_id: str) -> Uploaded:
        """Keep a picture: 201, and its id for ``asset_id``. The same content again gets the same id."""
        asked = request.query(OneBoard, lesson_id=lesson_id)
        await self._board.require_pen(caller, asked.lesson_id)
        content = request.file(LABELS, self._settings.picture_limit)
        request.bill.upload(len(content))
        return await self._exchange.upload(caller, asked.lesson_id, content)

    async def picture(self, caller: Caller, _request: Request, **path: str) -> Answer:
        """A picture's bytes. It never changes."""
        asked = check(OnePicture, path)
        kept, content = await self._exchange.picture(caller, asked.lesson_id, asked.picture_id)
        name = f'inline; filename="{kept.id}.{SUFFIXES[kept.media_type]}"'
        return _file(content, kept.media_type, name, cache="private, max-age=31536000, immutable")


def _file(content: bytes, media_type: str, disposition: str, *, cache: str = "no-store", **more: str) -> Answer:
    headers = {"content-type": media_type, "content-disposition": disposition, "cache-control": cache, **SAFE_HEADERS}
    return Answer(content, headers=headers | more)


BOARD: Final = "/api/lessons/<lesson_id>/board"
PICTURES: Final = f"{BOARD}/pictures"

BOARD_ROUTES: Final = (forward("GET", BOARD, contracts.OPEN, BoardService.open),)
BOARD_FILE_ROUTES: Final = (
    Route("GET", f"{BOARD}/export", BoardFiles.export, asks=ExportBoard, gives="*/*"),
    Route(
        "POST",
        f"{BOARD}/import",
        BoardFiles.bring,
        asks=ImportScene,
        gives=Imported,
        body="application/json",
        other=(PDF, Brought),
    ),
    Route("POST", f"{BOARD}/copy", BoardFiles.copy, asks=CopyBoard, gives=Brought, line=contracts.COPY.cost.line),
    Route("POST", PICTURES, BoardFiles.upload, asks=OneBoard, gives=Uploaded, status=201, body="image/*"),
    Route("GET", f"{PICTURES}/<picture_id>", BoardFiles.picture, asks=OnePicture, gives="image/*"),
)
