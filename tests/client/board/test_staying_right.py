"""A board stays right whatever happens to events, answers and connections."""

from __future__ import annotations

from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import gatherResults
from twisted.internet.task import Clock

from tests.client.board.model import PAGE, BoardModel
from tests.client.board.server import BoardServer
from tests.client.board.talk import Arrive, box, cut, doing, half_open, put, same, told
from tests.client.board.test_replica import by_page
from tests.client.talk import Watcher, opened
from tests.support.refused import refused
from tutorwamp.client import Board, CallError, Disconnected
from tutorwamp.client.streams import GAP_PATIENCE_S


async def test_B31_what_happens_while_it_is_opened_is_not_lost(server: BoardServer, arrive: Arrive) -> None:
    lesson = await arrive()
    release, opening = await half_open(lesson, server)
    server.draw(put("a"))
    server.draw(put("b"))
    release()
    board = await opening
    await board.caught_up(2)
    assert board.state() == server.model.state()
    assert len(server.asked("open")) == 1


async def test_B31_what_changes_while_later_pages_are_read_is_not_lost(server: BoardServer, arrive: Arrive) -> None:
    for page in ("two", "three"):
        server.model.add_page("other", page)
    server.draw(put("a"), put("b", page="two"), put("c", page="three"), put("d", page="three"))
    lesson = await arrive()
    release, opening = await half_open(lesson, server)
    moved = {"op": "put", "element": {**server.model.elements[3], "page": PAGE, "version": 1}}
    server.draw(put("e", page="two"), moved)
    second = server.next("open")
    release()
    await second  # the second page is being answered; nothing of it is here before the third
    server.draw(put("f", page="two"), put("g"), {"op": "delete", "id": "c", "version": 1})
    board = await opening
    await board.caught_up(5)
    assert by_page(board.state()) == by_page(server.model.state())
    assert [asked["pages"] for asked in server.asked("open")] == [[PAGE], ["two"], ["three"]]


async def test_B31_a_first_page_that_is_gone_and_one_that_goes_meanwhile(server: BoardServer, arrive: Arrive) -> None:
    for page in ("two", "three"):
        server.model.add_page("other", page)
    server.model.remove_page("other", PAGE)
    server.draw(put("a", page="two"), put("b", page="three"))
    lesson = await arrive()
    release, opening = await half_open(lesson, server)
    removed = server.model.remove_page("other", "three")["seq"]
    server.publish(removed)
    release()
    board = await opening
    await same(board, server, removed)
    assert [asked["pages"] for asked in server.asked("open")] == [[PAGE], [], ["two"], ["three"]]


async def test_B31_where_events_between_two_pages_are_missing_the_whole_is_read(
    server: BoardServer, arrive: Arrive
) -> None:
    server.model.add_page("other", "two")
    lesson = await arrive()
    release, opening = await half_open(lesson, server)
    server.draw(put("a", page="two"), lost=True)
    release()
    board = await opening
    await same(board, server, 2)
    assert [asked.get("pages") for asked in server.asked("open")] == [[PAGE], ["two"], None]


async def test_B31_events_that_were_overtaken_are_waited_for(server: BoardServer, board: Board, clock: Clock) -> None:
    server.losing = True
    for name in "abc":
        server.draw(put(name))
    late = told(board, "board.changed")
    server.publish(3)
    server.publish(1)
    await late
    assert list(board.elements) == ["a"]
    clock.advance(GAP_PATIENCE_S * 0.9)
    server.publish(2)
    server.publish(2)
    await doing(board.caught_up(3))
    clock.advance(GAP_PATIENCE_S * 3)
    await doing(board.at(0))  # what was asked before has come
    assert board.state() == server.model.state()
    assert len(server.asked("open")) == 1


