"""What a ``Range`` asks for, and what is answered (RFC 9110, 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from twisted.web.iweb import IRequest

_RANGE: Final = re.compile(rb"([0-9]{0,18})-([0-9]{0,18})")


def one_range(asked: bytes, size: int) -> tuple[int, int] | None:
    """The first and last byte of what a ``Range`` asks of a file of this size; null where that is not one range.

    Ranges that touch or overlap are one. One behind the end stays as it is, to be told so.
    """
    unit, _, said = asked.partition(b"=")
    parts = [part.strip() for part in said.split(b",") if part.strip()]
    found = [_RANGE.fullmatch(part) for part in parts]
    if unit.strip() != b"bytes" or not found or size == 0:
        return None
    spans = []
    for part in found:
        if part is None or not (part[1] or part[2]):
            return None
        begin, end = (int(part[1]), int(part[2] or size - 1)) if part[1] else (max(0, size - int(part[2])), size - 1)
        if part[1] and part[2] and begin > end:
            return None  # the other way round it is none, and the header says nothing (RFC 9110, 14.1.1)
        spans.append((begin, max(begin, min(end, size - 1))))
    reached = sorted(span for span in spans if span[0] < size) or spans[:1]
    span = reached[0]
    for begin, end in reached[1:]:
        if begin > span[1] + 1:
            return None
        span = (span[0], max(span[1], end))
    return span


@dataclass(frozen=True)
class Part:
    """What of a file is asked for.

    ``is_all``: the file as it is; else so many bytes from ``begin`` on, none where there is no such part.
    """

    is_all: bool
    begin: int
    count: int


def part_asked(http: IRequest, size: int, etag: str) -> Part:
    """What the headers ask of a file of this size. A range that belongs to another version counts for nothing."""
    asked = b",".join(http.requestHeaders.getRawHeaders(b"range", []))
    if_range = http.requestHeaders.getRawHeaders(b"if-range", [etag.encode()])
    span = one_range(asked, size) if http.method == b"GET" and if_range == [etag.encode()] else None
    if span is None:
        return Part(is_all=True, begin=0, count=size)
    begin, end = span
    return Part(is_all=False, begin=begin, count=max(0, end - begin + 1) if begin < size else 0)
