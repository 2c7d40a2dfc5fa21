"""Messages, reactions and read marks. People are kept by id; the service adds their names."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)
from twisted.internet.defer import Deferred

from tutorwamp.chat.contracts import EMOJI_PER_MESSAGE_AT_MOST, KeptMessage, ReadHistory, ReadMark, SearchMessages
from tutorwamp.chat.tables import messages, reactions, read_marks
from tutorwamp.chat.writing import Asking, files_in, files_text, without_files
from tutorwamp.files.contracts import FilesOfMessages, Wanted
from tutorwamp.kernel.contracts import SEQ_AT_MOST, StreamEvent, cursor_from, cursor_parts
from tutorwamp.kernel.errors import Conflict, Invalid, NotFound, TooLarge
from tutorwamp.kernel.sql.columns import lock
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.groups import GroupCommit
from tutorwamp.kernel.sql.hot import Hot, write_last
from tutorwamp.kernel.sql.lanes import SEARCHES
from tutorwamp.kernel.sql.streams import append_one, heads, number, restate
from tutorwamp.kernel.streams import Draft, Repeated
from tutorwamp.kernel.text import folded


@dataclass(frozen=True)
class Sending:
    """A message on its way into a group commit. ``message.seq`` is not known yet."""

    draft: Draft
    message: KeptMessage
    file_ids: Sequence[str] = ()
    """The files it is to have; ``message.files`` are those of them that its author has sent into the lesson."""

    @property
    def asking(self) -> Asking | None:
        """For its files."""
        if not self.file_ids:
            return None
        wanted = Wanted(self.message.id, self.message.lesson_id, self.message.author, self.file_ids)
        return Asking(self.draft, wanted, are_known=len(self.message.files) == len(self.file_ids))


@dataclass(frozen=True)
class Sent:
    """A message that is kept, and its event; no event where it had been sent before."""

    message: KeptMessage
    event: StreamEvent | None


@dataclass(frozen=True)
class Searched:
    """A page of what was found, and how long the database was busy with it."""

    messages: list[KeptMessage]
    next_cursor: str | None
    took_s: float


@dataclass(frozen=True)
class Changed:
    """A message after a change, and its event; no event where nothing changed."""

    message: KeptMessage
    event: StreamEvent | None
    rewritten_bytes: int = 0
    """Of earlier events, which say what a reader would read now."""
    dropped: Sequence[str] = ()
    """Files that there are no more."""


class ChatStore:
    """What is remembered of chat."""

    def __init__(self, database: Database, files: FilesOfMessages) -> None:
        self._database = database
        self._files = files
        self._sends: GroupCommit[Sending, Sent] = GroupCommit(database, "chat.send", partial(_send, files))

    def send(self, sending: Sending) -> Deferred[Sent]:
        """Keep a message with whatever else waits. Raises StaleGuardError, UnknownStreamError, Conflict or Invalid."""
        return self._sends.submit(sending)

    def by_id(self, message_id: str) -> Deferred[KeptMessage | None]:
        """One message."""
        return self._database.read("chat.by_id", _by_id, message_id)

    def change(
        self,
        message_id: str,
        decide: Callable[[KeptMessage], KeptMessage],
        draft: Callable[[KeptMessage], Draft],
    ) -> Deferred[Changed]:
        """Replace a message's text or deletion by what ``decide`` makes of it; no event where nothing changed."""

        def thd(connection: Connection) -> Changed:
            before = _locked(connection, message_id)
            after = decide(before)
            if after == before:
                return Changed(before, None)
            connection.execute(
                update(messages)
                .where(messages.c.id == message_id)
                .values(
                    body=after.body,
                    files=files_text(after),
                    folded=folded(after.body),
                    edited_at=after.edited_at,
                    deleted_at=after.deleted_at,
                )
            )
            dropped = self._files.drop(connection, message_id) if before.files and not after.files else []
            return replace(_announce(connection, after, draft(after)), dropped=dropped)

        return self._database.write("chat.change", thd)

    def react(
        self,
        message_id: str,
        user_id: str,
        emoji: str,
        now: datetime,
        draft: Callable[[KeptMessage], Draft],
        *,
        on: bool,
    ) -> Deferred[Changed]:
        """Put a reaction on or take it off; no event where it was so already. Raises Conflict or TooLarge."""

        def thd(connection: Connection) -> Changed:
            before = _locked(connection, message_id)
            if before.deleted_at is not None:
                raise Conflict("The message was deleted.")
            if (user_id in before.reactions.get(emoji, [])) == on:
                return Changed(before, None)
            if on:
                if emoji not in before.reactions and len(before.reactions) >= EMOJI_PER_MESSAGE_AT_MOST:
                    limit = {"emoji_at_most": EMOJI_PER_MESSAGE_AT_MOST}
                    raise TooLarge("The message has too many different reactions.", details=limit)
                row = {"message_id": message_id, "emoji": emoji, "user_id": user_id, "at": now}
                connection.execute(insert(reactions), row)
            else:
                connection.execute(
                    delete(reactions).where(
                        reactions.c.message_id == message_id,
                        reactions.c.emoji == emoji,
                        reactions.c.user_id == user_id,
                    )
                )
            given = _reactions(connection, [message_id]).get(message_id, {})
            after = before.model_copy(update={"reactions": given})
            return _announce(connection, after, draft(after))

        return self._database.write("chat.react", thd)

    def mark_read(
        self, lesson_id: str, user_id: str, seq: int, stream: str, draft: Callable[[int], Draft]
    ) -> Deferred[tuple[ReadMark, StreamEvent | None]]:
        """Move a read mark forward, at most to the stream's head; never back.

        There is an event only where the mark passes a message: the event moves the head, too, and marking that as read
        must not be told again, and so on for ever.
        """

        def thd(connection: Connection) -> tuple[ReadMark, StreamEvent | None]:
            lock(connection, f"read:{lesson_id}:{user_id}")
            mine = and_(read_marks.c.lesson_id == lesson_id, read_marks.c.user_id == user_id)
            known = connection.execute(select(read_marks.c.seq).where(mine)).scalar()
            wanted = min(seq, heads(connection, [stream])[stream])
            event = None
            if wanted > (known or 0):
                if known is None:
                    row = {"lesson_id": lesson_id, "user_id": user_id, "seq": wanted}
                    connection.execute(insert(read_marks), row)
                else:
                    connection.execute(update(read_marks).where(mine).values(seq=wanted))
                if _said_between(connection, lesson_id, known or 0, wanted):
                    event = append_one(connection, draft(wanted))
            read_seq = max(wanted, known or 0)
            return ReadMark(read_seq=read_seq, unread_count=_unread(connection, lesson_id, user_id, read_seq)), event

        return self._database.write("chat.mark_read", thd)

    def history(self, asked: ReadHistory) -> Deferred[tuple[list[KeptMessage], str | None]]:
        """A lesson's messages, newest first. Raises Invalid (cursor)."""
        query = select(messages).where(messages.c.lesson_id == asked.lesson_id)
        if asked.cursor is not None:
            query = query.where(messages.c.seq < int(_cursor(asked.cursor, _is_seq)))
        query = query.order_by(messages.c.seq.desc())
        return self._database.read("chat.history", _page_of, query, asked.limit, lambda message: message.seq)

    def search(self, asked: SearchMessages, lesson_ids: Sequence[str] | None) -> Deferred[Searched]:
        """Messages that contain all words, newest first; None: of all lessons. Raises Invalid (cursor) or OutOfTime.

        In the caller's lessons: only their rows are looked at, whatever else is there. In all: from the newest on.
        """
        query = select(messages).where(messages.c.deleted_at.is_(None))
        newest: ColumnElement[Any] = messages.c.id  # UUIDv7
        if lesson_ids is not None:
            query = query.where(messages.c.lesson_id.in_(lesson_ids))
            newest = newest.concat(
                ""
            )  # as an expression it is no reason to go through everybody's messages by their ids
        for word in dict.fromkeys(folded(asked.query).split()):
            query = query.where(messages.c.folded.contains(word, autoescape=True))
        if asked.cursor is not None:
            query = query.where(messages.c.id < _cursor(asked.cursor, lambda _: True))
        query = query.order_by(newest.desc())

        def thd(connection: Connection) -> Searched:
            # SQLite works in this thread, and is not to cost more because others keep the machine busy.
            spent_s = time.thread_time if connection.dialect.name == "sqlite" else time.monotonic
            began_s = spent_s()
            found, next_cursor = _page_of(connection, query, asked.limit, lambda message: message.id)
            return Searched(found, next_cursor, spent_s() - began_s)

        return self._database.read("chat.search", thd, lane=SEARCHES)