async def test_B31_a_gap_that_stays_is_resumed(server: BoardServer, board: Board, clock: Clock) -> None:
    waiting = len(clock.getDelayedCalls())
    server.draw(put("a"), lost=True)
    server.draw(put("b"))
    server.draw(put("c"))
    await doing(board.at(0))  # what was published before has come
    assert board.elements == {}
    assert len(clock.getDelayedCalls()) == waiting + 1
    clock.advance(GAP_PATIENCE_S)
    await same(board, server, 3)
    server.draw(put("d"))
    await doing(board.caught_up(4))
    clock.advance(GAP_PATIENCE_S * 3)
    await doing(board.at(0))
    assert (len(server.asked("open")), len(server.resumed)) == (1, 2)


async def test_B31_where_too_much_was_missed_the_board_is_opened_afresh(
    server: BoardServer, board: Board, clock: Clock
) -> None:
    server.draw(put("a"), lost=True)
    server.forgetful = True
    server.draw(put("b"))
    await doing(board.at(0))
    fresh = told(board, "board.opened")
    clock.advance(GAP_PATIENCE_S)
    assert (await fresh)["seq"] == 2
    assert board.state() == server.model.state()
    server.draw(put("c"))
    await doing(board.caught_up(3))
    assert len(server.asked("open")) == 2


async def test_B31_a_gap_that_comes_while_it_is_opened_is_resumed(server: BoardServer, arrive: Arrive) -> None:
    clock = Clock()
    lesson = await arrive(clock=clock)
    release, opening = await half_open(lesson, server)
    server.draw(put("a"), lost=True)
    server.draw(put("b"))
    await doing(lesson._connection.call("tutorwamp.board.at", lesson_id=lesson.id, seq=0))
    clock.advance(GAP_PATIENCE_S)
    release()
    board = await opening
    await same(board, server, 2)
    assert len(server.asked("open")) == 1


async def test_B31_a_gap_that_comes_while_another_is_waited_for_has_its_own_time(
    server: BoardServer, board: Board, clock: Clock
) -> None:
    server.losing = True
    for name in "abcd":
        server.draw(put(name))
    for seq in (2, 1, 4):
        server.publish(seq)
    await doing(board.at(0))
    resumed = len(server.resumed)
    clock.advance(GAP_PATIENCE_S)
    await doing(board.at(0))
    assert (board.head, len(server.resumed)) == (2, resumed)
    clock.advance(GAP_PATIENCE_S)
    await same(board, server, 4)
    assert len(server.resumed) == resumed + 1


async def test_B31_a_server_that_has_forgotten_is_believed(server: BoardServer, board: Board, clock: Clock) -> None:
    server.draw(put("a"))
    await doing(board.caught_up(1))
    server.losing = True
    server.draw(put("b"))
    server.draw(put("c"))
    server.publish(3)
    await doing(board.at(0))
    server.model = BoardModel()  # a backup was brought back
    fresh = told(board, "board.opened")
    clock.advance(GAP_PATIENCE_S)
    await fresh
    clock.advance(GAP_PATIENCE_S)
    await doing(board.at(0))
    assert len(server.asked("open")) == 2
    assert board.state() == server.model.state()


async def test_B31_an_event_that_makes_no_sense_opens_the_board_afresh(server: BoardServer, board: Board) -> None:
    server.draw(put("a"))
    await doing(board.caught_up(1))
    nonsense = {"op": "append", "by": "other", "id": "unknown", "version": 2, "points": [[0, 0]]}
    server.model._tell("other", "board.changed", changes=[nonsense])
    fresh = told(board, "board.opened")
    server.publish(2)
    await fresh
    assert (board.head, list(board.elements)) == (2, ["a"])
    assert len(server.asked("open")) == 2


async def test_B31_an_answer_whose_event_is_lost_is_resumed(server: BoardServer, board: Board, clock: Clock) -> None:
    server.losing = True
    putting = doing(board.put(box("a")))
    await server.next("submit")
    await doing(board.at(0))  # the put was answered before
    assert not putting.called
    clock.advance(GAP_PATIENCE_S)
    await putting
    assert list(board.elements) == ["a"]


