"""The board over WAMP: ``tutorwamp.board.…``, and the topic ``tutorwamp.lesson.<id>.board``."""

from __future__ import annotations

from tutorwamp.board import contracts
from tutorwamp.board.contracts import (
    AddPage,
    BoardAt,
    BoardChanged,
    BoardState,
    ClearBoard,
    ExportBoard,
    Exported,
    Imported,
    ImportScene,
    OneBoard,
    PageChanged,
    RemovePage,
    SubmitChanges,
    Submitted,
)
from tutorwamp.board.exchange import Exchange
from tutorwamp.board.service import BoardService
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.component import Publisher, serves
from tutorwamp.kernel.events import Events


class BoardDoor:
    """The WAMP door of the board."""

    def __init__(self, board: BoardService, exchange: Exchange) -> None:
        self._board = board
        self._exchange = exchange

    @serves(contracts.OPEN)
    async def open(self, caller: Caller, asked: OneBoard) -> BoardState:
        """The board and its position."""
        return await self._board.open(caller, asked.lesson_id)

    @serves(contracts.SUBMIT)
    async def submit(self, caller: Caller, asked: SubmitChanges) -> Submitted:
        """Draw."""
        return await self._board.submit(caller, asked)

    @serves(contracts.ADD_PAGE)
    async def add_page(self, caller: Caller, asked: AddPage) -> PageChanged:
        """A new last page."""
        return await self._board.add_page(caller, asked)

    @serves(contracts.REMOVE_PAGE)
    async def remove_page(self, caller: Caller, asked: RemovePage) -> PageChanged:
        """Take a page away."""
        return await self._board.remove_page(caller, asked)

    @serves(contracts.CLEAR)
    async def clear(self, caller: Caller, asked: ClearBoard) -> PageChanged:
        """Empty a page, or all."""
        return await self._board.clear(caller, asked)

    @serves(contracts.AT)
    async def at(self, caller: Caller, asked: BoardAt) -> BoardState:
        """The board as it was."""
        return await self._board.at(caller, asked)

    @serves(contracts.EXPORT)
    async def export(self, caller: Caller, asked: ExportBoard) -> Exported:
        """A page as a file."""
        return await self._exchange.export(caller, asked)

    @serves(contracts.IMPORT)
    async def import_scene(self, caller: Caller, asked: ImportScene) -> Imported:
        """Put a scene on a page."""
        return await self._exchange.import_scene(caller, asked)


def publish_board(events: Events, publisher: Publisher) -> None:
    """Publish what the board announces."""

    def changed(change: BoardChanged) -> None:
        publisher.publish_stream_event(change.event)

    events.listen(BoardChanged, changed)
