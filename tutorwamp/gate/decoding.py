"""What the public door reads: plain values, whichever serializer a client speaks, and bounded before they are built.

Plain: null, booleans, integers within 2**53, finite numbers, text that is valid Unicode without NUL, lists, and objects
with text keys (of a key that comes twice the last value counts, in all three). No tags of CBOR, no extensions of
msgpack, no bytes. What is not plain, or too much, is either in the arguments of a CALL or PUBLISH, whose sender can be
told; or the message is broken. Before the arguments ``undefined`` is nothing, and a whole float an integer: JavaScript
clients write so in CBOR and msgpack. A single value of a call becomes NUL: no procedure takes a text with NUL, so the
answer is ``tutorwamp.error.invalid`` and says where it stood, and of many changes of a board one alone is rejected
(B14).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import cbor2
import msgpack

from tutorwamp.kernel.edges.plain import DEPTH_AT_MOST, INTEGER_AT_MOST, VALUES_AT_MOST, is_unicode

NUL: Final = "\0"
_NOT_PLAIN: Final = object()
_UNDEFINED: Final = cbor2.undefined
_UNDEFINED_IN_MSGPACK: Final = (0, b"\0")
"""The extension by which JavaScript's libraries write it."""
MESSAGES_AT_MOST: Final = 100
"""In one batch."""
HEAD_BYTES: Final = 4096
"""In so many of its first bytes a CALL or PUBLISH must say what it is."""
HEAD_ITEMS: Final = 4
"""Kind, request, options, URI. Behind them stand the arguments: a list and an object."""
CALL: Final = 48
PUBLISH: Final = 16
_ASKS: Final = b"acknowledge"
"""In a PUBLISH that is to be answered."""


class BrokenError(Exception):
    """What came is no message, or its fault is not in its arguments alone. The connection ends."""


@dataclass(frozen=True)
class Head:
    """What a CALL or PUBLISH says before its arguments."""

    kind: int
    request: int
    options: dict[str, Any]
    uri: str


@dataclass(frozen=True)
class Refused:
    """A CALL or PUBLISH whose head is sound, and whose arguments cannot be read or are too many (``too_large``)."""

    head: Head
    too_large: bool = False


class _Fault(Exception):
    """Something that is not plain."""


class _TooMany(Exception):
    """More values than one message may have."""


def read(serializer: str, payload: bytes, values_at_most: int = VALUES_AT_MOST) -> list[list[Any] | Refused]:
    """The messages of one payload; ``serializer`` is WAMP's name for it, as ``cbor`` or ``json.batched``.

    Each has so many values at most. Raises BrokenError.
    """
    name, _, batched = serializer.partition(".")
    wire = WIRES[name]
    parts = list(wire.parts(payload)) if batched else [payload]
    if not 0 < len(parts) <= MESSAGES_AT_MOST:
        raise BrokenError("no message, or too many at once")
    return [_read(wire, part, values_at_most) for part in parts]


def read_head(serializer: str, begin: bytes) -> Head | None:
    """What a CALL or PUBLISH says in its first bytes; None of what is none, or not plain."""
    name, _, batched = serializer.partition(".")
    wire = WIRES[name]
    return _head(wire, begin[wire.prefix if batched else 0 :])


def is_publication(serializer: str, payload: bytes) -> bool:
    """Whether it surely is a PUBLISH that asks for no answer, by its first bytes; of others it does not say."""
    begin = WIRES[serializer].publication if serializer in WIRES else None
    return begin is not None and begin.match(payload) is not None and _ASKS not in payload


def _read(wire: _Wire, payload: bytes, values_at_most: int) -> list[Any] | Refused:
    too_large = False
    try:
        if len(payload) > values_at_most:  # a value has a byte at least
            wire.count(payload, values_at_most)
        message = wire.load(payload)
        if type(message) is list and _shaped(message):
            return _plain(_as_json_says(message))
    except _TooMany:
        too_large = True
    except Exception:  # noqa: BLE001, S110  # each library raises what it likes; what it stands for is said below
        pass
    head = _head(wire, payload)
    if head is None:
        raise BrokenError("not a message of plain values")
    return Refused(head, too_large=too_large)


def _as_json_says(message: list[Any]) -> list[Any]:
    """The same, with what stands before the arguments as a client would have written it in JSON."""
    return [*map(_as_json_says_it, message[:HEAD_ITEMS]), *message[HEAD_ITEMS:]]


def _as_json_says_it(item: Any) -> Any:
    if type(item) is dict:
        return {key: value for key, value in item.items() if value is not _UNDEFINED}
    return int(item) if type(item) is float and item.is_integer() else item


def _plain(message: list[Any]) -> list[Any]:
    try:
        _look_through(message)
    except _Fault:
        head, arguments = message[:HEAD_ITEMS], message[HEAD_ITEMS:]
        if message[0] != CALL or not _is_head(head):
            raise
        return [*head, *(_marked(part, 1) for part in arguments)]
    return message