def _page_of(
    connection: Connection, query: Select[Any], limit: int, key: Callable[[KeptMessage], str | int]
) -> tuple[list[KeptMessage], str | None]:
    rows = connection.execute(query.limit(limit + 1)).all()
    found = _messages(connection, rows[:limit])
    return found, cursor_from(key(found[-1])) if len(rows) > limit else None


def _send(files: FilesOfMessages, connection: Connection, jobs: Sequence[Sending]) -> list[Sent | Exception]:
    """Keep a batch of messages: the streams' four statements, one insert, and one look at what is replied to."""
    known_replies = _existing(connection, [job.message for job in jobs])
    refused: dict[int, Exception] = {
        index: Invalid("There is no such message.", details=[{"loc": ["reply_to"], "msg": "no such message here"}])
        for index, job in enumerate(jobs)
        if job.message.reply_to is not None and (job.message.lesson_id, job.message.reply_to) not in known_replies
    }
    asking = {index: job.asking for index, job in enumerate(jobs) if job.asking is not None}
    refused |= without_files(files, connection, asking)
    admitted = [job for index, job in enumerate(jobs) if index not in refused]
    numbered = number(connection, [job.draft for job in admitted])
    outcomes = iter(numbered.outcomes)
    results: list[Sent | Exception] = []
    written: list[KeptMessage] = []
    for index, job in enumerate(jobs):
        if index in refused:
            results.append(refused[index])
            continue
        outcome = next(outcomes)
        if isinstance(outcome, StreamEvent):
            message = KeptMessage.of_checked({**job.message.__dict__, "seq": outcome.seq})
            written.append(message)
            results.append(Sent(message, outcome))
        elif isinstance(outcome, Repeated):
            results.append(_repeated(connection, outcome, written))
        else:
            results.append(outcome)
    if written:
        said = {message.id for message in written if message.files}
        if said:
            files.take(connection, [one.wanted for one in asking.values() if one.wanted.message_id in said])
        rows = [_row(message) for message in written]
        write_last(connection, [*numbered.writes(connection), (_ADD_MESSAGES, rows)])
    return results


