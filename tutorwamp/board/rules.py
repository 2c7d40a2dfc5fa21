"""How a board changes: pure, time passed in. The numbers are those of docs/rules/board.md."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json

from tutorwamp.board.contracts import CHANGES, PAGES_AT_MOST, Append, Change, Delete, Plain, Put
from tutorwamp.board.elements import ELEMENT_BYTES_AT_MOST, OWNED_BY_SERVER, POINTS_AT_MOST
from tutorwamp.board.errors import Full, Locked, NoPen, Stale
from tutorwamp.kernel.contracts import instant_text
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.errors import Conflict, Invalid, NotFound, TooLarge

PAGE_ELEMENTS_AT_MOST: Final = 4_000
BOARD_WEIGHT_AT_MOST: Final = 12 * 1024 * 1024
"""Bytes of all elements as CBOR, roughly. One message between the node's processes carries 16 MiB."""
COORDINATE_WEIGHT: Final = 9
"""Bytes of a float in CBOR (RFC 8949)."""
ELEMENT_WEIGHT: Final = 400
"""Bytes of an element's ids, times, the author's id and role, and the keys' names."""
SNAPSHOT_EVENTS_AT_LEAST: Final = 500
"""Replaying so many takes about as long as reading them."""
SNAPSHOT_WEIGHT_AN_EVENT: Final = 4 * 1024
"""Bytes a snapshot may add to each event it comes after: who moves points of a heavy board does not fill the disk."""


@dataclass(frozen=True)
class StoredElement:
    """An element as it is kept, or its tombstone: then ``look`` is null."""

    id: str
    page: str
    version: int
    place: int
    """Its position in the order of drawing; higher is above."""
    author: Plain
    created_at: datetime
    updated_at: datetime
    weight: int
    look: Plain | None
    """Kind, colour and what belongs to the kind."""

    def plain(self) -> Plain | None:
        """As readers see it; null for a tombstone."""
        if self.look is None:
            return None
        return {
            "id": self.id,
            "page": self.page,
            "version": self.version,
            "author": self.author,
            "created_at": instant_text(self.created_at),
            "updated_at": instant_text(self.updated_at),
            **self.look,
        }


@dataclass
class WorkingBoard:
    """The part of a board one tick works on; ``elements`` has every element the tick names, as far as it exists."""

    elements: dict[str, StoredElement]
    counts: dict[str, int]
    """Living elements of each page, in the pages' order."""
    weight: int
    placed: int
    """How many elements were ever placed on top."""
    pictures: Collection[str] = frozenset()
    """Of those the tick names, the pictures this lesson has."""
    touched: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Writer:
    """Who draws, and when."""

    person: Plain
    may_draw: bool
    now: datetime
    moderates: bool = False
    """Whether they lock and unlock, and change what is locked."""


def first_page(lesson_id: str) -> dict[str, int]:
    """B24: the counts of a board nobody has drawn on."""
    return {lesson_id: 0}


def read_change(raw: Plain) -> Change:
    """B11, B14: a change in its proper form. Raises TooLarge or Invalid."""
    about = raw["element"] if raw["op"] == "put" else raw
    points = about.get("points")
    if isinstance(points, (list, tuple)) and len(points) > POINTS_AT_MOST:
        raise TooLarge("A stroke has too many points.", details={"points_at_most": POINTS_AT_MOST})
    change = check(CHANGES[raw["op"]], raw)
    if isinstance(change, Put):
        _require_size(look_of(change))
    return change


def look_of(change: Put) -> Plain:
    """What of a put is kept as it is."""
    return change.element.model_dump(exclude={"id", "page", "version", *OWNED_BY_SERVER}, exclude_defaults=True)


def apply(board: WorkingBoard, change: Change, writer: Writer) -> Plain:
    """B1 to B13, B40: take one change, and give what readers are told.

    Raises what rejects it; the board is as before.
    """
    require_pen(writer.may_draw)
    if not writer.moderates:
        _require_unlocked(board, change)
    if isinstance(change, Put):
        return _put(board, change, writer)
    stored = _at_version(board, change.id, change.version)
    if isinstance(change, Append):
        return _append(board, stored, change, writer)
    return _delete(board, stored, change, writer)


def require_pen(may_draw: bool) -> None:
    """B9. Raises NoPen."""
    if not may_draw:
        raise NoPen("Only the tutor and the students who have the pen draw.")


def _require_unlocked(board: WorkingBoard, change: Change) -> None:
    """B40, whatever version the change names: who cannot change an element need not learn which one it is at."""
    stored = board.elements.get(change.id)
    if stored is not None and stored.look is not None and stored.look.get("locked"):
        raise Locked("The element is locked: only the lesson's tutor changes it.")
    if isinstance(change, Put) and change.element.locked:
        raise Locked("Only the lesson's tutor locks an element.")


