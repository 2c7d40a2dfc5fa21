"""Items 1 and 14: what is small on the wire and large, or endless, once it is decoded or written again."""

from __future__ import annotations

import json
from random import Random
from typing import Final

from tests.hostile.enemy import Enemy, attack
from tests.hostile.wire import SERIALIZERS, Serializer, Wamp, call_raw, hello_raw

SHAREABLE, REFERENCE = b"\xd8\x1c", b"\xd8\x1d"
NAMESPACE, STRING_REFERENCE = b"\xd9\x01\x00", b"\xd8\x19"
CALLED: Final = (
    "tutorwamp.chat.send",
    "tutorwamp.board.submit",
    "tutorwamp.session.heartbeat",
    "tutorwamp.chat.search",
)


def references(levels: int) -> bytes:
    """CBOR, a map whose key is a list of lists of lists, each ten times the same one inside it."""
    made = b"\x8a" + bytes(10)
    for level in reversed(range(levels)):
        made = SHAREABLE + b"\x8a" + made + 9 * (REFERENCE + bytes([level + 1]) if level + 1 < levels else b"\x00")
    return b"\xa1" + made + b"\x00"


def cbor_array(count: int) -> bytes:
    return b"\x9a" + count.to_bytes(4)


def repeated_text(length: int, times: int, *, by_string: bool) -> bytes:
    """CBOR, arguments: one long text, and references to it."""
    text = b"\x7a" + length.to_bytes(4) + b"x" * length
    if by_string:
        value = NAMESPACE + cbor_array(times + 1) + text + times * (STRING_REFERENCE + b"\x00")
    else:
        value = cbor_array(times + 1) + SHAREABLE + text + times * (REFERENCE + b"\x00")
    return b"\xa1\x64body" + value


def cbor_oddities() -> list[bytes]:
    """Values no JSON has."""
    number = b"\xc2\x59\xff\xff" + b"\xff" * 65_535
    texts = [
        b"\xc0\x74" + b"2026-11-30T00:00:00Z",
        b"\xd8\x23\x68(a+)+$aa",
        b"\xd8\x24\x65a:b\n\n",
        b"\xd8\x25\x50" + bytes(16),
    ]
    numbers = [
        number,
        b"\xc4\x82\x1a\x3b\x9a\xca\x00\x01",
        b"\xd8\x1e\x82\x01\x00",
        b"\xf9\x7e\x00",
        b"\xf9\x7c\x00",
        b"\x1b" + b"\xff" * 8,
    ]
    others = [
        b"\xf7",
        b"\xe0",
        b"\xf8\xff",
        b"\xd9\x01\x02\x82\x01\x01",
        b"\xa1\x01\x02",
        b"\x5f\x41a\xff",
        b"\x62\xff\xfe",
        b"\x63a\x00b",
        b"\x61\x00",
    ]
    wide = [
        b"\x81" * 900 + b"\x00",
        cbor_array(400_000) + bytes(400_000),
        b"\x9b" + b"\x00" * 3 + b"\xff" * 5,
        b"\xa1" * 500 + b"\x61a" * 500,
    ]
    return [*texts, *numbers, *others, *wide]


def msgpack_oddities() -> list[bytes]:
    """The same for MessagePack: types of its own, lengths that are not so, depth."""
    return [
        b"\xd6\xff" + bytes(4), b"\xc7\x0c\xff" + b"\xff" * 12, b"\xc9\x00\x00\x10\x00\x05" + bytes(4096),
        b"\xd4\x01\x00",
        b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xffabc", b"\x91" * 900 + b"\x00",
        b"\xdd" + (400_000).to_bytes(4) + bytes(400_000), b"\xcb\x7f\xf8" + bytes(6), b"\xcf" + b"\xff" * 8,
        b"\xc4\x02ab",
        b"\xa2\xff\xfe", b"\xa3a\x00b", b"\xa1\x00", b"\x81\x01\x02", b"\x81\xc0\xc0", b"\xc1",
    ]  # fmt: skip


def json_oddities() -> list[bytes]:
    """The same for JSON."""
    return [
        b"[" * 900 + b"]" * 900, b"[" * 50_000, b'{"a":' * 900 + b"0" + b"}" * 900, b"NaN", b"-Infinity", b"1e999",
        b"9" * 4_000,
        b"[" + b"0," * 400_000 + b"0]", b'"\\ud800"', b'"\\u0000eA=="', b'"a\\u0000b"', b'"\xff\xfe"',
        b'{"a":1,"a":2}', b"[1,]",
        json.dumps(dict.fromkeys(map(str, range(60_000)))).encode(),
    ]  # fmt: skip


def odd(random: Random, serializer: Serializer) -> bytes:
    """One of them."""
    kinds = {"cbor": cbor_oddities, "msgpack": msgpack_oddities, "json": json_oddities}
    return random.choice(kinds[serializer]())


@attack(1, "CBOR references before login: 14 levels of ten, 445 bytes")
def references_before_login(enemy: Enemy) -> None:
    for levels in (8, 14):
        with enemy.unless_ended(), Wamp(enemy.port, "cbor") as socket:
            socket.message(hello_raw(references(levels), "cbor"))
            socket.receive(1.0)


@attack(1, "a call of 1 MB: one long text and 6,000 references to it")
def references_in_a_call(enemy: Enemy) -> None:
    for by_string in (True, False):
        with enemy.unless_ended(), enemy.session("tutor", "cbor") as session:
            length = enemy.random.choice([900_000, 100_000])
            session.message(call_raw(1, CALLED[0], repeated_text(length, 6_000, by_string=by_string), "cbor"))
            _answered(enemy, session, 1)


@attack(1, "values no JSON has, in HELLO, in calls and in publications, over each serializer")
def odd_values(enemy: Enemy) -> None:
    for serializer in SERIALIZERS:
        key = {"json": b'{"x":', "cbor": b"\xa1\x61x", "msgpack": b"\x81\xa1x"}[serializer]
        end = b"}" if serializer == "json" else b""
        values = [key + odd(enemy.random, serializer) + end for _ in range(4)]
        with enemy.unless_ended(), Wamp(enemy.port, serializer) as socket:
            socket.message(hello_raw(values[0], serializer))
            socket.receive(1.0)
        for number, value in enumerate(values[1:], 1):
            with enemy.unless_ended(), enemy.session("student", serializer) as session:
                session.message(call_raw(number, enemy.random.choice(CALLED), value, serializer))
                _answered(enemy, session, number)


@attack(1, "garbage: random bytes as messages and as frames")
def garbage(enemy: Enemy) -> None:
    for who in (None, "student"):
        ticket = enemy.ticket(who) if who else None
        with enemy.unless_ended(), Wamp(enemy.port, enemy.serializer(), ticket) as socket:
            if enemy.random.random() < 0.5:
                socket.message(enemy.random.randbytes(enemy.random.choice([1, 40, 5_000])))
            else:
                socket.send(enemy.random.randbytes(200))
            socket.receive(1.0)


@attack(14, "8 MB of JSON numbers in a call, 18 MB once they are CBOR")
def large_call(enemy: Enemy) -> None:
    with enemy.session("tutor", "json") as session:
        numbers = b"[" + b"0.1," * enemy.many(1_900_000) + b"0.1]"
        session.message(call_raw(1, CALLED[0], b'{"lesson_id":"x","body":' + numbers + b"}", "json"))
        _answered(enemy, session, 1, patience_s=10)


def _answered(enemy: Enemy, session: Wamp, number: int, patience_s: float = 3.0) -> None:
    error, _ = session.outcome(number, patience_s)
    enemy.note(error or "answered")
