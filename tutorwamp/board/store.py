"""What is remembered of boards: elements, snapshots of their history, answers, and what pictures there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import Connection, delete, func, insert, select, tuple_, update
from twisted.internet.defer import Deferred

from tutorwamp.board import reading
from tutorwamp.board.contracts import Plain
from tutorwamp.board.errors import Full
from tutorwamp.board.reading import Page
from tutorwamp.board.tables import answers, boards, elements, pictures, snapshots
from tutorwamp.board.writing import Tick, Ticked, commit
from tutorwamp.kernel.errors import Conflict, Invalid
from tutorwamp.kernel.sql.columns import insert_new, lock
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.groups import GroupCommit
from tutorwamp.kernel.sql.lanes import LARGE
from tutorwamp.kernel.sql.streams import heads

FORGOTTEN_AT_ONCE: Final = 10_000
"""Rows a compaction takes away in one transaction: some ten milliseconds in which others wait."""


PICTURES_AT_MOST: Final = 500
"""Of a lesson: more than anybody shows in two hours, and a bound on what is stored."""


@dataclass(frozen=True)
class KeptPicture:
    """A picture of a lesson; its bytes are elsewhere, under its id."""

    id: str
    lesson_id: str
    author_id: str
    media_type: str
    bytes: int
    width: int
    height: int
    sha256: str
    created_at: datetime


@dataclass(frozen=True)
class Outline:
    """What a board is, without its elements."""

    pages: list[str]
    """Their ids, in their order."""
    weight: int
    """Bytes of all elements, see ``rules.weight_of``."""
    head: int
    """The position of its stream."""


class BoardStore:
    """The door to SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ticks: GroupCommit[Tick, Ticked] = GroupCommit(database, "board.commit", commit)

    def commit(self, tick: Tick) -> Deferred[Ticked]:
        """Write a tick with whatever else waits. One board's ticks wait for one another (the caller sees to it)."""
        return self._ticks.submit(tick)

    def read(self, lesson_id: str, stream: str, pages: Sequence[str] | None = None) -> Deferred[Plain]:
        """B25: the board, or these pages of it, and the position it belongs to, in one consistent read.

        Raises NotFound (a page).
        """
        return self._database.read("board.open", reading.board, lesson_id, stream, pages, lane=LARGE)

    def outline(self, lesson_id: str, stream: str) -> Deferred[Outline]:
        """The board's pages, and how heavy it is."""

        def thd(connection: Connection) -> Outline:
            query = select(boards.c.pages, boards.c.weight).where(boards.c.lesson_id == lesson_id)
            row = connection.execute(query).one_or_none()
            head = heads(connection, [stream]).get(stream, 0)
            if row is None:
                return Outline(reading.pages_of(lesson_id, None), 0, head)
            return Outline(reading.pages_of(lesson_id, row.pages), row.weight, head)

        return self._database.read("board.outline", thd)

    def pages(self, lesson_id: str, page_ids: Sequence[str]) -> Deferred[list[Page]]:
        """These pages in this order, in one consistent read, for somebody else to take apart."""

        def thd(connection: Connection) -> list[Page]:
            return [reading.page(connection, lesson_id, page_id) for page_id in page_ids]

        return self._database.read("board.pages", thd, lane=LARGE)

    def read_at(self, lesson_id: str, stream: str, seq: int) -> Deferred[Plain]:
        """B26: the board as it was, from the last snapshot before and the events since. Raises Invalid."""

        def thd(connection: Connection) -> Plain:
            head = heads(connection, [stream]).get(stream, 0)
            if seq > head:
                fault = {"loc": ["seq"], "msg": f"must be at most the stream's head, {head}"}
                raise Invalid("That has not happened yet.", details=[fault])
            return reading.replayed(connection, lesson_id, stream, seq)

        return self._database.read("board.at", thd, lane=LARGE)

    async def snapshot(self, lesson_id: str, stream: str) -> None:
        """B19: keep the board as it is now. Read beside the writers, so that nobody waits for it."""

        def write(connection: Connection) -> None:
            lock(connection, f"snapshot:{lesson_id}")  # another process may find it due as well
            known = select(snapshots.c.seq).where(snapshots.c.lesson_id == lesson_id, snapshots.c.seq == seq)
            if connection.execute(known).first() is None:
                connection.execute(insert(snapshots), {"lesson_id": lesson_id, "seq": seq, "state": state})
            newer = update(boards).where(boards.c.lesson_id == lesson_id, boards.c.snapshot_seq < seq)
            connection.execute(newer.values(snapshot_seq=seq))

        seq, state = await self._database.read("board.snapshot", reading.snapshot, lesson_id, stream, lane=LARGE)
        await self._database.write("board.keep_snapshot", write)

    def compact(self, before: datetime) -> Deferred[int]:
        """B27: forget tombstones and answers from before then; how many, FORGOTTEN_AT_ONCE of each at most."""

        def thd(connection: Connection) -> int:
            keys = select(answers.c.key).where(answers.c.at < before).limit(FORGOTTEN_AT_ONCE)
            forgotten = connection.execute(delete(answers).where(answers.c.key.in_(keys))).rowcount
            dead = (elements.c.look.is_(None), elements.c.updated_at < before)
            some = select(elements.c.lesson_id, elements.c.id).where(*dead).limit(FORGOTTEN_AT_ONCE)
            # Again the condition: one may have been brought back since it was chosen.
            tombstones = delete(elements).where(*dead, tuple_(elements.c.lesson_id, elements.c.id).in_(some))
            return forgotten + connection.execute(tombstones).rowcount

        return self._database.write("board.compact", thd)

    def begun(self, key: bytes, digest: bytes) -> Deferred[int | None]:
        """B41, B44: the position of the source of what was begun under this key; null: nothing was. Raises Conflict."""
        return self._database.read("board.begun", _begun, key, digest)

    def begin(self, key: bytes, digest: bytes, seq: int, at: datetime) -> Deferred[int]:
        """Begin with the source as it is at this position, or was when it was begun before. Raises Conflict."""

        def thd(connection: Connection) -> int:
            insert_new(connection, answers, [{"key": key, "digest": digest, "seq": seq, "at": at, "outcome": None}])
            return cast("int", _begun(connection, key, digest))

        return self._database.write("board.begin", thd)

    def weight(self, lesson_id: str, page_ids: Sequence[str]) -> Deferred[int]:
        """Bytes of the elements of these pages, see ``rules.weight_of``."""

        def thd(connection: Connection) -> int:
            on_pages = (elements.c.lesson_id == lesson_id, elements.c.page.in_(page_ids))
            return int(
                connection.execute(select(func.coalesce(func.sum(elements.c.weight), 0)).where(*on_pages)).scalar_one()
            )

        return self._database.read("board.weight", thd)

    def add_picture(self, picture: KeptPicture) -> Deferred[KeptPicture]:
        """Enter a picture; where the lesson has the same content already, that one is given. Raises Full."""

        def thd(connection: Connection) -> KeptPicture:
            lock(connection, f"pictures:{picture.lesson_id}")
            known = _same(connection, picture.lesson_id, picture.sha256)
            if known is not None:
                return known
            many = select(func.count()).select_from(pictures).where(pictures.c.lesson_id == picture.lesson_id)
            if connection.execute(many).scalar_one() >= PICTURES_AT_MOST:
                raise Full("The lesson has too many pictures.", details={"pictures_at_most": PICTURES_AT_MOST})
            connection.execute(insert(pictures), vars(picture))
            return picture

        return self._database.write("board.add_picture", thd)

    def same_picture(self, lesson_id: str, sha256: str) -> Deferred[KeptPicture | None]:
        """The lesson's picture with this content."""
        return self._database.read("board.same_picture", _same, lesson_id, sha256)

    def picture(self, lesson_id: str, picture_id: str) -> Deferred[KeptPicture | None]:
        """One picture of a lesson."""

        def thd(connection: Connection) -> KeptPicture | None:
            query = select(pictures).where(pictures.c.lesson_id == lesson_id, pictures.c.id == picture_id)
            row = connection.execute(query).one_or_none()
            return None if row is None else _picture(row)

        return self._database.read("board.picture", thd)

    def pictures(self, lesson_id: str, picture_ids: Sequence[str]) -> Deferred[list[KeptPicture]]:
        """Those of these pictures that the lesson has."""

        def thd(connection: Connection) -> list[KeptPicture]:
            query = select(pictures).where(pictures.c.lesson_id == lesson_id, pictures.c.id.in_(picture_ids))
            return [_picture(row) for row in connection.execute(query)]

        return self._database.read("board.pictures", thd)


def _begun(connection: Connection, key: bytes, digest: bytes) -> int | None:
    row = connection.execute(select(answers.c.digest, answers.c.seq).where(answers.c.key == key)).one_or_none()
    if row is not None and row.digest != digest:
        raise Conflict("This client_id was used before, with other content.")
    return None if row is None else row.seq


def _same(connection: Connection, lesson_id: str, sha256: str) -> KeptPicture | None:
    query = select(pictures).where(pictures.c.lesson_id == lesson_id, pictures.c.sha256 == sha256)
    row = connection.execute(query).one_or_none()
    return None if row is None else _picture(row)


def _picture(row: Any) -> KeptPicture:
    return KeptPicture(**row._asdict())