def _marked(value: Any, depth: int) -> Any:
    """The same with NUL in the place of what is not plain."""
    if type(value) not in (list, dict):
        return value if _is_plain(value) else NUL
    if depth >= DEPTH_AT_MOST:
        raise _Fault
    if type(value) is list:
        return [_marked(part, depth + 1) for part in value]
    return {
        key if type(key) is str and _is_plain(key) else NUL: _marked(part, depth + 1) for key, part in value.items()
    }


def _is_plain(value: Any) -> bool:
    try:
        _look_through([value])
    except _Fault:
        return False
    return True


def _head(wire: _Wire, begin: bytes) -> Head | None:
    try:
        items = _as_json_says(wire.first(begin[:HEAD_BYTES], HEAD_ITEMS))
    except Exception:  # noqa: BLE001  # as above
        return None
    return Head(*items) if _is_head(items) else None


def _is_head(items: list[Any]) -> bool:
    return list(map(type, items)) == [int, int, dict, str] and items[0] in (CALL, PUBLISH) and _is_plain(items)


def _shaped(message: list[Any]) -> bool:
    """Whether what stands where arguments belong could be some."""
    if not message or message[0] not in (CALL, PUBLISH) or len(message) <= HEAD_ITEMS:
        return True
    positional, *by_keyword = message[HEAD_ITEMS:]
    return (positional is None or type(positional) is list) and list(map(type, by_keyword)) in ([], [dict])


def _look_through(message: list[Any]) -> None:  # noqa: C901, PLR0912  # one loop: a call for each value would double it
    """Raise where something in it is not plain: the libraries let through more. Level by level, without recursion."""
    holders: list[Any] = [message]
    for _ in range(DEPTH_AT_MOST):
        inner: list[Any] = []
        for holder in holders:
            parts = holder
            if type(holder) is dict:
                for key in holder:
                    if type(key) is not str or "\0" in key or not (key.isascii() or is_unicode(key)):
                        raise _Fault
                parts = holder.values()
            for part in parts:
                kind = type(part)
                if kind is float:
                    if part - part != 0.0:  # infinite, or no number
                        raise _Fault
                elif kind is str:
                    if "\0" in part or not (part.isascii() or is_unicode(part)):
                        raise _Fault
                elif kind is list or kind is dict:
                    inner.append(part)
                elif kind is int:
                    if not -INTEGER_AT_MOST <= part <= INTEGER_AT_MOST:
                        raise _Fault
                elif kind is not bool and part is not None:
                    raise _Fault
        if not inner:
            return
        holders = inner
    raise _Fault