async def test_B31_after_a_loss_what_was_missed_is_resumed(server: BoardServer, arrive: Arrive) -> None:
    lesson = await arrive()
    board = await lesson.board()
    await board.put(box("a"))
    cut(lesson._connection)
    server.draw(put("b"), lost=True)
    await same(board, server, 2)
    server.draw(put("c"))
    await doing(board.caught_up(3))
    assert list(board.elements) == ["a", "b", "c"]
    assert len(server.asked("open")) == 1


async def test_B31_what_happens_while_it_is_opened_afresh_is_not_lost(server: BoardServer, arrive: Arrive) -> None:
    lesson = await arrive()
    board = await lesson.board()
    server.forgetful = True
    server.draw(put("a"))
    await doing(board.caught_up(1))
    server.losing = True
    release, asked = server.hold("open"), server.next("open")
    cut(lesson._connection)
    server.draw(put("b"))
    server.losing = False
    await asked
    server.draw(put("c"))
    await doing(board.at(0))
    release()
    await same(board, server, 3)
    assert len(server.asked("open")) == 2


async def test_B31_a_loss_while_it_is_opened_only_takes_longer(server: BoardServer, arrive: Arrive) -> None:
    lesson = await arrive()
    release, opening = await half_open(lesson, server)
    again = server.next("open")
    cut(lesson._connection)
    await again
    server.draw(put("a"))
    release()
    board = await opening
    await same(board, server, 1)


async def test_B31_unanswered_submissions_are_sent_again_in_their_order(server: BoardServer, arrive: Arrive) -> None:
    lesson = await arrive()
    board = await lesson.board()
    release, asked = server.hold("submit"), server.next("submit")
    putting = [doing(board.put(box(name))) for name in "abc"]
    await asked
    again = server.next("submit")
    cut(lesson._connection)
    await again
    release()
    answers = await gatherResults(putting)
    assert [answer["seq"] for answer in answers] == [1, 2, 3]
    sent = [(arguments["changes"][0]["element"]["id"], arguments["client_id"]) for arguments in server.asked("submit")]
    assert [name for name, _ in sent] == ["a", "a", "b", "c"]
    assert sent[0] == sent[1]
    assert board.state() == server.model.state()


async def test_a_board_that_cannot_be_opened_says_why_and_may_be_asked_for_again(
    server: BoardServer, arrive: Arrive
) -> None:
    lesson = await arrive()
    server.refusing["open"] = ApplicationError("tutorwamp.error.not_found", message="No.")
    await refused("tutorwamp.error.not_found", lesson.board())
    server.refusing.clear()
    board = await lesson.board()
    heard = told(board, "board.changed")
    server.draw(put("a"))
    await heard
    assert list(board.elements) == ["a"]


async def test_nobody_waits_for_a_lesson_that_is_over(server: BoardServer, arrive: Arrive) -> None:
    clock = Clock()
    lesson = await arrive(clock=clock)
    board = await lesson.board()
    waiting = doing(refused(CallError, board.caught_up(9)))
    before = clock.getDelayedCalls()
    server.losing = True
    server.draw(put("a"), put("b"))
    server.draw(put("c"))
    server.publish(2)
    await doing(board.at(0))
    await lesson.leave()
    assert (await waiting).uri == "wamp.close.normal"
    assert clock.getDelayedCalls() == before
    for asked in (board.caught_up(9), lesson.board()):
        await refused(Disconnected, asked)


async def test_B31_a_lesson_that_is_over_is_not_opened_again(server: BoardServer, arrive: Arrive) -> None:
    lesson = await arrive()
    board = await lesson.board()
    lesson.close(None)
    back = Watcher(lesson._connection).next("connected")
    cut(lesson._connection)
    await back
    await doing(board.at(0))
    assert len(server.asked("open")) == 1


async def test_nobody_waits_on_a_closed_connection(server: BoardServer, arrive: Arrive) -> None:
    lesson = await arrive()
    board = await lesson.board()
    waiting = doing(refused(CallError, board.caught_up(1)))
    await lesson._connection.close()
    assert (await waiting).uri == "wamp.close.normal"
    await refused("wamp.close.normal", board.caught_up(1))
    server.draw(put("a"))
    await opened(lesson._connection)
    await same(board, server, 1)
