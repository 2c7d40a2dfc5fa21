"""Which files there are, whose, and of which message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update
from twisted.internet.defer import Deferred

from tutorwamp.files.contracts import LessonFile, MessageFile, Wanted
from tutorwamp.files.tables import files
from tutorwamp.kernel.errors import Conflict, TooLarge
from tutorwamp.kernel.sql.columns import lock
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.streams import locked
from tutorwamp.kernel.streams import StaleGuardError, UnknownStreamError

FILES_A_LESSON_AT_MOST: Final = 2_000
"""However small they are."""
SWEPT_AT_ONCE: Final = 200


@dataclass(frozen=True)
class KeptFile:
    """A file as it is kept; ``digest``: of its name and of the bytes as they were sent."""

    id: str
    lesson_id: str
    owner_id: str
    name: str
    media_type: str
    size: int
    digest: str
    client_id: str | None
    created_at: datetime
    message_id: str | None = None

    def shown(self) -> LessonFile:
        """As its sender is answered."""
        return LessonFile(
            id=self.id,
            name=self.name,
            media_type=self.media_type,
            size=self.size,
            lesson_id=self.lesson_id,
            created_at=self.created_at,
        )

    def in_message(self) -> MessageFile:
        """As a message shows it."""
        return MessageFile(id=self.id, name=self.name, media_type=self.media_type, size=self.size)


class FilesStore:
    """What is remembered of files; a port of chat's store as well, whose transactions it joins."""

    def __init__(self, database: Database, *, lesson_bytes: int) -> None:
        """``lesson_bytes``: of all files of a lesson."""
        self._database = database
        self._lesson_bytes = lesson_bytes

    def add(self, file: KeptFile, stream: str, guard: int) -> Deferred[KeptFile]:
        """Keep a file, or find the one that came with the same ``client_id`` before.

        Raises Conflict, TooLarge, StaleGuardError where the lesson, whose ``stream`` it is, has changed meanwhile, or
        UnknownStreamError.
        """

        def thd(connection: Connection) -> KeptFile:
            lock(connection, f"files:{file.lesson_id}")
            first = _first(connection, file.owner_id, file.lesson_id, file.client_id)
            if first is not None:
                return repeated(first, file.digest)
            known = connection.execute(select(files).where(files.c.id == file.id)).first()
            if known is not None:
                return _kept(known)  # by a try of this transaction whose commit was not answered
            positions = locked(connection, [stream])
            if stream not in positions:
                raise UnknownStreamError(stream)
            if positions[stream].guard != guard:
                raise StaleGuardError(stream)
            self._require_room(connection, file)
            connection.execute(insert(files), vars(file))
            return file

        return self._database.write("files.add", thd)

    def require_room(self, lesson_id: str, size: int) -> Deferred[None]:
        """Raises TooLarge where there is none for so many bytes more; decided in the end where the file is kept."""

        def thd(connection: Connection) -> None:
            self._require(_used(connection, lesson_id), size)

        return self._database.read("files.room", thd)

    def first(self, owner_id: str, lesson_id: str, client_id: str | None) -> Deferred[KeptFile | None]:
        """What came with this ``client_id`` before."""
        return self._database.read("files.first", _first, owner_id, lesson_id, client_id)

    def by_ids(self, file_ids: Sequence[str]) -> Deferred[Mapping[str, KeptFile]]:
        """Those of these there are."""

        def thd(connection: Connection) -> Mapping[str, KeptFile]:
            rows = connection.execute(select(files).where(files.c.id.in_(file_ids)))
            return {row.id: _kept(row) for row in rows}

        return self._database.read("files.by_ids", thd)

    def forget_unsent(self, before: datetime) -> Deferred[list[str]]:
        """Forget some files that no message has, of those sent before an instant; their ids."""

        def thd(connection: Connection) -> list[str]:
            old = and_(files.c.message_id.is_(None), files.c.created_at < before)
            query = select(files.c.id).where(old).order_by(files.c.created_at).limit(SWEPT_AT_ONCE).with_for_update()
            found = list(connection.execute(query).scalars())
            if found:
                connection.execute(delete(files).where(files.c.id.in_(found), old))
            return found

        return self._database.write("files.forget_unsent", thd)

    def unknown(self, keys: Sequence[str]) -> Deferred[list[str]]:
        """Those of these that are no file's; none where there are no files at all: then it is another's database."""

        def thd(connection: Connection) -> list[str]:
            known = set(connection.execute(select(files.c.id).where(files.c.id.in_(keys))).scalars())
            if not known and connection.execute(select(files.c.id).limit(1)).first() is None:
                return []
            return [key for key in keys if key not in known]

        return self._database.read("files.unknown", thd)

    # Of messages, in their own transactions: see FilesOfMessages

    def free(self, transaction: Connection, wanted: Sequence[Wanted]) -> list[bool]:
        """See FilesOfMessages."""
        ids = sorted({file_id for one in wanted for file_id in one.file_ids})  # one order of locking for everybody
        query = select(files.c.id, files.c.lesson_id, files.c.owner_id).where(
            files.c.id.in_(ids), files.c.message_id.is_(None)
        )
        found = {row.id: row for row in transaction.execute(query.order_by(files.c.id).with_for_update())}
        free = []
        for one in wanted:
            rows = [found.get(file_id) for file_id in one.file_ids]
            is_free = all(
                row is not None and (row.lesson_id, row.owner_id) == (one.lesson_id, one.owner_id) for row in rows
            )
            if is_free:
                for file_id in one.file_ids:
                    found.pop(file_id)
            free.append(is_free)
        return free

    def take(self, transaction: Connection, wanted: Sequence[Wanted]) -> None:
        """See FilesOfMessages."""
        for one in wanted:
            transaction.execute(update(files).where(files.c.id.in_(one.file_ids)).values(message_id=one.message_id))

    def drop(self, transaction: Connection, message_id: str) -> list[str]:
        """See FilesOfMessages."""
        mine = files.c.message_id == message_id
        found = list(transaction.execute(select(files.c.id).where(mine)).scalars())
        transaction.execute(delete(files).where(mine))
        return found

    def _require_room(self, connection: Connection, file: KeptFile) -> None:
        self._require(_used(connection, file.lesson_id), file.size)

    def _require(self, used: tuple[int, int], size: int) -> None:
        count, size_now = used
        if size_now + size > self._lesson_bytes:
            left = max(0, self._lesson_bytes - size_now)
            limit = {"bytes_at_most": self._lesson_bytes, "bytes_left": left}
            raise TooLarge("There is no room for this file in the lesson. Delete messages with files.", details=limit)
        if count >= FILES_A_LESSON_AT_MOST:
            raise TooLarge("The lesson has enough files.", details={"files_at_most": FILES_A_LESSON_AT_MOST})


def repeated(first: KeptFile, digest: str) -> KeptFile:
    """F6: what the same request again is answered. Raises Conflict where it is another."""
    if first.digest != digest:
        raise Conflict("This client_id was used before, with another file.")
    return first


def _used(connection: Connection, lesson_id: str) -> tuple[int, int]:
    """How many files a lesson has, and their bytes."""
    query = select(func.count(), func.coalesce(func.sum(files.c.size), 0)).where(files.c.lesson_id == lesson_id)
    count, size = connection.execute(query).one()
    return int(count), int(size)


def _first(connection: Connection, owner_id: str, lesson_id: str, client_id: str | None) -> KeptFile | None:
    if client_id is None:
        return None
    query = select(files).where(
        files.c.owner_id == owner_id, files.c.lesson_id == lesson_id, files.c.client_id == client_id
    )
    row = connection.execute(query).first()
    return None if row is None else _kept(row)


def _kept(row: Row[Any]) -> KeptFile:
    return KeptFile(**row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for it