def _put(board: WorkingBoard, change: Put, writer: Writer) -> Plain:
    wanted, look = change.element, look_of(change)
    before = board.elements.get(wanted.id)
    if wanted.version is not None:
        before = _at_version(board, wanted.id, wanted.version, tombstone=True)
    elif before is not None:
        raise _stale(before)
    alive = before is not None and before.look is not None
    _require_place(board, wanted.page, look, moved=before is None or not alive or before.page != wanted.page)
    author = before.author if before and alive else writer.person
    weight = weight_of(look) + len(author["name"].encode())
    _require_weight(board, weight - (before.weight if before else 0))
    after = StoredElement(
        id=wanted.id,
        page=wanted.page,
        version=before.version + 1 if before else 1,
        place=before.place if before and alive else board.placed + 1,
        author=author,
        created_at=before.created_at if before and alive else writer.now,
        updated_at=writer.now,
        weight=weight,
        look=look,
    )
    _store(board, before, after)
    return {"op": "put", "by": writer.person["id"], "element": after.plain()}


def _append(board: WorkingBoard, before: StoredElement, change: Append, writer: Writer) -> Plain:
    look = before.look
    if look is None or look["kind"] != "stroke":
        raise Invalid("Only a stroke grows.", details=[{"loc": ["id"], "msg": "not a stroke"}])
    if look.get("finished"):
        raise Conflict("The stroke is finished.", details={"version": before.version})
    points = look["points"] + change.points
    if len(points) > POINTS_AT_MOST:
        raise TooLarge("The stroke has too many points.", details={"points_at_most": POINTS_AT_MOST})
    grown = {**look, "points": points, **({"finished": True} if change.finished else {})}
    more = weight_of({"points": change.points}) - ELEMENT_WEIGHT
    _require_weight(board, more)
    after = replace(before, version=before.version + 1, updated_at=writer.now, look=grown, weight=before.weight + more)
    _store(board, before, after)
    told = {"op": "append", "by": writer.person["id"], "id": after.id, "version": after.version}
    return {**told, "points": change.points, **({"finished": True} if change.finished else {})}


def _delete(board: WorkingBoard, before: StoredElement, change: Delete, writer: Writer) -> Plain:
    after = replace(before, version=before.version + 1, updated_at=writer.now, look=None, weight=0)
    _store(board, before, after)
    return {"op": "delete", "by": writer.person["id"], "id": change.id, "version": after.version}


def _at_version(board: WorkingBoard, element_id: str, version: int, *, tombstone: bool = False) -> StoredElement:
    stored = board.elements.get(element_id)
    if stored is None or stored.version != version or (stored.look is None and not tombstone):
        raise _stale(stored)
    return stored


def _stale(stored: StoredElement | None) -> Stale:
    return Stale(
        "The element has changed meanwhile." if stored and stored.look else "There is no such element (any more).",
        details={"version": stored.version if stored else None},
    )


def _require_place(board: WorkingBoard, page: str, look: Plain, *, moved: bool) -> None:
    if page not in board.counts:
        raise NotFound("There is no such page.")
    if moved and board.counts[page] >= PAGE_ELEMENTS_AT_MOST:
        raise Full("The page is full.", details={"elements_at_most": PAGE_ELEMENTS_AT_MOST})
    if look["kind"] == "image" and look["asset_id"] not in board.pictures:
        raise Invalid(
            "There is no such picture.", details=[{"loc": ["element", "asset_id"], "msg": "no such picture here"}]
        )


def _require_weight(board: WorkingBoard, more: int) -> None:
    if more > 0 and board.weight + more > BOARD_WEIGHT_AT_MOST:
        raise Full("The board is full.", details={"bytes_at_most": BOARD_WEIGHT_AT_MOST})


def _require_size(look: Plain) -> None:
    # Points are bounded by their number; only words can be long.
    if look["kind"] == "text" and len(json.dumps(look, ensure_ascii=False).encode()) > ELEMENT_BYTES_AT_MOST:
        raise TooLarge("The element is too large.", details={"bytes_at_most": ELEMENT_BYTES_AT_MOST})


def _store(board: WorkingBoard, before: StoredElement | None, after: StoredElement) -> None:
    if before is not None and before.look is not None:
        board.counts[before.page] -= 1
        board.weight -= before.weight
    if after.look is not None:
        board.counts[after.page] += 1
        board.weight += after.weight
    board.placed = max(board.placed, after.place)
    board.elements[after.id] = after
    board.touched.add(after.id)


