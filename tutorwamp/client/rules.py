"""When to try again: how long to wait, and how to repeat something until it is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tutorwamp.client.errors import CallError

# Exponential backoff with full jitter: a random moment between now and a ceiling that grows with each failure.
# Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: of the variants compared there, full
# jitter makes a crowd that was thrown out together come back with the fewest attempts.
FIRST_CEILING_S: Final = 0.5
"""A blip is over by then, and a thousand clients spread over it are two joins per millisecond at most."""
GROWTH: Final = 2.0
"""The usual doubling: the server sees half the attempts each round."""
CEILING_CAP_S: Final = 20.0
"""Shorter than the grace time (30 s by default), so that even the last pause keeps one's place in a lesson."""

_ROUNDS_AT_MOST: Final = 64
"""Growth stops mattering long before; a float would overflow after some hundred rounds, which is one night offline."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Backoff:
    """How long to wait before try number ``tries + 1``."""

    first_ceiling_s: float = FIRST_CEILING_S
    growth: float = GROWTH
    ceiling_cap_s: float = CEILING_CAP_S

    def ceiling_s(self, tries: int) -> float:
        """The longest pause after so many failures in a row (1 or more)."""
        rounds = min(tries - 1, _ROUNDS_AT_MOST)
        return min(self.ceiling_cap_s, self.first_ceiling_s * self.growth**rounds)

    def pause_s(self, tries: int, chance: float, *, at_least_s: float = 0.0) -> float:
        """The pause itself; ``chance`` is a random number of 0 to 1.

        ``at_least_s`` is the server's wish. The jitter comes on top: everybody was told the same number.
        """
        return at_least_s + chance * self.ceiling_s(tries)


async def repeat(
    attempt: Callable[[], Awaitable[Answer]],
    *,
    pause: Callable[[int, CallError], Awaitable[object]],
    while_: Callable[[CallError], bool],
) -> Answer:
    """Attempt until it is answered. Raises the CallError for which ``while_`` is false."""
    tries = 0
    while True:
        try:
            return await attempt()
        except CallError as error:
            if not while_(error):
                raise
            tries += 1
            await pause(tries, error)
