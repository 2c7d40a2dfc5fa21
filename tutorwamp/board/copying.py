"""Pages of one lesson's board, copied to the end of another's (B41).

A copy is drawn by ordinary submissions, a portion at a time: a board of 12 MiB written at once would keep everybody's
drawing waiting. What is copied is the source as it was when it was first asked for, so that the portions of a
repetition are the same ones, and those that were drawn already are answered again.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic_core import from_json
from twisted.internet.defer import Deferred

from tutorwamp.board import rules
from tutorwamp.board.contracts import (
    BOARD_TOPIC,
    PAGES_AT_MOST,
    AddPage,
    BoardPage,
    Brought,
    CopyBoard,
    LeftOut,
    PageChanged,
    Plain,
    Put,
    Rejected,
    Submitted,
    Uploaded,
)
from tutorwamp.board.elements import OWNED_BY_SERVER
from tutorwamp.board.errors import Full
from tutorwamp.board.service import BoardService, answer_key, short_digest
from tutorwamp.board.store import BoardStore, KeptPicture
from tutorwamp.kernel.blobs.port import BlobStore, MissingBlobError
from tutorwamp.kernel.contracts import Caller, Clock, new_id
from tutorwamp.kernel.streams import digest_of

PORTION_ELEMENTS_AT_MOST: Final = 100
"""Of one submission; some ten milliseconds of the writer's time."""
PORTION_CHARACTERS_AT_MOST: Final = 64 * 1024
"""The same for large elements, as JSON."""
AT_ONCE: Final = 3
"""Portions on their way: while one is written the next ones gather, and a tick has three of them at most."""

_SHOWN: Final = re.compile(r'"asset_id":"([0-9a-f-]{36})"')
"""In an element's JSON; where a text says so there are backslashes."""

Step = Coroutine[Any, Any, PageChanged | Submitted]
"""A call that draws."""
Keep = Callable[[Caller, str, bytes, Mapping[str, Any], str], Awaitable[Uploaded]]
"""Keeps a picture's bytes for a lesson; the text is the SHA-256 of what was sent. Raises Full or Unavailable."""


@dataclass(frozen=True)
class _Source:
    """The pages that are copied, as they were at a position of their stream."""

    seq: int
    texts: Mapping[str, Sequence[str]]
    """Elements as JSON by page, lowest first."""

    @property
    def characters(self) -> int:
        return sum(len(text) for texts in self.texts.values() for text in texts)

    @property
    def asset_ids(self) -> list[str]:
        """Of the pictures that are shown."""
        return sorted({found for texts in self.texts.values() for text in texts for found in _SHOWN.findall(text)})


