"""Import and export of boards and pictures: files of a page, scenes of Excalidraw, uploads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic_core import from_json
from twisted.internet.threads import deferToThreadPool

from tutorwamp.board import rules
from tutorwamp.board.contracts import (
    BOARD_TOPIC,
    CHANGES_AT_MOST,
    BringWorksheet,
    Brought,
    CopyBoard,
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
from tutorwamp.board.copying import Copying
from tutorwamp.board.errors import Full
from tutorwamp.board.parcels import Parcel
from tutorwamp.board.reading import Page
from tutorwamp.board.service import BoardService
from tutorwamp.board.settings import BoardSettings
from tutorwamp.board.store import BoardStore, KeptPicture, Outline
from tutorwamp.board.worksheets import Worksheets
from tutorwamp.board.workshop import Place, Workshop
from tutorwamp.kernel.blobs.port import BlobStore, MissingBlobError
from tutorwamp.kernel.contracts import Caller, Clock, new_id
from tutorwamp.kernel.edges.arguments import ARGUMENTS_BYTES_AT_MOST
from tutorwamp.kernel.errors import Invalid, NotFound, TooLarge, TutorwampError

MEDIA_TYPES: Final = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "excalidraw": "application/json",
}
EXPORT_PICTURE_BYTES_AT_MOST: Final = 8 * 1024 * 1024
"""Of the pictures inside one file; as base64 a third more."""
PDF_PICTURE_BYTES_AT_MOST: Final = 48 * 1024 * 1024
"""The same for a PDF, in which pictures are made anew, as fine as there is room for: forty scanned pages."""
SMALL_AT_MOST: Final = 256 * 1024
"""Bytes of a board or scene that is done in a second."""
_FEWER: Final = "Export one page, or put fewer elements and pictures on it."
ADVICE: Final = {
    "svg": _FEWER,
    "excalidraw": _FEWER,
    "png": f"Export it as SVG. {_FEWER}",
    "pdf": f"Export it as SVG. {_FEWER}",
}
"""To who asked for a file that takes too much."""
SMALLER_SCENE: Final = "Import it in parts."

Result = TypeVar("Result")


class Exchange:
    """The way in and out of the board. Everything that comes in is drawn by ordinary changes."""

    def __init__(
        self,
        board: BoardService,
        store: BoardStore,
        blobs: BlobStore,
        *,
        settings: BoardSettings,
        clock: Clock,
        reactor: Any,
    ) -> None:
        self._board = board
        self._store = store
        self._blobs = blobs
        self._settings = settings
        self._clock = clock
        self._reactor = reactor
        self._workshop = Workshop(reactor)
        self._copying = Copying(board, store, blobs, keep=self._keep, clock=clock)
        self._worksheets = Worksheets(board, store, self._workshop, keep=self._keep, clock=clock)

    # Out

    async def export(self, caller: Caller, asked: ExportBoard) -> Exported:
        """B28: a page (PDF: all, where none is named) as a file. Raises NotFound, TooLarge or RateLimited."""
        with self._workshop.place(caller.user_id) as place:
            await self._board.require_member(caller, asked.lesson_id)
            outline = await self._outline(asked.lesson_id)
            wanted = _pages_for(asked, outline.pages)
            async with place.turn(large=outline.weight > SMALL_AT_MOST):
                pages = await place.load(self._store.pages(asked.lesson_id, wanted))
                pictures = await self._pictures_on(asked.lesson_id, pages, asked.format)
                known = [(picture_id, media_type) for picture_id, (media_type, _) in pictures.items()]
                parts = [*(content for _, content in pictures.values()), *(page.elements for page in pages)]
                job = Parcel({"format": asked.format, "pictures": known}, parts)
                done = await place.work("export", job, advice=ADVICE[asked.format])
        return Exported(media_type=MEDIA_TYPES[asked.format], data=done.parts[0], missing=done.values["missing"])

    async def _pictures_on(
        self, lesson_id: str, pages: Sequence[Page], file_format: str
    ) -> dict[str, tuple[str, bytes]]:
        """The bytes of every picture on the pages, by asset id. Raises TooLarge; one that was lost is left out."""
        wanted = frozenset[str]().union(*(page.asset_ids for page in pages))
        kept = await self._store.pictures(lesson_id, sorted(wanted)) if wanted else []
        at_most = PDF_PICTURE_BYTES_AT_MOST if file_format == "pdf" else EXPORT_PICTURE_BYTES_AT_MOST
        if sum(picture.bytes for picture in kept) > at_most:
            limit = {"bytes_at_most": at_most}
            raise TooLarge("The pictures are too large for one file. Export one page, or fewer of them.", details=limit)
        found = {}
        for picture in kept:
            try:
                found[picture.id] = (picture.media_type, await self._blobs.fetch(picture.id))
            except MissingBlobError:
                continue  # drawn as an empty frame
        return found

    # In

    async def import_scene(self, caller: Caller, asked: ImportScene) -> Imported:
        """B29: put a scene on a page. Raises NotFound, WrongState, NoPen, Invalid (no scene) or Conflict."""
        admission = await self._board.require_pen(caller, asked.lesson_id)
        page = asked.page or (await self._outline(asked.lesson_id)).pages[0]
        with self._workshop.place(caller.user_id) as place:
            scene = await self._in_thread(_written, asked.scene)
            async with place.turn(large=len(scene) > SMALL_AT_MOST):
                asset_ids, left_out = await self._keep_pictures(caller, asked.lesson_id, place, scene)
                values = {
                    "page": page,
                    "seed": _seed(caller, asked),
                    "asset_ids": asset_ids,
                    "locks": admission.moderates,
                }
                read = await place.work("scene_elements", Parcel(values, [scene]), advice=SMALLER_SCENE)
        left_out += [LeftOut(**one) for one in read.values["left_out"]]
        seq, applied, rejected = await self._draw(caller, asked, from_json(read.parts[0]))
        return Imported(seq=seq, applied=applied, rejected=rejected, left_out=left_out)

    async def copy(self, caller: Caller, asked: CopyBoard) -> Brought:
        """B41: bring pages of another lesson's board. Raises what ``Copying.copy`` does."""
        return await self._copying.copy(caller, asked)

    async def bring_worksheet(self, caller: Caller, asked: BringWorksheet, read: Callable[[], bytes]) -> Brought:
        """B44: bring the pages of a PDF. Raises what ``Worksheets.bring`` does."""
        return await self._worksheets.bring(caller, asked, read)

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
            seq = (await self._outline(asked.lesson_id)).head
        return seq, applied, rejected

    async def _keep_pictures(
        self, caller: Caller, lesson_id: str, place: Place, scene: bytes
    ) -> tuple[dict[str, str], list[LeftOut]]:
        """Upload the scene's pictures: our id of each by the scene's, and which are left out."""
        job = Parcel({"bytes_at_most": self._settings.picture_limit}, [scene])
        read = await place.work("scene_pictures", job, advice=SMALLER_SCENE)
        left_out, asset_ids = [LeftOut(**one) for one in read.values["left_out"]], {}
        for seen, content in zip(read.values["pictures"], read.parts, strict=True):
            file_id, sha256 = seen.pop("file_id"), seen.pop("sha256")
            try:
                asset_ids[file_id] = (await self._keep(caller, lesson_id, content, seen, sha256)).id
            except TutorwampError as error:
                left_out.append(LeftOut(id=file_id, kind="file", reason=error.message))
        return asset_ids, left_out

    async def upload(self, caller: Caller, lesson_id: str, content: bytes) -> Uploaded:
        """Keep a picture, once for each lesson.

        Raises NotFound, WrongState, NoPen, Full, RateLimited or what ``imaging.recognise`` does.
        """
        await self._board.require_pen(caller, lesson_id)
        sha256 = hashlib.sha256(content).hexdigest()
        kept = await self._store.same_picture(lesson_id, sha256)
        if kept is not None:
            return _uploaded(kept)
        with self._workshop.place(caller.user_id) as place:
            async with place.turn(large=False):
                seen = await place.work("recognise", Parcel({}, [content]), advice="Send a smaller picture.")
        return await self._keep(caller, lesson_id, seen.parts[0], seen.values, sha256)

    async def _keep(
        self, caller: Caller, lesson_id: str, content: bytes, seen: Mapping[str, Any], sha256: str
    ) -> Uploaded:
        """Keep a picture that was recognised; ``sha256``: as it was sent. Raises Full or Unavailable."""
        kept = await self._store.same_picture(lesson_id, sha256)
        if kept is None:
            mine = KeptPicture(
                id=new_id(),
                lesson_id=lesson_id,
                author_id=caller.user_id,
                bytes=len(content),
                sha256=sha256,
                created_at=self._clock(),
                **seen,
            )
            # The bytes first: what is entered can be served.
            await self._blobs.save(mine.id, content, mine.media_type)
            try:
                kept = await self._store.add_picture(mine)
            except Full:
                await self._blobs.delete(mine.id)
                raise
            if kept.id != mine.id:
                await self._blobs.delete(mine.id)
        return _uploaded(kept)

    async def picture(self, caller: Caller, lesson_id: str, picture_id: str) -> tuple[KeptPicture, bytes]:
        """A picture and its bytes, for members. Raises NotFound."""
        await self._board.require_member(caller, lesson_id)
        kept = await self._store.picture(lesson_id, picture_id)
        if kept is None:
            raise NotFound("There is no such picture.")
        try:
            return kept, await self._blobs.fetch(kept.id)
        except MissingBlobError:
            raise NotFound("There is no such picture.") from None

    async def _outline(self, lesson_id: str) -> Outline:
        return await self._store.outline(lesson_id, BOARD_TOPIC.of(lesson_id))

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work, *arguments)


def _pages_for(asked: ExportBoard, pages: list[str]) -> list[str]:
    """Which of the board's pages go into the file. Raises NotFound."""
    if asked.page is None:
        return pages if asked.format == "pdf" else pages[:1]
    if asked.page not in pages:
        raise NotFound("There is no such page.")
    return [asked.page]


def _written(scene: Plain) -> bytes:
    """As JSON, with whatever it holds. Raises Invalid."""
    try:
        return json.dumps(scene, default=lambda _: None).encode()
    except (ValueError, RecursionError):
        fault = {"loc": ["scene"], "msg": "must be JSON that is not nested too deeply"}
        raise Invalid("This is no scene of Excalidraw.", details=[fault]) from None


def _uploaded(kept: KeptPicture) -> Uploaded:
    return Uploaded(id=kept.id, media_type=kept.media_type, bytes=kept.bytes, width=kept.width, height=kept.height)


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


def _seed(caller: Caller, asked: ImportScene) -> str | None:
    """Of the ids of new elements: the same import repeated makes the same ones."""
    return None if asked.client_id is None else f"{asked.lesson_id}|{caller.user_id}|{asked.client_id}"
