"""What others may know of the board: elements, changes, procedures and the event others can listen to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    SkipValidation,
    TypeAdapter,
    ValidationError,
)

from tutorwamp.board.elements import Element, Points, Version
from tutorwamp.board.scenes import SCHEMA
from tutorwamp.kernel.contracts import WHOLE, ClientId, Cost, Id, Procedure, Seq, StreamEvent, Value
from tutorwamp.kernel.topics import Topic

CHANGES_AT_MOST: Final = 200
"""In one submission."""
PAGES_AT_MOST: Final = 40
"""Of a board."""
COPY_UNITS: Final = 20
"""Of a person's two hundred: bringing a whole board is some seconds' work. Its bytes are counted besides."""
Plain = dict[str, Any]
"""An element, a change or an event's data as it goes over the wire."""


class Put(Value):
    """Create an element, or replace exactly the version named."""

    op: Literal["put"]
    element: Element

    @property
    def id(self) -> str:
        """Which element."""
        return self.element.id


class Append(Value):
    """More points for a stroke."""

    op: Literal["append"]
    id: Id
    version: Version
    points: Points
    finished: bool = False


class Delete(Value):
    """Take an element away."""

    op: Literal["delete"]
    id: Id
    version: Version


Change = Put | Append | Delete
CHANGES: Final[dict[str, type[Put | Append | Delete]]] = {"put": Put, "append": Append, "delete": Delete}
_ID: Final = TypeAdapter(Id)


def named(raw: Plain) -> str:
    """The id a raw change is about. Raises ValueError where it names none."""
    op = raw.get("op")
    if not isinstance(op, str) or op not in CHANGES:
        raise ValueError(f"op must be one of {', '.join(CHANGES)}")
    about = raw.get("element") if op == "put" else raw
    try:
        return _ID.validate_python(about.get("id") if isinstance(about, dict) else None, strict=True)
    except ValidationError:
        raise ValueError("must name an element by its UUID") from None


def _all_named(changes: list[Plain]) -> list[Plain]:
    for place, raw in enumerate(changes):
        try:
            named(raw)
        except ValueError as error:
            raise ValueError(f"change {place}: {error}") from None
    return changes


class OneBoard(Value):
    """Just which lesson's."""

    lesson_id: Id


def _different(pages: list[str]) -> list[str]:
    if len(set(pages)) < len(pages):
        raise ValueError("must not name a page twice")
    return pages


class OpenBoard(Value):
    """All of it, or only the elements of these pages (none at all: just which pages there are, and the position)."""

    lesson_id: Id
    pages: Annotated[list[Id], Field(max_length=PAGES_AT_MOST), AfterValidator(_different)] | None = None


class OnePicture(Value):
    """Just which picture."""

    lesson_id: Id
    picture_id: Id


class SubmitChanges(Value):
    """Draw. Each change is judged by itself, so its form is checked later (``rules.read_change``)."""

    lesson_id: Id
    changes: Annotated[list[Plain], Field(min_length=1, max_length=CHANGES_AT_MOST), AfterValidator(_all_named)]
    client_id: ClientId | None = None


class AddPage(Value):
    """A new last page; its id may be chosen."""

    lesson_id: Id
    page: Id | None = None
    client_id: ClientId | None = None


class RemovePage(Value):
    """Take a page away with what is on it."""

    lesson_id: Id
    page: Id
    client_id: ClientId | None = None


class ClearBoard(Value):
    """Empty a page, or with none named all of them."""

    lesson_id: Id
    page: Id | None = None
    client_id: ClientId | None = None


class BoardAt(Value):
    """As it was after this event."""

    lesson_id: Id
    seq: Seq


class ExportBoard(Value):
    """One page (null: the first; PDF: all) in a format."""

    lesson_id: Id
    format: Literal["svg", "png", "pdf", "excalidraw"]
    page: Id | None = None


class ImportScene(Value):
    """Put a scene of Excalidraw, what it copies, or an ``.excalidrawlib`` on a page (null: the first)."""

    lesson_id: Id
    scene: Annotated[Plain, Field(json_schema_extra=SCHEMA)]
    page: Id | None = None
    client_id: ClientId | None = None


class CopyBoard(Value):
    """Bring pages (null: all) of one lesson's board, in this order, to the end of another's."""

    lesson_id: Id
    from_lesson_id: Id
    pages: Annotated[list[Id], Field(min_length=1, max_length=PAGES_AT_MOST), AfterValidator(_different)] | None = None
    client_id: ClientId | None = None


class BringWorksheet(Value):
    """Bring a PDF to the end of a lesson's board; its bytes come beside it."""

    lesson_id: Id
    client_id: ClientId | None = None


class BoardPage(Value):
    """A page."""

    id: Id


