"""Boards as they are read: JSON text from the rows to the door (decision 28).

An element is written once, when it changes. Who opens a board is given what stands in its row, and nobody on the way
has to make a million numbers of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json, to_json
from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, select, type_coerce

from tutorwamp.board import rules
from tutorwamp.board.contracts import Plain
from tutorwamp.board.rules import Replayed
from tutorwamp.board.tables import boards, elements, snapshots
from tutorwamp.kernel.contracts import from_ms, instant_text
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.json_list import JsonList
from tutorwamp.kernel.sql.streams import heads, read_since

BETWEEN: Final = b",\n"
"""Elements of a snapshot. No JSON text of ours has a line end inside, so that they can be told apart unread."""
COMPRESSION: Final = 1
"""Of zlib: a snapshot is made every few hundred events, and read seldom."""


@dataclass(frozen=True)
class Page:
    """A page's elements, lowest first, as a JSON list that nobody here has read; without their authors."""

    elements: bytes
    asset_ids: frozenset[str]
    """Of the pictures it shows."""


def board(connection: Connection, lesson_id: str, stream: str, pages: Sequence[str] | None = None) -> Plain:
    """B25: the board and its position, with elements of these pages only where some are named. Raises NotFound."""
    known = page_ids(connection, lesson_id)
    if pages is not None and not {*pages} <= {*known}:
        raise NotFound("There is no such page.")
    return {
        "pages": [{"id": page} for page in known],
        "elements": JsonList(_texts(connection, lesson_id, pages)),
        "head": heads(connection, [stream]).get(stream, 0),
    }


def page_ids(connection: Connection, lesson_id: str) -> list[str]:
    """In their order."""
    query = select(boards.c.pages).where(boards.c.lesson_id == lesson_id)
    return pages_of(lesson_id, connection.execute(query).scalar())


def pages_of(lesson_id: str, pages: str | None) -> list[str]:
    """The same from what the board's row says; null where it has none yet."""
    return list(from_json(pages) if pages is not None else rules.first_page(lesson_id))


def page(connection: Connection, lesson_id: str, page_id: str) -> Page:
    """For the renderer."""
    rows = connection.execute(_LOOKS, {"lesson_id": lesson_id, "pages": [page_id]}).all()
    maybe = (from_json(row.look) for row in rows if '"asset_id"' in row.look)
    shown = frozenset(look["asset_id"] for look in maybe if look["kind"] == "image")
    return Page(b"[%s]" % ",".join(map(_text, rows)).encode(), shown)


def snapshot(connection: Connection, lesson_id: str, stream: str) -> tuple[int, bytes]:
    """B19: the board's position, and all of it as it is kept."""
    state = board(connection, lesson_id, stream)
    around = to_json({"pages": state["pages"], "head": state["head"], "elements": []})
    begin, end = around[: -len(b"]}")], around[-len(b"]}") :]
    inside = BETWEEN.join(text.encode() for text in state["elements"].texts)
    return state["head"], zlib.compress(b"%s\n%s\n%s" % (begin, inside, end), COMPRESSION)


def replayed(connection: Connection, lesson_id: str, stream: str, seq: int) -> Plain:
    """B26: the board as it was, from the last snapshot before and the events since."""
    row = connection.execute(_NEAREST, {"lesson_id": lesson_id, "seq": seq}).one_or_none()
    made, after = (rules.replay(lesson_id), 0) if row is None else (_kept(row.state), row.seq)
    for event in read_since(connection, stream, after, seq - after):
        made.take(event.type, instant_text(event.at), event.data)
    texts = [one if isinstance(one, str) else to_json(one).decode() for one in made.elements.values()]
    return {"pages": [{"id": one} for one in made.pages], "elements": JsonList(texts), "head": seq}


def _kept(state: bytes) -> Replayed:
    """A snapshot, its elements unread; one of an older node has no line ends and is read."""
    begin, *lines = zlib.decompress(state).decode().split("\n")
    around = from_json(begin + "".join(lines[-1:]))
    texts: Iterable[str] = (line.removesuffix(",") for line in lines[:-1] if line)
    kept: dict[str, Plain | str] = {one["id"]: one for one in around["elements"]}
    kept |= {rules.id_in(text): text for text in texts}
    return Replayed([one["id"] for one in around["pages"]], kept)


def _texts(connection: Connection, lesson_id: str, pages: Sequence[str] | None) -> list[str]:
    wanted: dict[str, Any] = {"lesson_id": lesson_id}
    if pages is not None:
        wanted["pages"] = list(pages)
    rows = connection.execute(_WHOLE if pages is None else _SOME, wanted)
    return [_text(row, f'"author":{row.author},') for row in rows]


def _text(row: Any, author: str = "") -> str:
    """An element as JSON, as ``StoredElement.plain`` has it: a look is an object that is never empty."""
    created_at, updated_at = instant_text(from_ms(row.created_ms)), instant_text(from_ms(row.updated_ms))
    known = f'"id":"{row.id}","page":"{row.page}","version":{row.version}'
    return f'{{{known},{author}"created_at":"{created_at}","updated_at":"{updated_at}",{row.look[1:]}'


def _standing(*more: ColumnElement[Any]) -> Select[Any]:
    """What stands, lowest first. Times as they are in the row: ten thousand need not become objects."""
    times = [type_coerce(elements.c[f"{name}_at"], BigInteger).label(f"{name}_ms") for name in ("created", "updated")]
    known = (elements.c.id, elements.c.page, elements.c.version, *times, elements.c.look)
    here = (elements.c.lesson_id == bindparam("lesson_id"), elements.c.look.is_not(None))
    return select(*known, *more).where(*here).order_by(elements.c.place)


_ON_PAGES: Final = elements.c.page.in_(bindparam("pages", expanding=True))
_WHOLE: Final = _standing(elements.c.author)
_SOME: Final = _WHOLE.where(_ON_PAGES)
_LOOKS: Final = _standing().where(_ON_PAGES)
_NEAREST: Final = (
    select(snapshots)
    .where(snapshots.c.lesson_id == bindparam("lesson_id"), snapshots.c.seq <= bindparam("seq"))
    .order_by(snapshots.c.seq.desc())
    .limit(1)
)
