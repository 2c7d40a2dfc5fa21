"""One transaction: the ticks of several boards, each submission judged by itself, one event for each board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from pydantic_core import from_json, to_json  # for lists of numbers four times as fast as the standard library's
from sqlalchemy import Connection, bindparam, func, insert, select, update

from tutorwamp.board import rules
from tutorwamp.board.contracts import Change, Plain, Put
from tutorwamp.board.elements import Image
from tutorwamp.board.errors import Locked
from tutorwamp.board.rules import StoredElement, WorkingBoard, Writer
from tutorwamp.board.tables import answers, boards, elements, pictures
from tutorwamp.kernel.contracts import StreamEvent
from tutorwamp.kernel.errors import Conflict, TutorwampError
from tutorwamp.kernel.sql.streams import append_one, locked
from tutorwamp.kernel.streams import Draft, Position, StaleGuardError, UnknownStreamError


@dataclass(frozen=True)
class MalformedChange:
    """A change that could not be read."""

    id: str
    error: TutorwampError


@dataclass(frozen=True)
class PageWish:
    """What somebody wants of a page; ``type`` is the event it becomes. ``page`` null: all."""

    type: str
    page: str | None


@dataclass(frozen=True)
class Submission:
    """What one call wants."""

    person: Plain
    may_draw: bool
    guard: int
    """The lesson's version under which the person was admitted."""
    key: bytes
    digest: bytes
    wish: Sequence[Change | MalformedChange] | PageWish
    moderates: bool = False


@dataclass(frozen=True)
class Tick:
    """What goes into one event: changes of any number of people, or one wish about pages."""

    lesson_id: str
    stream: str
    at: datetime
    key: str
    submissions: Sequence[Submission]


@dataclass(frozen=True)
class Refusal:
    """Why the change at ``index`` of a submission was not taken; ``element``: as it is now."""

    index: int
    id: str
    error: str
    message: str
    details: Any
    element: Plain | None = None


@dataclass(frozen=True)
class Accepted:
    """What became of a submission."""

    seq: int
    applied: Sequence[str]
    refused: Sequence[Refusal]
    page: str | None = None
    changed: bool = True  # of a wish about pages: false where the page was empty already


@dataclass(frozen=True)
class Ticked:
    """What became of a tick: an outcome for each submission, in their order; no event where nothing changed."""

    outcomes: Sequence[Accepted | Exception]
    event: StreamEvent | None
    authors: Sequence[str]
    snapshot_due: bool


@dataclass
class _Judged:
    """A submission that is new; its number is not known yet."""

    submission: Submission
    applied: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    changed: bool = True


@dataclass
class _Board:
    """One board during the transaction."""

    working: WorkingBoard
    exists: bool
    snapshot_seq: int
    loaded: frozenset[str]


def commit(connection: Connection, ticks: Sequence[Tick]) -> list[Ticked]:
    """Take the ticks in their order; two of them are never of the same board."""
    positions = locked(connection, (tick.stream for tick in ticks))
    known = _known(connection, ticks)
    made = _boards(connection, ticks)
    return [_take(connection, tick, made[tick.lesson_id], positions.get(tick.stream), known) for tick in ticks]


def _take(
    connection: Connection, tick: Tick, board: _Board, position: Position | None, known: Mapping[bytes, Any]
) -> Ticked:
    if position is None:
        return Ticked([UnknownStreamError(tick.stream)] * len(tick.submissions), None, [], snapshot_due=False)
    told: list[Plain] = []
    outcomes: list[_Judged | Accepted | Exception] = []
    judged: dict[bytes, _Judged] = {}
    overtaken: set[str] = set()
    for one in tick.submissions:
        outcome: _Judged | Accepted | Exception
        if one.key in judged or one.key in known:
            outcome = _repeated(one, judged.get(one.key), known.get(one.key), board.working)
        elif one.guard != position.guard or one.person["id"] in overtaken:
            overtaken.add(one.person["id"])  # what comes after it waits for it (B22)
            outcome = StaleGuardError(tick.stream)
        else:
            outcome = _judge(connection, tick, board.working, one, told)
        if isinstance(outcome, _Judged):
            judged[one.key] = outcome
        outcomes.append(outcome)
    event, authors = _append_event(connection, tick, told)
    seq = event.seq if event else position.head
    _save(connection, tick, board, judged.values(), seq)
    size = (sum(board.working.counts.values()), board.working.weight)
    due = event is not None and rules.snapshot_due(seq - board.snapshot_seq, *size)
    numbered = [_numbered(one, seq, board.working) if isinstance(one, _Judged) else one for one in outcomes]
    return Ticked(numbered, event, authors, due)


