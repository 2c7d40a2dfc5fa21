"""Turn what came over the wire into a contract's model, or say what is wrong with it. Used by both doors."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from tutorwamp.kernel.contracts import Arguments
from tutorwamp.kernel.errors import Invalid, TooLarge

ARGUMENTS_BYTES_AT_MOST: Final = 1_048_576
"""Of one call, roughly counted. Far above every argument of the contract (board.submit: 200 changes)."""
FAULTS_AT_MOST: Final = 20
"""Shown to a caller; more do not help anybody."""


RECURSION_AT_MOST: Final = 1_000
"""Python's own default."""


def bound_recursion() -> None:
    """Let deeply nested JSON raise RecursionError again.

    ``py_ecc``, which Crossbar imports, raises Python's limit to 100,000: more than the C stack of Python 3.11 holds, so
    that a text of brackets, sent by anybody, would end the router or the components with a segmentation fault.
    """
    sys.setrecursionlimit(RECURSION_AT_MOST)


def check(model: type[Arguments], arguments: Mapping[str, Any]) -> Arguments:
    """Make the arguments' model, or raise Invalid with every fault, or TooLarge."""
    if size_of(arguments) > ARGUMENTS_BYTES_AT_MOST:
        raise TooLarge("The arguments are too large.", details={"bytes_at_most": ARGUMENTS_BYTES_AT_MOST})
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise Invalid(
            "The arguments are not what the contract asks for.",
            details=[
                {"loc": [_loc(part) for part in fault["loc"]], "msg": fault["msg"].removeprefix("Value error, ")}
                for fault in faults[:FAULTS_AT_MOST]
            ],
        ) from None


def _loc(part: object) -> str | int:
    """A place in the arguments; a hostile name may not make the answer large or unencodable."""
    if isinstance(part, int):
        return part
    return str(part).encode("utf-8", "replace").decode().replace("\0", "�")[:64]


def size_of(value: Any) -> int:
    """Roughly the bytes a value takes on the wire, counted without recursion and only as far as needed."""
    total = 0
    waiting = [value]
    while waiting and total <= ARGUMENTS_BYTES_AT_MOST:
        part = waiting.pop()
        if isinstance(part, (str, bytes)):
            total += len(part) + 2
        elif isinstance(part, Mapping):
            total += 2
            waiting.extend(part)
            waiting.extend(part.values())
        elif isinstance(part, (list, tuple)):
            total += 2
            waiting.extend(part)
        else:
            total += 5
    return total
