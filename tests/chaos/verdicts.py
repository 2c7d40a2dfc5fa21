"""The words for what is wrong, which all ledgers use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

Plain = dict[str, Any]
Events = Mapping[tuple[str, str], int]
"""How many events of a type there are about a thing."""
Verdict = Literal["lost", "doubled", "gap", "wrong"]
Found = tuple[Verdict, str]


def count_of(what: str, there: int, expected: range) -> Iterator[Found]:
    """Nothing where there are as many as there must be."""
    if there not in expected:
        yield "lost" if there < expected.start else "doubled", f"{there} instead of {expected}: {what}"