def _length_prefixed(payload: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(payload):
        begin, at = at + 4, at + 4 + int.from_bytes(payload[at : at + 4])
        if at > len(payload):
            raise BrokenError("a batch that does not end")
        yield payload[begin:at]


def _not_plain(*_: object) -> object:
    """In the place of what a tag or an extension would make of a value."""
    return _NOT_PLAIN


# JSON, RFC 8259. A message has as many values as commas, colons and brackets, or fewer.

_JSON: Final = json.JSONDecoder()
_JSON_TEXT: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_JSON_BEGINS: Final = re.compile(r"[ \t\r\n]*\[[ \t\r\n]*")
_JSON_GOES_ON: Final = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")


def _count_json(payload: bytes, at_most: int) -> None:
    if sum(map(payload.count, (b",", b":", b"[", b"{"))) > at_most:
        raise _TooMany


def _load_json(payload: bytes) -> Any:
    # Python's reader goes into as many levels as it may, in some processes more than the stack has room for.
    if payload.count(b"[") + payload.count(b"{") > DEPTH_AT_MOST:
        brackets = _JSON_TEXT.sub(b"", payload).translate(None, _NO_BRACKETS)
        for _ in range(DEPTH_AT_MOST):
            brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")  # the innermost
        if brackets:
            raise _Fault
    return _JSON.decode(payload.decode())


def _first_of_json(begin: bytes, count: int) -> list[Any]:
    text = begin.decode(errors="ignore")  # a character that is cut off at the end
    found = _JSON_BEGINS.match(text)
    items: list[Any] = []
    while found and len(items) < count:
        item, end = _JSON.raw_decode(text, found.end())
        items.append(item)
        found = _JSON_GOES_ON.match(text, end)
    return items


def _parts_of_json(payload: bytes) -> Iterator[bytes]:
    *parts, rest = payload.split(b"\x18", MESSAGES_AT_MOST + 1)
    if rest:
        raise BrokenError("a batch that does not end")
    yield from parts


# CBOR and msgpack: every value begins with a byte that says how long its head is, and a text's is followed by the text.


def _count(payload: bytes, at_most: int, heads: bytes, text: Callable[[int], int | None]) -> None:
    """Go from head to head; ``heads`` has their lengths by the first byte.

    ``text``: of a first byte, the length of the text behind the head, -1 where the head's rest says it, else None.
    """
    at, end = 0, len(payload)
    for _ in range(at_most + 1):
        if at >= end:
            return
        first = payload[at]
        begin, at = at + 1, at + heads[first]
        length = text(first)
        if length is not None:
            at += length if length >= 0 else int.from_bytes(payload[begin:at])
    raise _TooMany


_CBOR_HEADS: Final = bytes(1 + (1 << (first & 31) - 24 if 24 <= first & 31 < 28 else 0) for first in range(256))
_CBOR_STRICT: Final[dict[str, Any]] = {
    "max_depth": DEPTH_AT_MOST,
    "strict_hashable_types": True,  # keys whose hashes a client could choose are refused before they are put anywhere
    "tag_hook": _not_plain,
    # Those cbor2 knows, and any it will learn: shared references above all, by which few bytes become a great deal.
    "semantic_decoders": dict.fromkeys(range(0x10000), _not_plain),
}


def _text_of_cbor(first: int) -> int | None:
    return None if not 0x40 <= first < 0x80 else first & 31 if first & 31 < 24 else -1


def _count_cbor(payload: bytes, at_most: int) -> None:
    _count(payload, at_most, _CBOR_HEADS, _text_of_cbor)


def _load_cbor(payload: bytes) -> Any:
    return cbor2.loads(payload, **_CBOR_STRICT)


def _first_of_cbor(begin: bytes, count: int) -> list[Any]:
    low = begin[0] & 31
    if begin[0] >> 5 != 4:
        raise _Fault
    head = _CBOR_HEADS[begin[0]]
    length = low if low < 24 else count if low == 31 else int.from_bytes(begin[1:head])
    decoder = cbor2.CBORDecoder(BytesIO(begin[head:]), **_CBOR_STRICT)
    return [decoder.decode() for _ in range(min(count, length))]


_MSGPACK_HEADS: Final = bytes(
    {
        **dict.fromkeys((0xC4, 0xCC, 0xD0, 0xD9), 2),
        **dict.fromkeys((0xC5, 0xCD, 0xD1, 0xDA, 0xDC, 0xDE), 3),
        **dict.fromkeys((0xC6, 0xCA, 0xCE, 0xD2, 0xDB, 0xDD, 0xDF), 5),
        **dict.fromkeys((0xCB, 0xCF, 0xD3), 9),
    }.get(first, 1)
    for first in range(256)
)


def _text_of_msgpack(first: int) -> int | None:
    if 0xA0 <= first < 0xC0:
        return first & 31
    return -1 if first in (0xC4, 0xC5, 0xC6, 0xD9, 0xDA, 0xDB) else None


def _count_msgpack(payload: bytes, at_most: int) -> None:
    _count(payload, at_most, _MSGPACK_HEADS, _text_of_msgpack)


def _extension(*said: object) -> object:
    return _UNDEFINED if said == _UNDEFINED_IN_MSGPACK else _NOT_PLAIN


def _load_msgpack(payload: bytes) -> Any:
    # A list is as large as it says before its values are there: so first whether all of them are.
    whole = msgpack.Unpacker(max_buffer_size=len(payload), read_size=len(payload))
    whole.feed(payload)
    whole.skip()
    return msgpack.unpackb(payload, ext_hook=_extension)


def _first_of_msgpack(begin: bytes, count: int) -> list[Any]:
    items = msgpack.Unpacker(ext_hook=_extension, max_array_len=DEPTH_AT_MOST, max_map_len=DEPTH_AT_MOST)
    items.feed(begin)
    return [items.unpack() for _ in range(min(count, items.read_array_header()))]


@dataclass(frozen=True)
class _Wire:
    """One serialization."""

    count: Callable[[bytes, int], None]
    """Raises _TooMany, before anything is built."""
    load: Callable[[bytes], Any]
    """A whole message; raises anything."""
    first: Callable[[bytes, int], list[Any]]
    """The first values of the list it is; raises anything."""
    parts: Callable[[bytes], Iterator[bytes]] = _length_prefixed
    """The messages of a batch."""
    prefix: int = 4
    """Bytes before a message in a batch."""
    publication: re.Pattern[bytes] | None = None
    """How a PUBLISH begins, as libraries write it."""


WIRES: Final = {
    "cbor": _Wire(_count_cbor, _load_cbor, _first_of_cbor, publication=re.compile(rb"[\x84-\x86]\x10")),
    "msgpack": _Wire(_count_msgpack, _load_msgpack, _first_of_msgpack, publication=re.compile(rb"[\x94-\x96]\x10")),
    "json": _Wire(_count_json, _load_json, _first_of_json, _parts_of_json, 0, re.compile(rb"\[ ?16 ?,")),
}
"""By WAMP's name."""