class BoardState(Value):
    """A board and the position it belongs to. ``pages`` are all there are; ``elements`` in the order they are drawn."""

    pages: list[BoardPage]
    elements: Annotated[SkipValidation[Sequence[Plain]], PlainSerializer(list)]
    head: int

    def plain(self) -> Plain:
        """Not copied: a full board has a million numbers."""
        return {"pages": [{"id": page.id} for page in self.pages], "elements": self.elements, "head": self.head}


class Rejected(Value):
    """Why a change was not taken, and the element as it is now (null: there is none)."""

    id: Id
    error: str
    message: str
    details: dict[str, Any] | list[Plain]
    element: Plain | None


class Submitted(Value):
    """What became of the changes. ``seq`` is the event that tells of them, or the head where none was applied."""

    seq: int
    applied: list[Id]
    rejected: list[Rejected]


class PageChanged(Value):
    """The page (null: all) and the event that tells of it; ``changed`` false: it was empty, and nothing is told."""

    seq: int
    page: Id | None
    changed: bool


class LeftOut(Value):
    """Something of what was brought that is not on the board, or not as it was."""

    id: str
    kind: str
    reason: str


class Imported(Value):
    """What became of a scene."""

    seq: int
    applied: list[Id]
    rejected: list[Rejected]
    left_out: list[LeftOut]


class Brought(Value):
    """The new pages, in their order, and the last event that tells of them."""

    seq: int
    pages: list[BoardPage]
    left_out: list[LeftOut]


class Exported(Value):
    """A file. ``missing``: characters that no font has, boxes in it; the first hundred different ones."""

    media_type: str
    data: bytes
    missing: list[str]

    def plain(self) -> Plain:
        """Bytes stay bytes; each serializer has its way with them."""
        return {"media_type": self.media_type, "data": self.data, "missing": self.missing}


class Uploaded(Value):
    """A picture that elements can now name by ``asset_id``. ``width`` and ``height`` are its pixels."""

    id: Id
    media_type: str
    bytes: int
    width: int
    height: int


def _units(asked: OpenBoard) -> float:
    whole = WHOLE.units(asked)
    return whole if asked.pages is None else min(whole, len(asked.pages))


OPEN: Final = Procedure(
    "tutorwamp.board.open",
    OpenBoard,
    BoardState,
    "The board and its position; with ``pages`` only their elements.",
    cost=Cost(_units, WHOLE.line),
)
SUBMIT: Final = Procedure("tutorwamp.board.submit", SubmitChanges, Submitted, "Draw.", writes=True)
ADD_PAGE: Final = Procedure("tutorwamp.board.add_page", AddPage, PageChanged, "A new last page.", writes=True)
REMOVE_PAGE: Final = Procedure("tutorwamp.board.remove_page", RemovePage, PageChanged, "Take a page away.", writes=True)
CLEAR: Final = Procedure("tutorwamp.board.clear", ClearBoard, PageChanged, "Empty a page, or all.", writes=True)
AT: Final = Procedure("tutorwamp.board.at", BoardAt, BoardState, "The board as it was.", cost=WHOLE)
EXPORT: Final = Procedure("tutorwamp.board.export", ExportBoard, Exported, "A page as a file.")
IMPORT: Final = Procedure("tutorwamp.board.import", ImportScene, Imported, "Put a scene on a page.", writes=True)
COPY: Final = Procedure(
    "tutorwamp.board.copy",
    CopyBoard,
    Brought,
    "Bring pages of another lesson's board, with all that is on them, as new last pages.",
    writes=True,
    cost=Cost(lambda _: COPY_UNITS, line="copies"),
)


class PutDone(Put):
    """An element as it is now, and whose doing it is."""

    by: Id


class AppendDone(Append):
    """Points that a stroke has got; ``version`` is the one after it."""

    by: Id


class DeleteDone(Delete):
    """An element that is gone; ``version`` is the one after it."""

    by: Id


class ChangesDone(Value):
    """The data of ``board.changed``: what was done within a tick, in its order."""

    changes: list[Annotated[PutDone | AppendDone | DeleteDone, Field(discriminator="op")]]


class PageDone(Value):
    """The data of the other events; null: all pages."""

    page: Id | None


BOARD_TOPIC: Final = Topic(
    "tutorwamp.lesson.{lesson_id}.board",
    "A stream: what is drawn.",
    events={
        "board.changed": ChangesDone,
        "page.added": PageDone,
        "page.removed": PageDone,
        "board.cleared": PageDone,
    },
)


@dataclass(frozen=True)
class BoardChanged:
    """A lesson's board stream has grown. ``authors``: ids of those who caused it."""

    event: StreamEvent
    authors: Sequence[str]
