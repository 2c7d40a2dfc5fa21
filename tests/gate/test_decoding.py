"""What the public door reads: every plain value as it was sent, nothing else, and little work for what is refused."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import cbor2
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutorwamp.gate.decoding import (
    CALL,
    HEAD_BYTES,
    MESSAGES_AT_MOST,
    PUBLISH,
    BrokenError,
    Head,
    Refused,
    is_publication,
    read,
    read_head,
)
from tutorwamp.kernel.edges.plain import DEPTH_AT_MOST, INTEGER_AT_MOST, VALUES_AT_MOST

WRITERS: dict[str, Any] = {
    "json": lambda value: json.dumps(value).encode(),
    "cbor": cbor2.dumps,
    "msgpack": msgpack.packb,
}
URI = "tutorwamp.chat.send"
HEAD = Head(CALL, 7, {}, URI)
CPU_S_AT_MOST = 0.5
"""For what is refused, on a busy machine; the bombs below took from 0.3 s to hours."""


def call(serializer: str, arguments: Any) -> bytes:
    """A CALL."""
    return bytes(WRITERS[serializer]([CALL, 7, {}, URI, [], arguments]))


def raw_call(serializer: str, value: bytes, kind: int = CALL) -> bytes:
    """A CALL with one argument whose bytes are given."""
    if serializer == "json":
        return b'[%d,7,{},"%s",[],{"it":%s}]' % (kind, URI.encode(), value)
    one = WRITERS[serializer]
    begin = {"cbor": b"\x86", "msgpack": b"\x96"}[serializer]
    of_one = {"cbor": b"\xa1", "msgpack": b"\x81"}[serializer]
    return b"".join([begin, *map(one, [kind, 7, {}, URI, []]), of_one, one("it"), value])


def batch(serializer: str, parts: list[bytes]) -> bytes:
    """A batch."""
    if serializer == "json":
        return b"".join(part + b"\x18" for part in parts)
    return b"".join(len(part).to_bytes(4) + part for part in parts)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_AT_MOST, INTEGER_AT_MOST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)


@given(serializer=st.sampled_from(sorted(WRITERS)), arguments=st.dictionaries(texts, plain, max_size=5))
def test_every_plain_value_is_read_as_it_was_sent(serializer: str, arguments: dict[str, Any]) -> None:
    sent = [CALL, 7, {}, URI, [], arguments]
    payload = call(serializer, arguments)
    (heard,) = read(serializer, payload)
    assert repr(heard) == repr(sent)  # 1 is not 1.0 and not True
    assert read(f"{serializer}.batched", batch(serializer, [payload, payload])) == [sent, sent]


def test_brackets_in_texts_are_no_depth() -> None:
    sent = [CALL, 7, {}, URI, [], {"it": ["[" * 200, '\\"{' * 200, [[["[]{"]] * 100]]}]
    assert read("json", WRITERS["json"](sent)) == [sent]


@given(value=plain)
def test_json_is_read_with_and_without_escapes_and_spaces(value: Any) -> None:
    sent = [CALL, 7, {}, URI, [], {"it": value}]
    for written in (json.dumps(sent, ensure_ascii=False), json.dumps(sent, indent=2)):
        assert read("json", written.encode()) == [sent]


def test_cbor_is_read_in_pieces_and_in_short_numbers() -> None:
    pieces = b"\xbf\x61a\x9f\x01\x7f\x62xy\x61z\xff\xff\x61b\xf9\x3c\x00\xff"
    (heard,) = read("cbor", raw_call("cbor", pieces))
    assert isinstance(heard, list)
    assert heard[5] == {"it": {"a": [1, "xyz"], "b": 1.0}}


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    for serializer, twice in (
        ("json", b'{"a":1,"a":2}'),
        ("cbor", b"\xa2\x61a\x01\x61a\x02"),
        ("msgpack", b"\x82\xa1a\x01\xa1a\x02"),
    ):
        (heard,) = read(serializer, raw_call(serializer, twice))
        assert isinstance(heard, list)
        assert heard[5] == {"it": {"a": 2}}


CBOR_BAD = {
    "not a number": b"\xf9\x7e\x00",
    "infinite": b"\xfb\x7f\xf0" + b"\0" * 6,
    "minus infinity": b"\xfa\xff\x80\x00\x00",
    "too large": b"\x1b\x00\x20\x00\x00\x00\x00\x00\x01",
    "too small": b"\x3b\x00\x20\x00\x00\x00\x00\x00\x00",
    "largest": b"\x1b" + b"\xff" * 8,
    "bytes": b"\x41a",
    "undefined": b"\xf7",
    "simple": b"\xf8\xff",
    "NUL": b"\x63a\0b",
    "NUL in pieces": b"\x7f\x61a\x61\0\xff",
    "surrogate": b"\x63\xed\xa0\x80",
    "no UTF-8": b"\x62\xc3\x28",
    "integer key": b"\xa1\x01\x02",
    "bytes key": b"\xa1\x41a\x02",
    "list key": b"\xa1\x82\x01\x02\x02",
    "null key": b"\xa1\xf6\x02",
    "NUL key": b"\xa1\x61\0\x02",
    "cut off": b"\x82\x01",
    "claims": b"\x9b" + b"\xff" * 8,
    "claims of lists": b"\x9a\x00\xff\xff\xff" * 60,
    "claims of text": b"\x7b\x00\x00\xff\xff\xff\xff\xff\xffabc",
    "break": b"\xff",
    "reserved": b"\x1c",
    "odd object": b"\xbf\x61a\xff",
    "shared key": b"\xd8\x1c" * 100_000 + b"\x01",
    "endless": b"\x9f" * 100_000,
    **{f"tag {tag}": bytes(cbor2.dumps(cbor2.CBORTag(tag, 1))) for tag in (*range(260), 1004, 43000, 55799, 2**63)},
    "date": bytes(cbor2.dumps(cbor2.CBORTag(0, "2026-11-25T10:00:00Z"))),
    "set": bytes(cbor2.dumps(cbor2.CBORTag(258, [1, 2]))),
    "reference": b"\xd8\x1c\x81\xd8\x1d\x00",
    "text reference": b"\xd9\x01\x00\x82\x63abc\xd8\x19\x00",
}
MSGPACK_BAD = {
    "not a number": b"\xca\x7f\xc0\x00\x00",
    "infinite": b"\xcb\x7f\xf0" + b"\0" * 6,
    "too large": b"\xcf\x00\x20\x00\x00\x00\x00\x00\x01",
    "too small": b"\xd3\xff\xdf\xff\xff\xff\xff\xff\xff",
    "largest": b"\xcf" + b"\xff" * 8,
    "bytes": b"\xc4\x01a",
    "extension": b"\xd4\x01\x01",
    "long extension": b"\xc7\x02\x05ab",
    "time": b"\xd6\xff\x00\x00\x00\x01",
    "wrong time": b"\xc7\x0c\xff" + b"\xff" * 12,
    "never used": b"\xc1",
    "NUL": b"\xa3a\0b",
    "surrogate": b"\xa3\xed\xa0\x80",
    "no UTF-8": b"\xa2\xc3\x28",
    "integer key": b"\x81\x01\x02",
    "bytes key": b"\x81\xc4\x01a\x02",
    "list key": b"\x81\x92\x01\x02\x02",
    "NUL key": b"\x81\xa1\0\x02",
    "cut off": b"\x92\x01",
    "claims": b"\xdd\xff\xff\xff\xff",
    "claims of lists": b"\xdd\x00\x00\xf0\x00" * 500 + b"\xc0" * 62_000,
    "claims of objects": b"\xdf\x00\x00\x7f\x00" * 500 + b"\xc0" * 62_000,
    "deep": b"\x91" * 100_000,
    "more": b"\x01\x01",
}
JSON_BAD = {
    "not a number": b"NaN",
    "infinite": b"Infinity",
    "minus infinity": b"-Infinity",
    "out of range": b"1e400",
    "too large": b"9007199254740993",
    "digits": b"9" * 100_000,
    "minus digits": b"-" + b"9" * 4_000,
    "NUL": rb'"\u0000"',
    "NUL inside": rb'"a\u0000b"',
    "bytes": rb'"\u0000YWJj"',
    "NUL key": rb'{"\u0000":1}',
    "raw control": b'"a\0b"',
    "half a pair": rb'"\ud800"',
    "other half": rb'"a\uDFFFb"',
    "half in a key": rb'{"\ud800":1}',
    "no UTF-8": b'"\xc3\x28"',
    "written surrogate": b'"\xed\xa0\x80"',
    "cut off": b"[1",
    "deep": b"[" * 100_000,
    "deep and closed": b"[" * 100 + b"]" * 100,
    "very deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep behind a text that does not end": b'"' + rb"\"" * 100_000 + b"[" * 100_000,
    "quotes": b"{'a':1}",
    "more": b"1}]]}",
    "comment": b"/* */1",
}
BAD_VALUES: dict[str, dict[str, bytes]] = {"cbor": CBOR_BAD, "msgpack": MSGPACK_BAD, "json": JSON_BAD}
BAD = [
    pytest.param(serializer, value, id=f"{serializer} {name}")
    for serializer, values in BAD_VALUES.items()
    for name, value in values.items()
]


def is_refused(heard: list[Any] | Refused) -> bool:
    """Whether the procedure is not asked at all, or with a NUL, which it does not take."""
    return heard == Refused(HEAD) or (isinstance(heard, list) and "\\u0000" in json.dumps(heard[5], allow_nan=False))


@pytest.mark.parametrize(("serializer", "value"), BAD)
def test_what_is_not_plain_in_arguments_is_refused_for_that_call(serializer: str, value: bytes) -> None:
    began = time.process_time()
    (heard,) = read(serializer, raw_call(serializer, value))
    assert is_refused(heard)
    assert time.process_time() - began < CPU_S_AT_MOST


@pytest.mark.parametrize(("serializer", "value"), BAD)
def test_what_is_not_plain_in_a_publication_is_refused(serializer: str, value: bytes) -> None:
    assert read(serializer, raw_call(serializer, value, kind=PUBLISH)) == [Refused(Head(PUBLISH, 7, {}, URI))]


def test_one_value_that_is_not_plain_leaves_the_others_as_they_are() -> None:
    changes = [{"x": 1.5}, {"x": float("inf")}, {"text": "a\0b", "n": [2**60, 1]}, {"data": b"x", "\0": None}]
    expected = [{"x": 1.5}, {"x": "\0"}, {"text": "\0", "n": ["\0", 1]}, {"data": "\0", "\0": None}]
    for serializer in ("cbor", "msgpack"):
        (heard,) = read(serializer, call(serializer, {"changes": changes}))
        assert isinstance(heard, list)
        assert heard[5] == {"changes": expected}
    (heard,) = read("cbor", call("cbor", {"changes": [1, 2**70, datetime.now(UTC), {3, 4}, "x"]}))
    assert isinstance(heard, list)
    assert heard[5] == {"changes": [1, "\0", "\0", "\0", "x"]}


@pytest.mark.parametrize(("serializer", "value"), BAD)
def test_what_is_not_plain_anywhere_else_is_broken(serializer: str, value: bytes) -> None:
    hello = raw_call(serializer, value, kind=1)
    with pytest.raises(BrokenError):
        read(serializer, hello)
    with pytest.raises(BrokenError):
        read(serializer, value)


@pytest.mark.parametrize("serializer", WRITERS)
def test_what_is_not_plain_in_options_is_broken(serializer: str) -> None:
    bad: list[Any] = [{"a": "\0"}, {"a": 2**60}, [], None, 1]
    for options in bad:
        with pytest.raises(BrokenError):
            read(serializer, WRITERS[serializer]([CALL, 7, options, URI, [2**60], {}]))
    for request in ("7", 7.5, True, None, 2**60):
        with pytest.raises(BrokenError):
            read(serializer, WRITERS[serializer]([CALL, request, {}, URI, [2**60], {}]))


UNDEFINED: dict[str, Any] = {"cbor": cbor2.undefined, "msgpack": msgpack.ExtType(0, b"\0")}


@pytest.mark.parametrize("serializer", UNDEFINED)
def test_undefined_before_the_arguments_is_nothing_and_a_whole_float_an_integer(serializer: str) -> None:
    undefined, write = UNDEFINED[serializer], WRITERS[serializer]
    options = {"match": undefined, "get_retained": undefined, "mode": "kill"}
    assert read(serializer, write([32, 7.0, options, "topic"])) == [[32, 7, {"mode": "kill"}, "topic"]]
    assert read(serializer, write([34, 7, float(2**52)])) == [[34, 7, 2**52]]
    assert read(serializer, write([1, "tutor", options])) == [[1, "tutor", {"mode": "kill"}]]
    head = [CALL, 7, {"mode": undefined}, URI]
    assert read(serializer, write([*head, [], {"x": 1.0}])) == [[CALL, 7, {}, URI, [], {"x": 1.0}]]
    assert read(serializer, write([*head, [], {float("nan"): 1}])) == [Refused(HEAD)]
    assert read_head(serializer, write([*head, [], {"x": "y" * HEAD_BYTES}])) == HEAD
    for broken in ([32, 7, undefined, "topic"], [32, undefined, {}, "topic"], [32, 7, {"a": [undefined]}, "topic"]):
        with pytest.raises(BrokenError):
            read(serializer, write(broken))


@pytest.mark.parametrize("serializer", WRITERS)
@pytest.mark.parametrize("kind", [CALL, PUBLISH])
def test_arguments_are_a_list_and_an_object(serializer: str, kind: int) -> None:
    bad: list[Any] = [["text"], [{}], [0], [[], []], [[], None], [[], {}, 1], [1, {}], [[], "x"]]
    for behind in bad:
        assert read(serializer, WRITERS[serializer]([kind, 7, {}, URI, *behind])) == [Refused(Head(kind, 7, {}, URI))]
    good: list[Any] = [[], [[]], [[1], {"a": 1}], [None, {"a": 1}]]
    for behind in good:
        message = [kind, 7, {}, URI, *behind]
        assert read(serializer, WRITERS[serializer](message)) == [message]


def bomb(levels: int, references: int) -> bytes:
    """Few bytes of CBOR that stand for ``references ** levels`` values: tuples that hold each other, as a key."""
    made = b"\xd8\x1c\x81\x01"
    for level in range(levels):
        shared = b"".join(b"\xd8\x1d" + bytes(cbor2.dumps(level)) for _ in range(references))
        made = b"\x82" + made + b"\xd8\x1c" + bytes([0x80 + references]) + shared
    return b"\xa1" + made + b"\x01"


@pytest.mark.parametrize(("levels", "references"), [(6, 10), (14, 10), (60, 2)])
def test_references_are_refused_before_they_are_followed(levels: int, references: int) -> None:
    began = time.process_time()
    (heard,) = read("cbor", raw_call("cbor", bomb(levels, references)))
    assert is_refused(heard)
    assert time.process_time() - began < CPU_S_AT_MOST


def many(serializer: str, count: int, *, keys: bool) -> bytes:
    """A CALL with so many values in its one argument: empty lists, or an object."""
    if serializer == "json":
        return raw_call("json", json.dumps({str(n): 0 for n in range(count)} if keys else [[]] * count).encode())
    empty = {"cbor": b"\x80", "msgpack": b"\x90"}[serializer]
    begin = {"cbor": (b"\x9a", b"\xba"), "msgpack": (b"\xdd", b"\xdf")}[serializer]
    if keys:
        pairs = b"".join(WRITERS[serializer](str(n)) + b"\0" for n in range(count))
        return raw_call(serializer, begin[1] + count.to_bytes(4) + pairs)
    return raw_call(serializer, begin[0] + count.to_bytes(4) + empty * count)


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("serializer", WRITERS)
def test_too_many_values_are_too_large(serializer: str, keys: bool) -> None:
    each = 2 if keys or serializer == "json" else 1  # JSON's are counted by their commas and brackets
    (heard,) = read(serializer, many(serializer, VALUES_AT_MOST // each - 20, keys=keys))
    assert isinstance(heard, list)
    for count in (VALUES_AT_MOST // each + 1, VALUES_AT_MOST * 4):
        assert read(serializer, many(serializer, count, keys=keys)) == [Refused(HEAD, too_large=True)]


@pytest.mark.parametrize("serializer", WRITERS)
def test_fewer_values_can_be_asked_for(serializer: str) -> None:
    few = call(serializer, {"it": [[1], {"a": "x" * 300}] * 10})
    assert isinstance(read(serializer, few, 100)[0], list)
    assert read(serializer, few, 50) == [Refused(HEAD, too_large=True)]


@pytest.mark.parametrize("serializer", WRITERS)
def test_long_texts_are_few_values(serializer: str) -> None:
    sent = {"body": "漢字, [x] {:} " * 20_000, "picture": "data;base64" * 300_000, "n": [1.5, -3, 70_000, 2**40]}
    assert read(serializer, call(serializer, sent)) == [[CALL, 7, {}, URI, [], sent]]


@pytest.mark.parametrize("serializer", WRITERS)
def test_depth_is_bounded(serializer: str) -> None:
    def nested(depth: int) -> Any:
        value: Any = 1
        for number in range(depth):
            value = [value] if number % 2 else {"a": value}
        return value

    deepest = nested(DEPTH_AT_MOST - 2)
    assert read(serializer, call(serializer, {"it": deepest})) == [[CALL, 7, {}, URI, [], {"it": deepest}]]
    assert read(serializer, call(serializer, {"it": nested(DEPTH_AT_MOST - 1)})) == [Refused(HEAD)]


@given(serializer=st.sampled_from(sorted(WRITERS)), payload=st.binary(max_size=200))
def test_noise_is_broken_and_nothing_worse(serializer: str, payload: bytes) -> None:
    for name in (serializer, f"{serializer}.batched"):
        try:
            read(name, payload)
        except BrokenError:
            continue


@given(serializer=st.sampled_from(sorted(WRITERS)), data=st.data())
def test_what_was_damaged_on_the_way_is_refused_or_read(serializer: str, data: st.DataObject) -> None:
    payload = bytearray(call(serializer, {"lesson_id": "a" * 36, "n": [1, 2.5, None, {"x": "ü"}]}))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        heard = read(serializer, bytes(payload))
    except BrokenError:
        return
    for writer in WRITERS.values():  # what was let in, every serializer can write
        for message in heard:
            writer(message if isinstance(message, list) else message.head.options)


@pytest.mark.parametrize("serializer", WRITERS)
def test_batches_end_and_are_short(serializer: str) -> None:
    one = call(serializer, {})
    name = f"{serializer}.batched"
    assert len(read(name, batch(serializer, [one] * MESSAGES_AT_MOST))) == MESSAGES_AT_MOST
    for payload in (b"", batch(serializer, [one] * (MESSAGES_AT_MOST + 1)), batch(serializer, [one])[:-1], one):
        with pytest.raises(BrokenError):
            read(name, payload)


@pytest.mark.parametrize("serializer", WRITERS)
def test_a_large_message_says_what_it_is_in_its_first_bytes(serializer: str) -> None:
    for kind in (CALL, PUBLISH):
        begin = WRITERS[serializer]([kind, 7, {"acknowledge": True}, "ü" * 300, [], {"it": "漢" * 9_000}])
        expected = Head(kind, 7, {"acknowledge": True}, "ü" * 300)
        for cut in (HEAD_BYTES, HEAD_BYTES + 1, HEAD_BYTES + 2, len(begin)):
            assert read_head(serializer, begin[:cut]) == expected
        assert read_head(f"{serializer}.batched", batch(serializer, [begin])[:HEAD_BYTES]) == expected
    others: list[Any] = [[32, 7, {}, URI], [CALL, 7, {}], [CALL], [CALL, "7", {}, URI], [CALL, 7, {}, "ü" * HEAD_BYTES]]
    for other in [*others, {}]:
        assert read_head(serializer, WRITERS[serializer](other)[:HEAD_BYTES]) is None


@pytest.mark.parametrize("serializer", WRITERS)
def test_S18_a_publication_is_known_by_its_first_bytes_and_what_asks_for_an_answer_is_not(serializer: str) -> None:
    write = WRITERS[serializer]
    said = ["tutorwamp.lesson.one.cursor", [], {"x": 1}]
    assert is_publication(serializer, write([16, 4_000_000, {}, *said]))
    for other in (
        [16, 1, {"acknowledge": True}, *said],
        [48, 1, {}, *said],
        [160, 1, {}, *said],
        [[16], 1],
        [32, 16, {}, said[0]],
        {"16": 1},
    ):
        assert not is_publication(serializer, write(other))
    assert not is_publication(f"{serializer}.batched", write([16, 1, {}, *said]))