def _judge(
    connection: Connection, tick: Tick, board: WorkingBoard, one: Submission, told: list[Plain]
) -> _Judged | Exception:
    """Take what can be taken, and add to what readers are told."""
    if isinstance(one.wish, PageWish):
        try:
            return _Judged(one, changed=_turn(connection, tick, board, one, one.wish, told))
        except TutorwampError as error:
            return error
    judged = _Judged(one)
    writer = Writer(one.person, one.may_draw, tick.at, moderates=one.moderates)
    for index, change in enumerate(one.wish):
        try:
            if isinstance(change, MalformedChange):
                raise change.error
            told.append(rules.apply(board, change, writer))
            judged.applied.append(change.id)
        except TutorwampError as error:
            judged.refused.append(Refusal(index, change.id, error.uri, error.message, error.details))
    return judged


def _turn(
    connection: Connection, tick: Tick, board: WorkingBoard, one: Submission, wish: PageWish, told: list[Plain]
) -> bool:
    """Do what is wished of a page; whether there was anything to do. Raises NoPen, Locked or what the rules raise."""
    rules.require_pen(one.may_draw)
    emptied = list(board.counts) if wish.page is None else [wish.page]
    if wish.type == "page.added":
        rules.add_page(board, emptied[0])
    else:
        for page in emptied:
            rules.require_page(board.counts, page)
        if wish.type == "board.cleared" and not any(board.counts[page] for page in emptied):
            return False
        if wish.type == "page.removed":
            rules.require_another(board.counts)
        if not one.moderates:
            _require_unlocked(connection, tick.lesson_id, emptied)
        _empty(connection, tick, board, emptied)
        if wish.type == "page.removed":
            del board.counts[emptied[0]]
    told.append({"by": one.person["id"], "page": wish.page})
    return True


def _require_unlocked(connection: Connection, lesson_id: str, pages: Sequence[str]) -> None:
    """B40. Raises Locked."""
    locked = elements.c.look.contains('"locked":true')  # in a text there would be a backslash before each quote
    query = select(elements.c.id).where(elements.c.lesson_id == lesson_id, elements.c.page.in_(pages), locked)
    if connection.execute(query.limit(1)).first() is not None:
        raise Locked("Something on the page is locked: only the lesson's tutor takes it away.")


def _empty(connection: Connection, tick: Tick, board: WorkingBoard, pages: Sequence[str]) -> None:
    """B24: what stands on the pages becomes tombstones."""
    standing = (elements.c.lesson_id == tick.lesson_id, elements.c.page.in_(pages), elements.c.look.is_not(None))
    board.weight -= connection.execute(
        select(func.coalesce(func.sum(elements.c.weight), 0)).where(*standing)
    ).scalar_one()
    gone = {"look": None, "weight": 0, "version": elements.c.version + 1, "updated_at": tick.at}
    connection.execute(update(elements).where(*standing).values(gone))
    board.counts.update(dict.fromkeys(pages, 0))


def _append_event(connection: Connection, tick: Tick, told: Sequence[Plain]) -> tuple[StreamEvent | None, list[str]]:
    """The tick's event, where it has one, and who caused it (B15)."""
    if not told:
        return None, []
    people = {one.person["id"]: one.person for one in tick.submissions}
    authors = list(dict.fromkeys(one["by"] for one in told))
    wish = tick.submissions[0].wish
    draft = Draft(
        stream=tick.stream,
        guard=None,
        type=wish.type if isinstance(wish, PageWish) else "board.changed",
        at=tick.at,
        actor=people[authors[0]] if len(authors) == 1 else None,
        key=tick.key,
        digest="",
        subject=tick.lesson_id,
        data=lambda _: {"page": wish.page} if isinstance(wish, PageWish) else {"changes": rules.coalesce(told)},
    )
    return append_one(connection, draft), authors


def _numbered(judged: _Judged, seq: int, board: WorkingBoard) -> Accepted:
    wish = judged.submission.wish
    page = wish.page if isinstance(wish, PageWish) else None
    return Accepted(seq, judged.applied, [_with_element(one, board) for one in judged.refused], page, judged.changed)


def _with_element(refusal: Refusal, board: WorkingBoard) -> Refusal:
    stored = board.elements.get(refusal.id)
    return replace(refusal, element=stored.plain() if stored else None)


def _known(connection: Connection, ticks: Sequence[Tick]) -> dict[bytes, Any]:
    keys = [one.key for tick in ticks for one in tick.submissions]
    return {row.key: row for row in connection.execute(_ANSWERS, {"keys": keys})}


_ANSWERS: Final = select(answers).where(answers.c.key.in_(bindparam("keys", expanding=True)))


def _repeated(one: Submission, judged: _Judged | None, row: Any, board: WorkingBoard) -> _Judged | Accepted | Exception:
    """B21: the first answer again, its rejected elements as they are now."""
    first_digest = judged.submission.digest if judged else row.digest
    if first_digest != one.digest:
        return Conflict("This client_id was used before, with other content.")
    if judged is not None:
        return judged
    outcome = from_json(row.outcome) if row.outcome else {}
    if isinstance(one.wish, PageWish):
        return Accepted(row.seq, [], [], outcome["page"], outcome["changed"])
    refused = [Refusal(*values) for values in outcome.get("refused", ())]
    gone = {refusal.index for refusal in refused}
    applied = [change.id for index, change in enumerate(one.wish) if index not in gone]
    return Accepted(row.seq, applied, [_with_element(refusal, board) for refusal in refused])


