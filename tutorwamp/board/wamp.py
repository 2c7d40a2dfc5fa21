"""The board over WAMP: ``tutorwamp.board.…``, and the topic ``tutorwamp.lesson.<id>.board``."""

from __future__ import annotations

from typing import Final

from tutorwamp.board import contracts
from tutorwamp.board.contracts import BoardChanged
from tutorwamp.board.exchange import Exchange
from tutorwamp.board.service import BoardService
from tutorwamp.kernel.edges.component import Publisher, serve
from tutorwamp.kernel.events import Events

BOARD_PROCEDURES: Final = (
    serve(contracts.OPEN, BoardService.open),
    serve(contracts.SUBMIT, BoardService.submit),
    serve(contracts.ADD_PAGE, BoardService.add_page),
    serve(contracts.REMOVE_PAGE, BoardService.remove_page),
    serve(contracts.CLEAR, BoardService.clear),
    serve(contracts.AT, BoardService.at),
)
EXCHANGE_PROCEDURES: Final = (
    serve(contracts.EXPORT, Exchange.export),
    serve(contracts.IMPORT, Exchange.import_scene),
    serve(contracts.COPY, Exchange.copy),
)


def publish_board(events: Events, publisher: Publisher) -> None:
    """Publish what the board announces."""
    events.listen(BoardChanged, lambda changed: publisher.publish_stream_event(changed.event))