class Copying:
    """Copies pages. ``keep``: how a picture becomes the other lesson's own, so that either can go without the other."""

    def __init__(self, board: BoardService, store: BoardStore, blobs: BlobStore, *, keep: Keep, clock: Clock) -> None:
        self._board = board
        self._store = store
        self._blobs = blobs
        self._keep = keep
        self._clock = clock

    async def copy(self, caller: Caller, asked: CopyBoard) -> Brought:
        """B41. Raises NotFound (a lesson, a page), Forbidden, WrongState, Full, Conflict (client_id) or RateLimited."""
        await self._board.require_moderator(caller, asked.lesson_id)
        await self._board.require_moderator(caller, asked.from_lesson_id)
        client_id = asked.client_id or new_id()
        source, pictures = await self._begin(caller, asked, client_id)
        asset_ids = await self._keep_pictures(caller, asked.lesson_id, pictures)
        new = {page: id_for(asked.lesson_id, caller, client_id, page) for page in source.texts}
        steps = self._steps(caller, asked.lesson_id, client_id, _Copier(source, new, asset_ids))
        seq, rejected = 0, list[Rejected]()
        async for done in in_a_row(steps):
            seq = done.seq
            rejected += done.rejected if isinstance(done, Submitted) else ()
        lost = [one for one in source.asset_ids if one not in asset_ids]
        left_out = [LeftOut(id=one, kind="file", reason="Left out: the picture is lost.") for one in lost]
        left_out += [LeftOut(id=one.id, kind="", reason=f"Left out: {one.message}") for one in rejected]
        return Brought(seq=seq, pages=[BoardPage(id=page) for page in new.values()], left_out=left_out)

    async def _begin(self, caller: Caller, asked: CopyBoard, client_id: str) -> tuple[_Source, list[KeptPicture]]:
        """What is to be copied: where it was begun before, that; else what is there now, if there is room for it."""
        key = answer_key(asked.lesson_id, caller, client_id, 0)
        digest = short_digest(digest_of("copy", asked.from_lesson_id, asked.pages))
        seq = await self._store.begun(key, digest)
        if seq is None:
            await self._board.require_pen(caller, asked.lesson_id)
            source = await self._read(asked, None)
            pictures = await self._store.pictures(asked.from_lesson_id, source.asset_ids)
            await self._require_room(asked, source)
            self._board.count_written(caller, source.characters, sum(one.bytes for one in pictures))
            seq = await self._store.begin(key, digest, source.seq, self._clock())
            if seq == source.seq:
                return source, pictures
        source = await self._read(asked, seq)
        return source, await self._store.pictures(asked.from_lesson_id, source.asset_ids)

    async def _read(self, asked: CopyBoard, seq: int | None) -> _Source:
        """As it is now, or was at a position. Raises NotFound (a page)."""
        lesson_id, stream = asked.from_lesson_id, BOARD_TOPIC.of(asked.from_lesson_id)
        if seq is None:
            state = await self._store.read(lesson_id, stream, asked.pages)
        else:
            state = await self._store.read_at(lesson_id, stream, seq)
        texts: dict[str, list[str]] = {page: [] for page in asked.pages or [page["id"] for page in state["pages"]]}
        for text in state["elements"].texts:
            if (page := rules.page_in(text)) in texts:
                texts[page].append(text)
        return _Source(state["head"], texts)

    async def _require_room(self, asked: CopyBoard, source: _Source) -> None:
        """Raises Full before anything is drawn; what others add meanwhile the board itself judges."""
        there = await self._store.outline(asked.lesson_id, BOARD_TOPIC.of(asked.lesson_id))
        if len(there.pages) + len(source.texts) > PAGES_AT_MOST:
            raise Full("The board has too many pages.", details={"pages_at_most": PAGES_AT_MOST})
        more = await self._store.weight(asked.from_lesson_id, list(source.texts))
        if there.weight + more > rules.BOARD_WEIGHT_AT_MOST:
            raise Full("The board is full.", details={"bytes_at_most": rules.BOARD_WEIGHT_AT_MOST})

    async def _keep_pictures(self, caller: Caller, lesson_id: str, pictures: Sequence[KeptPicture]) -> dict[str, str]:
        """The other lesson's id of each picture, by the one's; without those whose bytes are lost. Raises Full."""
        kept = {}
        for one in pictures:
            same = await self._store.same_picture(lesson_id, one.sha256)
            if same is not None:
                kept[one.id] = same.id
                continue
            try:
                content = await self._blobs.fetch(one.id)
            except MissingBlobError:
                continue
            seen = {"media_type": one.media_type, "width": one.width, "height": one.height}
            kept[one.id] = (await self._keep(caller, lesson_id, content, seen, one.sha256)).id
        return kept

    def _steps(self, caller: Caller, lesson_id: str, client_id: str, copier: _Copier) -> Iterator[Step]:
        """The calls that draw the copy, in their order, each repeatable by itself. Part 0 is the copy as a whole."""
        part = 0
        for page, new in copier.new.items():
            part += 1
            wish = AddPage(lesson_id=lesson_id, page=new, client_id=client_id)
            yield self._board.add_page(caller, wish, part=part)
            for changes, size in copier.portions(page):
                part += 1
                yield self._board.draw(caller, lesson_id, changes, client_id, size=size, part=part)


@dataclass(frozen=True)
class _Copier:
    """Makes changes of what is copied. ``new``: the pages' ids by those they are copied from."""

    source: _Source
    new: Mapping[str, str]
    asset_ids: Mapping[str, str]

    def portions(self, page: str) -> Iterator[tuple[list[Put], int]]:
        """The puts of a page, lowest first, and how large they are together."""
        for texts in _portions(self.source.texts[page]):
            puts = [put for put in map(self._put, texts) if put is not None]
            if puts:
                yield puts, sum(map(len, texts))

    def _put(self, text: str) -> Put | None:
        """An element of our own; null where the picture it shows is lost."""
        element: Plain = from_json(text)
        page = self.new[element["page"]]
        copied = {key: element[key] for key in element if key != "version" and key not in OWNED_BY_SERVER}
        if element["kind"] == "image":
            if element["asset_id"] not in self.asset_ids:
                return None
            copied["asset_id"] = self.asset_ids[element["asset_id"]]
        new = {**copied, "id": str(uuid5(UUID(page), element["id"])), "page": page}
        return Put.model_validate({"op": "put", "element": new})


def id_for(lesson_id: str, caller: Caller, client_id: str, page: str) -> str:
    """Of a new page: the same for the same copy of the same page."""
    return str(uuid5(UUID(lesson_id), f"{caller.user_id}|{client_id}|{page}"))


def _portions(texts: Iterable[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    size = 0
    for text in texts:
        full = len(portion) == PORTION_ELEMENTS_AT_MOST or size + len(text) > PORTION_CHARACTERS_AT_MOST
        if portion and full:
            yield portion
            portion, size = [], 0
        portion.append(text)
        size += len(text)
    if portion:
        yield portion


async def in_a_row(steps: Iterator[Step]) -> AsyncIterator[PageChanged | Submitted]:
    """Their outcomes in their order, a few on their way at a time. Raises the first error; no further step is begun."""
    under_way: deque[Deferred[Any]] = deque()
    try:
        for step in steps:
            under_way.append(Deferred.fromCoroutine(step))
            if len(under_way) == AT_ONCE:
                yield await under_way.popleft()
        while under_way:
            yield await under_way.popleft()
    finally:
        for left in under_way:
            left.addErrback(lambda _: None)  # the first error says why
