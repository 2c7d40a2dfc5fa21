"""Carry boards and pictures in and out: files of a page, scenes of Excalidraw, uploads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.threads import deferToThreadPool

from tutorwamp.board import drawing, excalidraw, printing, rules
from tutorwamp.board.contracts import (
    CHANGES_AT_MOST,
    ExportBoard,
    Exported,
    Imported,
    ImportScene,
    LeftOut,
    Plain,
    Rejected,
    SubmitChanges,
    Uploaded,
)
from tutorwamp.board.pictures import MissingPictureError, PictureShelf, recognise
from tutorwamp.board.service import BoardService
from tutorwamp.board.settings import BoardSettings
from tutorwamp.board.store import BoardStore, KeptPicture
from tutorwamp.kernel.arguments import ARGUMENTS_BYTES_AT_MOST
from tutorwamp.kernel.contracts import Caller, Clock, new_id
from tutorwamp.kernel.errors import NotFound, TooLarge, TutorwampError

MEDIA_TYPES: Final = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "excalidraw": "application/json",
}
EXPORT_BYTES_AT_MOST: Final = 12 * 1024 * 1024
"""One message between the node's processes carries 16 MiB."""
EXPORT_PICTURE_BYTES_AT_MOST: Final = 8 * 1024 * 1024
"""Of the pictures inside one file; as base64 a third more."""
RENDERED_AT_ONCE: Final = 1
"""Rendering is work for the processor; a second one would only slow down everybody's lesson."""

RECOGNISED_AT_ONCE: Final = 1
"""Decoding a large photo takes 400 MB for a moment."""

Result = TypeVar("Result")


class Exchange:
    """The way in and out of the board. Everything that comes in is drawn by ordinary changes."""

    def __init__(
        self,
        board: BoardService,
        store: BoardStore,
        shelf: PictureShelf,
        *,
        settings: BoardSettings,
        clock: Clock,
        reactor: Any,
    ) -> None:
        self._board = board
        self._store = store
        self._shelf = shelf
        self._settings = settings
        self._clock = clock
        self._reactor = reactor
        self._rendering = DeferredSemaphore(RENDERED_AT_ONCE)
        self._recognising = DeferredSemaphore(RECOGNISED_AT_ONCE)

    # Out

    async def export(self, caller: Caller, asked: ExportBoard) -> Exported:
        """B28: a page (PDF: all, where none is named) as a file. Raises NotFound or TooLarge."""
        state = await self._board.open(caller, asked.lesson_id)
        pages = [page.id for page in state.pages]
        if asked.page is not None and asked.page not in pages:
            raise NotFound("There is no such page.")
        if asked.page is not None:
            pages = [asked.page]
        elif asked.format != "pdf":
            pages = pages[:1]
        drawn = [rules.elements_of(state.elements, page) for page in pages]
        pictures = await self._pictures_on(asked.lesson_id, drawn)
        data = await self._rendering.run(self._in_thread, _render, asked.format, drawn, pictures)
        if len(data) > EXPORT_BYTES_AT_MOST:
            raise TooLarge("The file would be too large.", details={"bytes_at_most": EXPORT_BYTES_AT_MOST})
        return Exported(media_type=MEDIA_TYPES[asked.format], data=data)

    async def _pictures_on(self, lesson_id: str, pages: Sequence[Sequence[Plain]]) -> dict[str, tuple[str, bytes]]:
        """The bytes of every picture on the pages, by asset id. Raises TooLarge; one that was lost is left out."""
        wanted = {element["asset_id"] for page in pages for element in page if element["kind"] == "image"}
        kept = await self._store.pictures(lesson_id, sorted(wanted)) if wanted else []
        if sum(picture.bytes for picture in kept) > EXPORT_PICTURE_BYTES_AT_MOST:
            limit = {"bytes_at_most": EXPORT_PICTURE_BYTES_AT_MOST}
            raise TooLarge("The pictures are too large for one file.", details=limit)
        found = {}
        for picture in kept:
            try:
                found[picture.id] = (picture.media_type, await self._shelf.fetch(picture.id))
            except MissingPictureError:
                continue  # drawn as an empty frame
        return found

    # In

    async def import_scene(self, caller: Caller, asked: ImportScene) -> Imported:
        """B29: put a scene on a page. Raises NotFound, WrongState, NoPen, Invalid (no scene) or Conflict."""
        await self._board.require_pen(caller, asked.lesson_id)
        page = asked.page or (await self._board.open(caller, asked.lesson_id)).pages[0].id
        left_out: list[LeftOut] = []
        asset_ids = await self._keep_pictures(caller, asked, left_out)
        scene = await self._in_thread(_translated, asked.scene, page, _ids(caller, asked), asset_ids)
        left_out += scene.left_out
        seq, applied, rejected = await self._draw(caller, asked, scene.elements)
        return Imported(seq=seq, applied=applied, rejected=rejected, left_out=left_out)

    async def _draw(
        self, caller: Caller, asked: ImportScene, elements: Sequence[Plain]
    ) -> tuple[int, list[str], list[Rejected]]:
        """Submit the elements in as many submissions as it takes, each repeatable by itself."""
        applied: list[str] = []
        rejected: list[Rejected] = []
        seq = 0
        for part, portion in enumerate(_portions(elements)):
            changes = [{"op": "put", "element": element} for element in portion]
            submission = SubmitChanges(lesson_id=asked.lesson_id, changes=changes, client_id=asked.client_id)
            done = await self._board.submit(caller, submission, part=part)
            seq = done.seq
            applied += done.applied
            rejected += done.rejected
        if not elements:
            seq = (await self._board.open(caller, asked.lesson_id)).head
        return seq, applied, rejected

    async def _keep_pictures(self, caller: Caller, asked: ImportScene, left_out: list[LeftOut]) -> dict[str, str]:
        """Upload the scene's pictures: our id of each by the scene's."""
        asset_ids = {}
        pictures, refused = await self._in_thread(excalidraw.pictures_in, asked.scene)
        left_out += refused
        for file_id, (_, content) in pictures.items():
            try:
                if len(content) > self._settings.picture_limit:
                    raise TooLarge("The picture is too large.")
                asset_ids[file_id] = (await self._keep(caller, asked.lesson_id, content)).id
            except TutorwampError as error:
                left_out.append(LeftOut(id=file_id, kind="file", reason=error.message))
        return asset_ids

    async def upload(self, caller: Caller, lesson_id: str, content: bytes) -> Uploaded:
        """Keep a picture, once for each lesson. Raises NotFound, WrongState, NoPen, Full or what ``recognise`` does."""
        await self._board.require_pen(caller, lesson_id)
        return await self._keep(caller, lesson_id, content)

    async def _keep(self, caller: Caller, lesson_id: str, content: bytes) -> Uploaded:
        sha256 = hashlib.sha256(content).hexdigest()
        kept = await self._store.same_picture(lesson_id, sha256)
        if kept is None:
            seen = await self._recognising.run(self._in_thread, recognise, content)
            mine = KeptPicture(
                id=new_id(),
                lesson_id=lesson_id,
                author_id=caller.user_id,
                media_type=seen.media_type,
                bytes=len(content),
                width=seen.width,
                height=seen.height,
                sha256=sha256,
                created_at=self._clock(),
            )
            # The bytes first: what is entered can be served.
            await self._shelf.keep(mine.id, content, mine.media_type)
            kept = await self._store.add_picture(mine)
            if kept.id != mine.id:
                await self._shelf.discard(mine.id)
        return Uploaded(id=kept.id, media_type=kept.media_type, bytes=kept.bytes, width=kept.width, height=kept.height)

    async def picture(self, caller: Caller, lesson_id: str, picture_id: str) -> tuple[KeptPicture, bytes]:
        """A picture and its bytes, for members. Raises NotFound."""
        await self._board.require_member(caller, lesson_id)
        kept = await self._store.picture(lesson_id, picture_id)
        if kept is None:
            raise NotFound("There is no such picture.")
        try:
            return kept, await self._shelf.fetch(kept.id)
        except MissingPictureError:
            raise NotFound("There is no such picture.") from None

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work, *arguments)


