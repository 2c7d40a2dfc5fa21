"""Large answers are put together for their clients here: one after the other, a little in each turn of the reactor."""

from __future__ import annotations

import json
import struct
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import cbor2
import msgpack
from autobahn.wamp.message import Result
from pydantic_core import to_json

from tutorwamp.kernel.edges.portions import PORTIONED, Portion, Portioned, list_head, values_in
from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)

TURN_S: Final = 0.004
"""Then whoever else waits for this process is heard."""
WAITING_AT_MOST_BYTES: Final = 128 * 1024 * 1024
"""Of answers that are not put together yet: ten of the largest. Components are slower at writing than we are here."""
_LENGTH: Final = struct.Struct("!L")
"""Before each message of a batch."""


class Wire(Protocol):
    """A client's connection."""

    def is_there(self) -> bool:
        """Whether there is anybody to be told."""
        ...

    def put_together(self, said: Result, payload: bytes | None) -> None:
        """Send what is whole now; null: it cannot be written."""
        ...

    def turn_away(self, said: Result) -> None:
        """Tell somebody to come back."""
        ...


@dataclass(frozen=True)
class _Form:
    """How a serializer writes lists."""

    text: Callable[[str], bytes]
    head: Callable[[int], bytes]
    values: Callable[[Portion], bytes]
    """Of a portion, without the list around them."""
    between: bytes = b""
    end: bytes = b""


def _msgpack_head(count: int) -> bytes:
    if count < 16:
        return bytes([0x90 | count])
    return b"\xdc" + count.to_bytes(2) if count < 1 << 16 else b"\xdd" + count.to_bytes(4)


_FORMS: Final = {
    "cbor": _Form(cbor2.dumps, list_head, lambda portion: portion[1]),
    "msgpack": _Form(
        msgpack.packb,
        _msgpack_head,
        lambda portion: msgpack.packb(values_in(portion))[len(_msgpack_head(portion[0])) :],
    ),
    "json": _Form(
        lambda text: json.dumps(text).encode(),
        lambda _: b"[",
        lambda portion: to_json(values_in(portion))[1:-1],
        b",",
        b"]",
    ),
}
"""By WAMP's name."""


def is_portioned(said: Any) -> bool:
    """Whether this is an answer in portions."""
    return isinstance(said, Result) and bool(said.kwargs) and PORTIONED in said.kwargs


def whole(said: Result, serializer: Any) -> Generator[None, None, bytes]:
    """Such an answer as its client's serializer writes it; yields after each portion."""
    portioned = Portioned.read(said.kwargs)
    name, _, batched = serializer.SERIALIZER_ID.partition(".")
    form = _FORMS[name]
    said.args, said.kwargs = [portioned.rest], None
    payload, binary = serializer.serialize(said)
    pieces: list[bytes] = []
    rest = payload[_LENGTH.size :] if batched and binary else payload
    for mark, portions in portioned.lists.items():
        before, _, rest = rest.partition(form.text(mark))
        pieces += (before, form.head(sum(count for count, _ in portions)))
        for number, portion in enumerate(portions):
            pieces += (form.between if number else b"", form.values(portion))
            yield
        pieces.append(form.end)
    made = b"".join((*pieces, rest))
    return _LENGTH.pack(len(made)) + made if batched and binary else made


class Desk:
    """Where they are put together."""

    def __init__(self, reactor: Any, now_s: Callable[[], float] = time.monotonic) -> None:
        self._reactor, self._now_s = reactor, now_s
        self._waiting: deque[tuple[Wire, Result, Generator[None, None, bytes], int]] = deque()
        self._waiting_bytes = 0

    def add(self, wire: Wire, said: Result, serializer: Any) -> None:
        """Put it together for this client and send it; what has little in it at once, where nobody is before it."""
        size = _size_of(said)
        if self._waiting_bytes + size > WAITING_AT_MOST_BYTES:
            wire.turn_away(said)
            return
        self._waiting.append((wire, said, whole(said, serializer), size))
        self._waiting_bytes += size
        if len(self._waiting) == 1:
            self._turn()

    def _turn(self) -> None:
        until_s = self._now_s() + TURN_S
        while self._waiting and self._now_s() < until_s:
            try:
                self._go_on()
            except Exception:  # whatever it was, the next one waits
                log.exception("a large answer could not be sent")
        if self._waiting:
            self._reactor.callLater(0, self._turn)

    def _go_on(self) -> None:
        wire, said, work, size = self._waiting[0]
        payload = None
        if wire.is_there():
            try:
                next(work)
                return
            except StopIteration as done:
                payload = done.value
            except Exception:
                log.exception("a large answer could not be written")
        self._waiting.popleft()
        self._waiting_bytes -= size
        if wire.is_there():
            wire.put_together(said, payload)


def _size_of(said: Result) -> int:
    return sum(len(written) for portions in Portioned.read(said.kwargs).lists.values() for _, written in portions)
