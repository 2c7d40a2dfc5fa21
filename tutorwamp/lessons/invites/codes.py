"""What an invite code looks like: pure. The numbers are those of docs/rules/lessons.md."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L and O, which look like digits, and no U."""
LENGTH: Final = 12
"""60 bits: with a million codes alive a billion guesses find one with a probability of 1 in 1,000."""
GROUP: Final = 4
CODE_PATTERN: Final = rf"^[ -]*(?:[0-9A-TV-Za-tv-z][ -]*){{{LENGTH}}}$"
"""What is read as a code."""
_LOOK_ALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})


def new_code(number: Callable[[int], int]) -> str:
    """L29: a code in groups, ``K7QD-93XM-4TFA``. ``number`` gives a random one below its argument."""
    letters = "".join(LETTERS[number(len(LETTERS))] for _ in range(LENGTH))
    return "-".join(letters[begin : begin + GROUP] for begin in range(0, LENGTH, GROUP))


def normal(typed: str) -> str:
    """L29: a code as it is compared, however it was typed."""
    return typed.upper().translate(_LOOK_ALIKES)


def digest(code: str) -> str:
    """L29: what is kept of a code. Who reads the database would have to try 2⁶⁰ of them within its life."""
    return hashlib.sha256(normal(code).encode()).hexdigest()