def weight_of(look: Mapping[str, Any]) -> int:
    """B12: roughly the bytes of an element as CBOR, without its author's name."""
    numbers = sum(1 + COORDINATE_WEIGHT * len(point) for point in look.get("points", ()))
    return ELEMENT_WEIGHT + numbers + len(look.get("text", "").encode())


def require_page(counts: Mapping[str, int], page: str) -> None:
    """B13. Raises NotFound."""
    if page not in counts:
        raise NotFound("There is no such page.")


def add_page(board: WorkingBoard, page: str) -> None:
    """B10, B24. Raises Full or Conflict."""
    if page in board.counts:
        raise Conflict("There is such a page already.")
    if len(board.counts) >= PAGES_AT_MOST:
        raise Full("The board has too many pages.", details={"pages_at_most": PAGES_AT_MOST})
    board.counts[page] = 0


def require_another(counts: Mapping[str, int]) -> None:
    """B24: the last page stays. Raises Conflict."""
    if len(counts) == 1:
        raise Conflict("The last page stays.")


def coalesce(told: Iterable[Plain]) -> list[Plain]:
    """B16: the changes of a tick as few as possible, telling the same."""
    entries: list[Plain | None] = []
    latest: dict[str, int] = {}
    for one in told:
        element_id = one["element"]["id"] if one["op"] == "put" else one["id"]
        place = latest.get(element_id)
        before = None if place is None else entries[place]
        if before is not None and place is not None and before["op"] != "delete":
            if one["op"] != "delete":
                entries[place] = _joined(before, one)
                continue
            entries[place] = None
        latest[element_id] = len(entries)
        entries.append(one)
    return [entry for entry in entries if entry is not None]


def _joined(before: Plain, after: Plain) -> Plain:
    if after["op"] == "put":
        return after
    grown = {"version": after["version"], **({"finished": True} if after.get("finished") else {})}
    if before["op"] == "append":
        return {**before, **grown, "by": after["by"], "points": before["points"] + after["points"]}
    # A put of this very tick: its time is the append's.
    element = {**before["element"], **grown, "points": before["element"]["points"] + after["points"]}
    return {**before, "by": after["by"], "element": element}


_ID: Final = slice(len('{"id":"'), len('{"id":"') + len(str(UUID(int=0))))
_PAGE: Final = slice(_ID.stop + len('","page":"'), _ID.stop + len('","page":"') + len(str(UUID(int=0))))


def id_in(text: str) -> str:
    """Of an element that was not read."""
    return text[_ID]


def page_in(text: str) -> str:
    """The same for its page."""
    return text[_PAGE]


def _page_of(element: Plain | str) -> str:
    return page_in(element) if isinstance(element, str) else element["page"]


@dataclass
class Replayed:
    """B18: a board as it is made from its events: elements by id, bottom first.

    An element may be JSON text that nobody had to read yet, its id and page in front (``board/reading.py``).
    """

    pages: list[str]
    elements: dict[str, Plain | str]

    def plain(self, head: int) -> Plain:
        """As ``board.open`` gives it."""
        return {"pages": [{"id": page} for page in self.pages], "elements": list(self.elements.values()), "head": head}

    def take(self, event_type: str, at: str, data: Mapping[str, Any]) -> None:
        """Apply the next event."""
        if event_type == "board.changed":
            for told in data["changes"]:
                self._take(told, at)
        elif event_type == "page.added":
            self.pages.append(data["page"])
        elif event_type in ("page.removed", "board.cleared"):
            gone = data["page"]
            self.elements = (
                {}
                if gone is None
                else {element_id: element for element_id, element in self.elements.items() if _page_of(element) != gone}
            )
            if event_type == "page.removed":
                self.pages.remove(gone)

    def _take(self, told: Plain, at: str) -> None:
        if told["op"] == "put":
            self.elements[told["element"]["id"]] = told["element"]
        elif told["op"] == "delete":
            self.elements.pop(told["id"], None)
        else:
            kept = self.elements[told["id"]]
            before: Plain = from_json(kept) if isinstance(kept, str) else kept
            grown = {"version": told["version"], "updated_at": at, "points": before["points"] + told["points"]}
            self.elements[told["id"]] = {**before, **grown, **({"finished": True} if told.get("finished") else {})}


def replay(lesson_id: str) -> Replayed:
    """The board before its first event."""
    return Replayed(list(first_page(lesson_id)), {})


def snapshot_due(events_since: int, elements: int, weight: int) -> bool:
    """B19."""
    return events_since >= max(SNAPSHOT_EVENTS_AT_LEAST, elements, weight // SNAPSHOT_WEIGHT_AN_EVENT)


def elements_of(state: Sequence[Plain], page: str) -> list[Plain]:
    """What stands on one page, bottom first."""
    return [element for element in state if element["page"] == page]
