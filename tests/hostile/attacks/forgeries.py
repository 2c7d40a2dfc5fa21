"""Item 2: messages only the router or a component may send, and messages in a state where they do not belong."""

from __future__ import annotations

from typing import Any, Final

from tests.hostile.enemy import Enemy, attack
from tests.hostile.wire import CALL, ERROR, HELLO, REALM, ROLES, YIELD, Wamp

FORGED: Final = "tutorwamp.error.conflict"
SEARCHED: Final = 4_000
"""Ids tried to find out where the router is."""
WINDOW: Final = 40
"""Ids ahead of that, forged again and again."""


def errors(begins: int, count: int) -> list[list[Any]]:
    """For each of these invocations."""
    return [[ERROR, 68, n, {}, FORGED, [], {"message": "forged", "n": n}] for n in range(begins, begins + count)]


def results(begins: int, count: int) -> list[list[Any]]:
    """The same."""
    return [[YIELD, n, {}, [{"id": "forged"}]] for n in range(begins, begins + count)]


@attack(2, "ERROR and YIELD for other people's invocations, for a moving window of ids")
def forged_answers(enemy: Enemy) -> None:
    """A call of one's own, forged at once, tells which id the router has reached; then the ids that come next."""
    with enemy.session("student") as session:
        begins = _reached(enemy, session)
        for _ in range(enemy.many(150)):
            session.burst(errors(begins, WINDOW))
            begins = _reached(enemy, session, begins)
        session.burst(results(begins, WINDOW))
        session.call("tutorwamp.session.whoami")


def _reached(enemy: Enemy, session: Wamp, begins: int = 1) -> int:
    """The id of our own call, as its forged error tells; where it was not forged, ``begins``."""
    number = next(session._numbers)
    call = [CALL, number, {}, "tutorwamp.session.whoami", [], {}]
    session.burst([call, *errors(begins, SEARCHED if begins == 1 else WINDOW)])
    error, answer = session.outcome(number)
    enemy.note(error or "answered")
    return int(answer["n"]) if error == FORGED and "n" in answer else begins


def misplaced(number: int) -> list[list[Any]]:
    """Messages a client never sends, or not now."""
    return [
        [HELLO, REALM, {"roles": ROLES}], [2, 1, {"roles": {"broker": {}}}], [4, "ticket", {}], [5, "x", {}],
        [17, number, 1], [33, number, 1], [35, number], [36, 1, 1, {}, [], {"type": "message.created"}], [50, number,
        {}, [{}]],
        [64, number, {}, "tutorwamp.chat.send"], [64, number, {}, f"x.{number}"], [66, number, 1], [65, number, 1],
        [67, number],
        [68, 1, 1, {}], [69, 1, {}], [49, 999_999, {}], [ERROR, 48, number, {}, FORGED], [ERROR, 32, number, {},
        FORGED],
        [16, number, {"acknowledge": True}, "tutorwamp.gate.revoked", [], {}], [32, number, {"match": "prefix"},
        "tutorwamp"],
        [48, number, {}, "wamp.session.kill", [1]], [48, number, {}, "tutorwamp.gate.status", []], [99, 1], [], [[]],
        ["x"],
    ]  # fmt: skip


@attack(2, "every message of the protocol in a state where it does not belong")
def misplaced_messages(enemy: Enemy) -> None:
    for message in enemy.random.sample(misplaced(7), 8):
        ticket = enemy.ticket("student") if enemy.random.random() < 0.7 else None
        with enemy.unless_ended(), Wamp(enemy.port, enemy.serializer(), ticket) as session:
            session.say(message)
            enemy.note(f"answered with {session.hear(0.3)[0]}")
