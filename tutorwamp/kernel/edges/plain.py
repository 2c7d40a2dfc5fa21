"""JSON as the contract knows it, read within a budget: what costs more than it may is refused before it is built.

Plain values: null, booleans, integers within 2**53, finite numbers, text that is valid Unicode without NUL, lists, and
objects. JSON can write others (``1e400``, half a surrogate pair), and somewhere behind us each of them is trouble.
"""

from __future__ import annotations

import json
import math
import re
from itertools import islice
from typing import Any, Final

from tutorwamp.kernel.edges.arguments import loc
from tutorwamp.kernel.errors import Invalid, Malformed, TooLarge

DEPTH_AT_MOST: Final = 64
"""Lists and objects inside each other, over either door; the deepest of the contract are six."""
VALUES_AT_MOST: Final = 262_144
"""In one body or message, keys among them: some fifty milliseconds of reading."""
INTEGER_AT_MOST: Final = 2**53
"""As far as every client counts exactly."""
_TEXT: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def read_json(raw: bytes, values_at_most: int = VALUES_AT_MOST) -> Any:
    """The value, which is plain. A byte order mark is passed over.

    Raises TooLarge, Malformed for what is no JSON in UTF-8, or Invalid with the place of what is not plain.
    """
    if _values_in(raw, values_at_most) > values_at_most:
        raise TooLarge("The body has too many values.", details={"values_at_most": values_at_most})
    try:
        value = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed("The body is not JSON in UTF-8.") from error
    require_plain(value)
    return value


def require_plain(value: Any) -> None:
    """Raise Invalid, with the place, for something in a value of JSON that is not plain."""
    level = [value]
    for _ in range(DEPTH_AT_MOST + 1):
        inner: list[Any] = []
        for part in level:
            kind = type(part)
            if kind is list:
                inner += part
            elif kind is dict:
                inner += part
                inner += part.values()
            elif kind is str:
                if not part.isascii() or "\0" in part:
                    _require_plain_text(value, part)
            elif (kind is int or kind is float) and not -INTEGER_AT_MOST <= part <= INTEGER_AT_MOST:
                _require_plain_number(value, part)
        if not inner:
            return
        level = inner
    raise Invalid("This is not what the contract knows.", details=[{"loc": [], "msg": f"deeper than {DEPTH_AT_MOST}"}])


def _require_plain_text(value: Any, text: str) -> None:
    if "\0" in text:
        raise _fault(value, text, "must not contain NUL")
    if not is_unicode(text):
        raise _fault(value, text, "must be valid Unicode")


def _require_plain_number(value: Any, number: float) -> None:
    if isinstance(number, int):
        raise _fault(value, number, "must be within 2**53")
    if not math.isfinite(number):
        raise _fault(value, number, "must be a finite number")


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can write it: half of a surrogate pair it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fault(value: Any, fault: object, message: str) -> Invalid:
    return Invalid("This is not what the contract knows.", details=[{"loc": _place_of(fault, value), "msg": message}])


def _place_of(fault: object, value: Any) -> list[str | int]:
    """Where it is, as far as that can be written; looked for only once something is wrong."""
    waiting: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while waiting:
        part, place = waiting.pop()
        if part is fault:
            return list(place)
        if isinstance(part, list):
            waiting.extend((inner, (*place, number)) for number, inner in enumerate(part))
        elif isinstance(part, dict):
            waiting.extend((inner, (*place, loc(key))) for key, inner in part.items())
            waiting.extend((key, place if not is_unicode(key) else (*place, loc(key))) for key in part)
    return []


def _values_in(raw: bytes, at_most: int) -> int:
    """As many as there are brackets, commas and colons, or fewer; those inside texts are left out where it matters."""
    if _marks_in(raw) <= at_most:
        return at_most
    texts = sum(1 for _ in islice(_TEXT.finditer(raw), at_most + 1))
    return texts if texts > at_most else _marks_in(_TEXT.sub(b"", raw))


def _marks_in(raw: bytes) -> int:
    return sum(map(raw.count, (b",", b":", b"[", b"{")))


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