def _render(file_format: str, pages: Sequence[Sequence[Plain]], pictures: Mapping[str, tuple[str, bytes]]) -> bytes:
    if file_format == "excalidraw":
        return json.dumps(excalidraw.to_scene(pages[0], pictures), ensure_ascii=False).encode()
    drawn = [drawing.svg(page, pictures) for page in pages]
    if file_format == "pdf":
        return printing.pdf(drawn)
    return printing.png(drawn[0]) if file_format == "png" else drawn[0].encode()


def _translated(
    scene: Plain, page: str, new_ids: Callable[[], str], asset_ids: Mapping[str, str]
) -> excalidraw.Translated:
    return excalidraw.from_scene(scene, page=page, new_id=new_ids, asset_ids=asset_ids)


def _portions(elements: Sequence[Plain]) -> Iterator[list[Plain]]:
    """As many elements at a time as one call may have."""
    portion: list[Plain] = []
    size = 0
    for element in elements:
        weight = rules.weight_of(element)
        if portion and (len(portion) == CHANGES_AT_MOST or size + weight > ARGUMENTS_BYTES_AT_MOST):
            yield portion
            portion, size = [], 0
        portion.append(element)
        size += weight
    if portion:
        yield portion


def _ids(caller: Caller, asked: ImportScene) -> Callable[[], str]:
    """Ids for new elements; the same ones where the same import is repeated."""
    if asked.client_id is None:
        return new_id
    source = f"{asked.lesson_id}|{caller.user_id}|{asked.client_id}"
    counted = iter(range(10**9))
    return lambda: str(UUID(bytes=hashlib.sha256(f"{source}|{next(counted)}".encode()).digest()[:16], version=5))