_ADD_MESSAGES: Final = Hot(insert(messages), messages.c.keys())


def _repeated(connection: Connection, outcome: Repeated, written: Sequence[KeptMessage]) -> Sent:
    """What a repetition is answered: the first message."""
    first = next((message for message in written if message.id == outcome.subject), None)
    return Sent(first or _locked(connection, outcome.subject), None)


def _existing(connection: Connection, among: Sequence[KeptMessage]) -> set[tuple[str, str]]:
    wanted = {message.reply_to for message in among if message.reply_to is not None}
    if not wanted:
        return set()
    query = select(messages.c.lesson_id, messages.c.id).where(messages.c.id.in_(wanted))
    return {(row.lesson_id, row.id) for row in connection.execute(query)}


_IN_BOTH: Final = [name for name in KeptMessage.model_fields if name in messages.c and name != "files"]
"""The fields that are columns as they are. The author's column is ``author_id``; reactions are rows of their own.
Files, which never change, stand with their message as text; whose they are, and that they are taken, is a row each."""


def _row(message: KeptMessage) -> dict[str, Any]:
    same = {name: getattr(message, name) for name in _IN_BOTH}
    return {**same, "files": files_text(message), "author_id": message.author, "folded": folded(message.body)}


def _from_row(row: Row[Any], reacted: dict[str, list[str]]) -> KeptMessage:
    same = {name: getattr(row, name) for name in _IN_BOTH}
    # It was checked when it came.
    return KeptMessage.model_construct(**same, author=row.author_id, files=files_in(row.files), reactions=reacted)


def _announce(connection: Connection, message: KeptMessage, draft: Draft) -> Changed:
    event = append_one(connection, draft)
    return Changed(message, event, restate(connection, draft.stream, message.id, event.data))


def _by_id(connection: Connection, message_id: str, *, locked: bool = False) -> KeptMessage | None:
    query = select(messages).where(messages.c.id == message_id)
    rows = connection.execute(query.with_for_update() if locked else query).all()
    return next(iter(_messages(connection, rows)), None)


def _locked(connection: Connection, message_id: str) -> KeptMessage:
    message = _by_id(connection, message_id, locked=True)
    if message is None:
        raise NotFound("There is no such message.")
    return message


def _said_between(connection: Connection, lesson_id: str, after: int, up_to: int) -> bool:
    between = and_(messages.c.lesson_id == lesson_id, messages.c.seq > after, messages.c.seq <= up_to)
    return connection.execute(select(messages.c.id).where(between).limit(1)).scalar() is not None


def _unread(connection: Connection, lesson_id: str, user_id: str, read_seq: int) -> int:
    return connection.execute(
        select(func.count())
        .select_from(messages)
        .where(
            messages.c.lesson_id == lesson_id,
            messages.c.seq > read_seq,
            messages.c.author_id != user_id,
            messages.c.deleted_at.is_(None),
        )
    ).scalar_one()


def _is_seq(part: str) -> bool:
    return part.isascii() and part.isdigit() and int(part) <= SEQ_AT_MOST


def _cursor(cursor: str, fits: Callable[[str], bool]) -> str:
    try:
        (part,) = cursor_parts(cursor, 1)
    except ValueError:
        part = ""
    if not part or "\0" in part or len(part) > 36 or not fits(part):
        raise Invalid("Bad cursor.", details=[{"loc": ["cursor"], "msg": "not a cursor of this list"}])
    return part


def _messages(connection: Connection, rows: Sequence[Row[Any]]) -> list[KeptMessage]:
    """Rows of ``messages`` with their reactions, in one query more."""
    found = _reactions(connection, [row.id for row in rows])
    return [_from_row(row, found.get(row.id, {})) for row in rows]


def _reactions(connection: Connection, message_ids: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """By message, then by emoji, in the order they were given."""
    found: dict[str, dict[str, list[str]]] = {}
    if message_ids:
        for row in connection.execute(
            select(reactions)
            .where(reactions.c.message_id.in_(message_ids))
            .order_by(reactions.c.at, reactions.c.emoji, reactions.c.user_id)
        ):
            found.setdefault(row.message_id, {}).setdefault(row.emoji, []).append(row.user_id)
    return found
