"""Turn what came over the wire into a contract's model, or say what is wrong with it. Used by both doors."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Mapping
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from pydantic import ValidationError

from tutorwamp.kernel.contracts import Arguments, Value
from tutorwamp.kernel.errors import Invalid, TooLarge

ARGUMENTS_BYTES_AT_MOST: Final = 1_048_576
"""Of one call, roughly counted. Far above every argument of the contract (board.submit: 200 changes)."""
ARGUMENTS_VALUES_AT_MOST: Final = 16 * 1024
"""Of one call, keys among them, but for what draws on a board. The most that any other procedure takes is some hundred,
and of a thousand each process they pass through has a millisecond's work."""
FAULTS_AT_MOST: Final = 20
"""Shown to a caller; more do not help anybody."""
_INTEGER: Final = re.compile(r"-?[0-9]{1,16}", re.ASCII)


RECURSION_AT_MOST: Final = 1_000
"""Python's own default."""


def bound_recursion() -> None:
    """Let deeply nested JSON raise RecursionError again.

    ``py_ecc``, which Crossbar imports, raises Python's limit to 100,000: more than the C stack of Python 3.11 holds, so
    that a text of brackets, sent by anybody, would end the router or the components with a segmentation fault.
    """
    sys.setrecursionlimit(RECURSION_AT_MOST)


COLLECTIONS: Final = (5_000, 10, 800)
"""New objects before Python looks through them for cycles; looks before it goes through those of ten looks at once (a
pause of 10 ms, not more); and those before it goes through everything. Python's own 700, 10, 10 take half as long again
for reading a large message: they go through all of it a dozen times."""


def collect_seldom() -> None:
    """Look for unreachable cycles less often, and never through so many objects that others wait for it."""
    gc.set_threshold(*COLLECTIONS)


def spare_what_is_made() -> None:
    """Never look again for cycles among what there is now: all of what a process is made of, which stays.

    With Crossbar imported that is 232,000 objects, and each look at them a pause of 80 ms and more.
    """
    gc.collect()  # or what is garbage now, such as connections that were refused meanwhile, would stay for ever
    gc.freeze()


def check(model: type[Arguments], arguments: Mapping[str, Any], size: int | None = None) -> Arguments:
    """Make the arguments' model, or raise Invalid with every fault, or TooLarge. ``size``: where it is known."""
    if (size_of(arguments) if size is None else size) > ARGUMENTS_BYTES_AT_MOST:
        raise TooLarge("The arguments are too large.", details={"bytes_at_most": ARGUMENTS_BYTES_AT_MOST})
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise Invalid(
            "The arguments are not what the contract asks for.",
            details=[
                {"loc": [loc(part) for part in fault["loc"]], "msg": _sentence(fault["type"], fault["msg"])}
                for fault in faults[:FAULTS_AT_MOST]
            ],
        ) from None


def read_text(text: str, model: type[Value], name: str) -> Any:
    """A query's text as what the model's field wants; where it is not, it stays text and is refused.

    The values of a list stand behind one another, with commas between.
    """
    wanted = _types_in(model.model_fields[name].annotation) if name in model.model_fields else set()
    if bool in wanted and text in ("true", "false"):
        return text == "true"
    if any(get_origin(one) is list for one in wanted):
        return text.split(",") if text else []
    return int(text) if int in wanted and _INTEGER.fullmatch(text) else text


def _types_in(annotation: Any) -> set[Any]:
    """The plain types an annotation is made of: those of a union, without what pydantic adds."""
    if hasattr(annotation, "__metadata__"):
        return _types_in(annotation.__origin__)
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*(_types_in(part) for part in get_args(annotation)))
    return {annotation}


def _sentence(kind: str, sentence: str) -> str:
    """What is wrong. pydantic's own words for a missing object would tell the name of our class."""
    return "Input should be an object" if kind == "model_type" else sentence.removeprefix("Value error, ")


def loc(part: object) -> str | int:
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
        if isinstance(part, str):
            total += (len(part) if part.isascii() else len(part.encode("utf-8", "surrogatepass"))) + 2
        elif isinstance(part, bytes):
            total += len(part) + 2
        elif isinstance(part, (list, tuple)):
            total += 2
            waiting.extend(part)
        elif isinstance(part, (dict, Mapping)):  # only what is none of all these asks the slow second
            total += 2
            waiting.extend(part)
            waiting.extend(part.values())
        else:
            total += 5
    return total
