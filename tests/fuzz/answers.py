"""What may be answered, whatever was asked: the contract's errors in their form, and nothing of our insides."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tutorwamp.reference.catalogue import catalogue

KEYWORDS: Final = {"message", "action", "details", "request_id"}
OURS: Final = frozenset({"tutorwamp.error.internal", "tutorwamp.error.unavailable"})
"""In the catalogue, and no answer to bad input: an exception nobody expected, and a deadline that passed."""
INSIDES: Final = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|object at 0x|<class|<function"
    r"|\b[A-Z]\w*(?:Error|Exception|Warning)\b|pydantic|sqlalchemy|sqlite|psycopg|twisted|autobahn|NoneType"
    r"|\b(?:SELECT|INSERT|UPDATE|DELETE|FROM|WHERE)\b|/(?:usr|tmp|home|root|var|work)/"
    r"|instance of|\b(?:dict|str|int|bool)\b"
    r"|\b[A-Z][a-z]+[A-Z][a-z]+\w*"
)
"""Words of tracebacks, SQL, paths, and names of Python's types and classes (two humps)."""
NAMES_FOR_PEOPLE: Final = re.compile(r"WebP\b|TypeScript|JavaScript")
ANSWER_CHARACTERS_AT_MOST: Final = 20_000
"""Twenty faults with their places and sentences; a hostile value may not come back in full."""


def faults(uri: str, positional: tuple[Any, ...], answer: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with an error."""
    known = catalogue().errors.get(uri)
    if known is None or uri in OURS:
        yield f"{uri} is no answer to this"
    elif positional or set(answer) != KEYWORDS:
        yield f"{uri} carries {positional!r:.200} and {sorted(map(str, answer))}"
    elif answer["action"] != known.action:
        yield f"{uri} says {answer['action']}"
    elif len(json.dumps(answer)) > ANSWER_CHARACTERS_AT_MOST:
        yield f"{uri} is {len(json.dumps(answer))} characters long"
    else:
        yield from leaks(answer)


def leaks(answer: Mapping[str, Any]) -> Iterator[str]:
    """Sentences that tell of our insides."""
    for sentence in _sentences(answer):
        found = INSIDES.search(NAMES_FOR_PEOPLE.sub("", sentence))
        if found:
            yield f"{found[0]!r} in {sentence[:300]!r}"


def _sentences(answer: Mapping[str, Any]) -> Iterator[str]:
    yield str(answer.get("message", answer.get("detail", "")))
    details = answer.get("details")
    for fault in details if isinstance(details, list) else ():
        yield str(fault.get("msg", ""))
