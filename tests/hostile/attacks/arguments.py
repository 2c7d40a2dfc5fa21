"""Every procedure with arguments nobody should send; the fuzzer's, as fast as they go."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from tests.fuzz.hostile import Hostile
from tests.hostile.enemy import Enemy, attack
from tests.hostile.wire import packed
from tutorwamp.reference.catalogue import catalogue

CALLS: Final = 25
HUGE: Final = (7, ["x" * 1_100_000, [0] * 250_000, dict.fromkeys(map(str, range(90_000)))])
"""Once in so many calls, one of these."""


@cache
def _schemas() -> dict[str, Any]:
    found = catalogue()
    return {uri: found.fields(one.arguments) for uri, one in found.procedures.items()}


@attack(4, "odd and huge arguments of every procedure")
def odd_arguments(enemy: Enemy) -> None:
    schemas = _schemas()
    with enemy.session(enemy.random.choice(["tutor", "student", "stranger"])) as session:
        seed = str(enemy.random.random())
        hostile = Hostile(seed, catalogue().definitions, enemy.ground.ids, as_json=session.serializer == "json")
        for _ in range(CALLS):
            uri = enemy.random.choice(list(schemas))
            arguments = hostile.arguments(schemas[uri])
            if enemy.random.randrange(HUGE[0]) == 0:
                arguments["body"] = enemy.random.choice(HUGE[1])
            number = next(session._numbers)
            try:
                raw = packed([48, number, {}, uri, [], arguments], session.serializer)
            except (ValueError, TypeError, OverflowError):
                continue  # what this serializer cannot carry at all
            session.message(raw)
            error, _ = session.outcome(number, 5.0)
            enemy.note(error or "answered")
