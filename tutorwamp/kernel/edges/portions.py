"""A large answer on its way out, in portions: whoever hands it on has other things to do between two of them.

The component writes what is long in it, its lists, as CBOR, a portion at a time, with a mark where each list stood. The
public door puts the answer together for its client (``gate/portions.py``); to who speaks CBOR the bytes go as they are.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import cbor2
from twisted.internet.task import deferLater

from tutorwamp.kernel.json_list import JsonList

Done = TypeVar("Done")

PORTIONED: Final = "portioned"
"""The keyword under which it goes from the component to the door. An answer that goes as it is has none."""
STEP_S: Final = 0.004
"""Of writing a large answer; then whoever else waits for this process is heard."""
LARGE_FROM_BYTES: Final = 64 * 1024
"""What is smaller goes as it is: about a millisecond's work."""
PORTION_BYTES: Final = 32 * 1024
"""About; some two milliseconds' work where all of it is numbers. A single value of a list may be more."""
LONG_FROM: Final = 8
"""Values in a list; one of objects is long whatever their number, for each may be a megabyte."""
DEPTH_AT_MOST: Final = 4
"""Of objects, in which long lists are looked for: ``streams``, a stream's name, ``events``."""
_MARK_BYTES: Final = 8
_AROUND_BYTES: Final = 48
"""Each portion's at most: its head and count, and of a list's first one the mark, twice."""

Portion = tuple[int, bytes]
"""So many values of a list, as CBOR, one after the other."""


@dataclass(frozen=True)
class Portioned:
    """An answer: what is short in it with a mark in each long list's place, and these lists by their marks."""

    rest: Any
    lists: Mapping[str, Sequence[Portion]]

    def plain(self) -> dict[str, Any]:
        """As it goes to the door."""
        return {PORTIONED: [self.rest, self.lists]}

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Portioned:
        """What came to the door."""
        return cls(*said[PORTIONED])


def portions(answer: dict[str, Any]) -> Generator[int, None, Portioned]:
    """Write an answer; yields the bytes of each portion."""
    long: dict[str, Sequence[Any]] = {}
    # Nobody knows the mark before, so that no text of anybody's can be one.
    rest = _marked(answer, secrets.token_hex(_MARK_BYTES), long, DEPTH_AT_MOST)
    yield len(cbor2.dumps(rest))
    lists: dict[str, list[Portion]] = {}
    for mark, values in long.items():
        lists[mark] = written = []
        for portion in _written(values, _as_cbor):
            written.append(portion)
            yield len(portion[1]) + _AROUND_BYTES
    return Portioned(rest, lists)


def as_json(answer: dict[str, Any], write: Callable[[Any], bytes]) -> Generator[int, None, bytes]:
    """The same for REST: in the end all of it, as ``write`` would write it, with ", " between the values of a list."""
    long: dict[str, Sequence[Any]] = {}
    rest = write(_marked(answer, secrets.token_hex(_MARK_BYTES), long, DEPTH_AT_MOST))
    yield len(rest)
    pieces: list[bytes] = []
    for mark, values in long.items():
        before, _, rest = rest.partition(write(mark))
        pieces += (before, b"[")
        for number, (_, written) in enumerate(_written(values, lambda some: _as_json(some, write))):
            pieces += (b", " if number else b"", written)
            yield len(written)
        pieces.append(b"]")
    return b"".join((*pieces, rest))


async def with_rests(
    work: Generator[int, None, Done], reactor: Any, check: Callable[[int], None] = lambda _: None
) -> tuple[int, Done]:
    """Do the work and let others be heard now and then; the bytes, about which ``check`` is asked, and the outcome."""
    size, until_s = 0, reactor.seconds() + STEP_S
    while True:
        try:
            size += next(work)
        except StopIteration as done:
            return size, done.value
        check(size)
        if reactor.seconds() > until_s:
            await deferLater(reactor, 0)
            until_s = reactor.seconds() + STEP_S


def values_in(portion: Portion) -> list[Any]:
    """The values of a portion."""
    count, written = portion
    values: list[Any] = cbor2.loads(list_head(count) + written)
    return values


def list_head(count: int) -> bytes:
    """What a list of so many values begins with (RFC 8949, section 3.1)."""
    if count < 24:
        return bytes([0x80 | count])
    size = next(size for size in (1, 2, 4) if count < 1 << 8 * size)
    return bytes([0x98 + size.bit_length() - 1]) + count.to_bytes(size)


def read_out(value: Any, depth: int = DEPTH_AT_MOST) -> Any:
    """A small answer as it goes in one piece: lists that are written already are read."""
    if isinstance(value, JsonList):
        return value.read()
    if type(value) is dict and depth:
        return {key: read_out(part, depth - 1) for key, part in value.items()}
    return value


def _marked(value: Any, mark: str, long: dict[str, Sequence[Any]], depth: int) -> Any:
    if isinstance(value, JsonList) and not value:
        return []
    if isinstance(value, JsonList) or _is_long(value):
        name = f"{mark}{len(long):x}."
        long[name] = value
        return name
    if type(value) is dict and depth:
        return {key: _marked(part, mark, long, depth - 1) for key, part in value.items()}
    return value


def _is_long(value: Any) -> bool:
    return type(value) is list and (len(value) >= LONG_FROM or (len(value) > 0 and type(value[0]) is dict))


def _as_cbor(values: Sequence[Any]) -> bytes:
    read = values.read() if isinstance(values, JsonList) else values
    return cbor2.dumps(read)[len(list_head(len(values))) :]


def _as_json(values: Sequence[Any], write: Callable[[Any], bytes]) -> bytes:
    return values.inside().encode() if isinstance(values, JsonList) else write(values)[1:-1]


def _written(values: Sequence[Any], write: Callable[[Sequence[Any]], bytes]) -> Generator[Portion, None, None]:
    at, count = 0, 1
    while at < len(values):
        some = values[at : at + count]
        written = write(some)
        yield len(some), written
        at += len(some)
        count = max(1, min(2 * count, PORTION_BYTES * len(some) // max(1, len(written))))