def _outcome(judged: _Judged) -> str | None:
    wish = judged.submission.wish
    if isinstance(wish, PageWish):
        return to_json({"page": wish.page, "changed": judged.changed}).decode()
    if not judged.refused:
        return None
    return to_json({"refused": [astuple(one)[:-1] for one in judged.refused]}).decode()  # without the element


# Reading and keeping


def _boards(connection: Connection, ticks: Sequence[Tick]) -> dict[str, _Board]:
    wanted = {"lesson_ids": [tick.lesson_id for tick in ticks]}
    rows = {row.lesson_id: row for row in connection.execute(_BOARDS, wanted)}
    made = {}
    for tick in ticks:
        row = rows.get(tick.lesson_id)
        stored = _stored_elements(connection, tick)
        working = WorkingBoard(
            elements=stored,
            counts=from_json(row.pages) if row else rules.first_page(tick.lesson_id),
            weight=row.weight if row else 0,
            placed=row.placed if row else 0,
            pictures=_pictures(connection, tick),
        )
        made[tick.lesson_id] = _Board(working, row is not None, row.snapshot_seq if row else 0, frozenset(stored))
    return made


def _changes(tick: Tick) -> Iterable[Change | MalformedChange]:
    for one in tick.submissions:
        if not isinstance(one.wish, PageWish):
            yield from one.wish


def _stored_elements(connection: Connection, tick: Tick) -> dict[str, StoredElement]:
    ids = {change.id for change in _changes(tick)}
    rows = connection.execute(_ELEMENTS, {"lesson_id": tick.lesson_id, "ids": list(ids)}) if ids else ()
    return {row.id: stored_element(row) for row in rows}


def _pictures(connection: Connection, tick: Tick) -> frozenset[str]:
    wanted = {
        change.element.asset_id
        for change in _changes(tick)
        if isinstance(change, Put) and isinstance(change.element, Image)
    }
    query = select(pictures.c.id).where(pictures.c.lesson_id == tick.lesson_id, pictures.c.id.in_(wanted))
    return frozenset(connection.execute(query).scalars()) if wanted else frozenset()


_BOARDS: Final = select(boards).where(boards.c.lesson_id.in_(bindparam("lesson_ids", expanding=True)))
_ELEMENTS: Final = (
    select(elements)
    .where(elements.c.lesson_id == bindparam("lesson_id"), elements.c.id.in_(bindparam("ids", expanding=True)))
    .with_for_update()  # compaction must not take away a tombstone that is being brought back
)
_REPLACE: Final = update(elements).where(
    elements.c.lesson_id == bindparam("of_lesson"), elements.c.id == bindparam("of_id")
)


def stored_element(row: Any) -> StoredElement:
    """An element as the rules see it, from its row."""
    return StoredElement(
        id=row.id,
        page=row.page,
        version=row.version,
        place=row.place,
        author=from_json(row.author),
        created_at=row.created_at,
        updated_at=row.updated_at,
        weight=row.weight,
        look=from_json(row.look) if row.look is not None else None,
    )


def _columns(stored: StoredElement) -> dict[str, Any]:
    return {
        "page": stored.page,
        "version": stored.version,
        "place": stored.place,
        "author": to_json(stored.author).decode(),
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
        "weight": stored.weight,
        "look": to_json(stored.look).decode() if stored.look is not None else None,
    }


def _save(connection: Connection, tick: Tick, board: _Board, judged: Iterable[_Judged], seq: int) -> None:
    touched = [board.working.elements[element_id] for element_id in board.working.touched]
    new = [
        {"lesson_id": tick.lesson_id, "id": one.id, **_columns(one)} for one in touched if one.id not in board.loaded
    ]
    old = [{"of_lesson": tick.lesson_id, "of_id": one.id, **_columns(one)} for one in touched if one.id in board.loaded]
    if new:
        connection.execute(insert(elements), new)
    if old:
        connection.execute(_REPLACE, old)
    rows = [
        {
            "key": one.submission.key,
            "digest": one.submission.digest,
            "seq": seq,
            "at": tick.at,
            "outcome": _outcome(one),
        }
        for one in judged
    ]
    if rows:
        connection.execute(insert(answers), rows)
        _save_board(connection, tick.lesson_id, board)


def _save_board(connection: Connection, lesson_id: str, board: _Board) -> None:
    working = board.working
    row = {"pages": to_json(working.counts).decode(), "weight": working.weight, "placed": working.placed}
    if board.exists:
        connection.execute(update(boards).where(boards.c.lesson_id == lesson_id).values(row))
    else:
        connection.execute(insert(boards), {"lesson_id": lesson_id, "snapshot_seq": 0, **row})
