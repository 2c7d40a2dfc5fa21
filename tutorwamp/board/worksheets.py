"""Worksheets: a PDF whose pages become pages of the board, each with a locked picture of it (B44)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

from tutorwamp.board.contracts import (
    BOARD_TOPIC,
    PAGES_AT_MOST,
    AddPage,
    BoardPage,
    BringWorksheet,
    Brought,
    LeftOut,
    Put,
    Rejected,
    Submitted,
)
from tutorwamp.board.copying import Keep, Step, id_for, in_a_row
from tutorwamp.board.errors import Full
from tutorwamp.board.parcels import Parcel
from tutorwamp.board.service import BoardService, answer_key, short_digest
from tutorwamp.board.store import BoardStore
from tutorwamp.board.workshop import Place, Workshop
from tutorwamp.kernel.contracts import Caller, Clock, new_id
from tutorwamp.kernel.errors import Invalid, TutorwampError

SIMPLER: Final = "Bring it in parts, or print it to a new and simpler PDF."
"""To who sent a document that takes too much."""
BEGUN_BEFORE_S: Final = 5.0
"""Seconds before the caller's time is over: later no further pages are begun. These take three, and are drawn then."""


@dataclass
class _Rendered:
    """What of a document could be made pictures."""

    sheets: dict[int, tuple[Mapping[str, Any], bytes]] = field(default_factory=dict)
    """By the page's number: what is known of it, and its picture."""
    left_out: list[LeftOut] = field(default_factory=list)


class Worksheets:
    """Brings worksheets. ``keep``: keeps a picture for a lesson."""

    def __init__(self, board: BoardService, store: BoardStore, workshop: Workshop, *, keep: Keep, clock: Clock) -> None:
        self._board = board
        self._store = store
        self._workshop = workshop
        self._keep = keep
        self._clock = clock

    async def bring(self, caller: Caller, asked: BringWorksheet, read: Callable[[], bytes]) -> Brought:
        """B44. ``read`` gives the document when it is its turn.

        Raises NotFound, Forbidden, WrongState, Full, Conflict (client_id), RateLimited, Invalid, TooLarge, or what
        ``read`` does.
        """
        await self._board.require_moderator(caller, asked.lesson_id)
        client_id = asked.client_id or new_id()
        with self._workshop.place(caller.user_id) as place:
            async with place.turn(large=True):
                content = read()
                new = await self._begin(caller, asked, client_id, content)
                rendered = await _render(place, content, len(new))
        if not rendered.sheets:
            fault = {"loc": ["content"], "msg": "must have a page that can be shown"}
            raise Invalid(f"None of its pages can be shown. {rendered.left_out[0].reason}", details=[fault])
        pictures_bytes = sum(len(picture) for _, picture in rendered.sheets.values())
        self._board.count_written(caller, 0, pictures_bytes)
        puts = {}
        for number, (sheet, picture) in rendered.sheets.items():
            seen = {"media_type": sheet["media_type"], "width": sheet["pixels"][0], "height": sheet["pixels"][1]}
            kept = await self._keep(caller, asked.lesson_id, picture, seen, hashlib.sha256(picture).hexdigest())
            puts[number] = _put(new[number - 1], sheet, kept.id)
        return await self._draw(caller, asked.lesson_id, client_id, puts, rendered.left_out)

    async def _begin(self, caller: Caller, asked: BringWorksheet, client_id: str, content: bytes) -> list[str]:
        """The ids of the new pages there is room for, the same for the same ``client_id``. Raises Full."""
        key = answer_key(asked.lesson_id, caller, client_id, 0)
        digest = short_digest("worksheet", hashlib.sha256(content).hexdigest())
        if await self._store.begun(key, digest) is None:
            await self._board.require_pen(caller, asked.lesson_id)
            await self._store.begin(key, digest, 0, self._clock())
        new = [id_for(asked.lesson_id, caller, client_id, str(number)) for number in range(1, PAGES_AT_MOST + 1)]
        there = await self._store.outline(asked.lesson_id, BOARD_TOPIC.of(asked.lesson_id))
        room = PAGES_AT_MOST - len({*there.pages} - {*new})
        if room <= 0:
            raise Full("The board has too many pages.", details={"pages_at_most": PAGES_AT_MOST})
        return new[:room]

    async def _draw(
        self, caller: Caller, lesson_id: str, client_id: str, puts: Mapping[int, Put], left_out: Sequence[LeftOut]
    ) -> Brought:
        seq, rejected = 0, list[Rejected]()
        async for done in in_a_row(self._steps(caller, lesson_id, client_id, puts)):
            seq = done.seq
            rejected += done.rejected if isinstance(done, Submitted) else ()
        lost = [LeftOut(id=one.id, kind="image", reason=f"Left out: {one.message}") for one in rejected]
        pages = [BoardPage(id=put.element.page) for put in puts.values()]
        return Brought(seq=seq, pages=pages, left_out=[*left_out, *lost])

    def _steps(self, caller: Caller, lesson_id: str, client_id: str, puts: Mapping[int, Put]) -> Iterator[Step]:
        """First all pages, each an event of its own; then what is on them, as much in one event as comes together."""
        for number, put in puts.items():
            wish = AddPage(lesson_id=lesson_id, page=put.element.page, client_id=client_id)
            yield self._board.add_page(caller, wish, part=2 * number)
        for number, put in puts.items():
            yield self._board.draw(caller, lesson_id, [put], client_id, size=0, part=2 * number + 1)


async def _render(place: Place, content: bytes, room: int) -> _Rendered:
    """The document's first pages as pictures, in as many jobs as it takes. Raises what the first of them does."""
    rendered, number, pages = _Rendered(), 1, room
    reason = "there was no time for more at once."
    while number <= min(room, pages):
        if number > 1 and place.left_s() < BEGUN_BEFORE_S:
            break
        try:
            job = Parcel({"first": number, "last": room}, [content])
            made = await place.work("pdf_pages", job, advice=SIMPLER)
        except TutorwampError as error:
            if number == 1:
                raise
            reason = error.message
            break
        pages, pictures = made.values["pages"], iter(made.parts)
        for one in made.values["done"]:
            number = one["number"] + 1
            if one["content"]:
                rendered.sheets[one["number"]] = (one, next(pictures))
            else:
                rendered.left_out.append(LeftOut(id=str(one["number"]), kind="page", reason=one["reason"]))
    rendered.left_out += _rest(number, min(room, pages), reason)
    rendered.left_out += _rest(room + 1, pages, f"a board has {PAGES_AT_MOST} pages.")
    return rendered


def _rest(first: int, last: int, reason: str) -> list[LeftOut]:
    """What is told of pages nobody has looked at."""
    if first > last:
        return []
    return [LeftOut(id="", kind="page", reason=f"Left out: pages {first} to {last}; {reason}")]


def _put(page: str, sheet: Mapping[str, Any], asset_id: str) -> Put:
    """The picture of a page, below all that will be drawn on it."""
    place = {"x": 0, "y": 0, "width": sheet["width"], "height": sheet["height"]}
    look = {"kind": "image", "color": "#000000", **place, "asset_id": asset_id, "locked": True}
    return Put.model_validate({"op": "put", "element": {"id": str(uuid5(UUID(page), "sheet")), "page": page, **look}})
