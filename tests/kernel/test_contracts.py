"""Ids, instants, texts, cursors: what may cross an edge."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from tutorwamp.kernel.contracts import (
    ClientId,
    Cursor,
    Id,
    Instant,
    Limit,
    Line,
    Page,
    Seq,
    StreamEvent,
    Text,
    Value,
    cursor_from,
    cursor_parts,
    from_ms,
    instant_text,
    new_id,
    to_ms,
    utc_now,
)


class Sample(Value):
    id: Id = "01a20a15-05e3-76a3-9f7a-e3e0d1dc0c31"
    at: Instant = datetime(2026, 1, 1, tzinfo=UTC)
    text: Annotated[Text, Field(min_length=1, max_length=5)] = "text"
    line: Annotated[Line, Field(min_length=1)] = "line"
    client_id: ClientId = "c"
    limit: Limit = 50
    cursor: Cursor = "c"
    seq: Seq = 0


def fits(**values: Any) -> bool:
    try:
        Sample(**values)
    except ValidationError:
        return False
    return True


# ids

ID = "019af3a0-0000-7000-8000-00000000000a"


def test_ids_are_version_7_and_sort_as_they_were_made() -> None:
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(set(made))
    assert all(UUID(text).version == 7 and text == str(UUID(text)) for text in made)
    assert fits(id=made[0])


@pytest.mark.parametrize("text", ["", "x", ID.upper(), ID + "\n", "{" + ID + "}", ID.replace("-", ""), 7, None])
def test_what_is_no_canonical_id_is_refused(text: object) -> None:
    assert not fits(id=text)


# instants


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-11-23T09:00:00Z", "2026-11-23T09:00:00.000Z"),
        ("2026-11-23T09:00:00.123456Z", "2026-11-23T09:00:00.123Z"),
        ("2026-11-23T09:00:00+02:00", "2026-11-23T07:00:00.000Z"),
        ("2026-11-23T00:30:00+05:30", "2026-11-22T19:00:00.000Z"),
        ("2026-11-23T09:00:00z", "2026-11-23T09:00:00.000Z"),
        ("2026-11-23t09:00:00.5z", "2026-11-23T09:00:00.500Z"),
        ("2026-11-23t00:30:00-23:59", "2026-11-24T00:29:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_an_instant_is_told_in_utc_with_milliseconds(text: str, told: str) -> None:
    assert Sample(at=text).plain()["at"] == told  # type: ignore[arg-type]  # as it comes over the wire


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-23T09:00:00",
        "2026-11-23",
        "tomorrow",
        "",
        "\ud800",
        "2026-02-30T00:00:00Z",
        "2026-11-23T09:00:00+05:60",
        "2026-11-23T09:00:00-00:99",
        "2026-11-23T09:00:00+24:00",
        "2026-11-23T09:00:00+5:00",
        "2026-11-23T09:00:00zz",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        1_795_465_479,
        1.5,
        True,
        None,
        [],
        datetime(2026, 1, 1),  # noqa: DTZ001  # that is the point  # that is the point
    ],
)
def test_no_offset_no_number_and_no_year_0_or_10000(value: object) -> None:
    assert not fits(at=value)


def test_a_long_text_that_is_no_instant_does_not_come_back() -> None:
    with pytest.raises(ValidationError) as caught:
        Sample(at="x" * 100_000)  # type: ignore[arg-type]  # as it comes over the wire
    assert len(caught.value.errors(include_input=False)[0]["msg"]) < 200


@given(st.datetimes(timezones=st.just(UTC)))
def test_milliseconds_and_back_is_exact(instant: datetime) -> None:
    cut = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert from_ms(to_ms(instant)) == cut
    assert datetime.fromisoformat(instant_text(instant)) == cut


def test_the_clock_has_milliseconds() -> None:
    assert utc_now().tzinfo is UTC
    assert utc_now().microsecond % 1000 == 0
    assert instant_text(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == "2026-01-01T00:00:00.000Z"


# texts


@pytest.mark.parametrize("field", ["text", "line", "client_id"])
@pytest.mark.parametrize("text", ["a\0", "\x1b[0m", "a\x7f", "a\x85", "\r\n", "\ud800", "e\u0301", 7, None, b"a"])
def test_text_is_composed_and_has_no_control_characters(field: str, text: object) -> None:
    assert not fits(**{field: text})


def test_text_keeps_lines_and_tabs_and_is_trimmed() -> None:
    assert Sample(text="\n a\tb \n").text == "a\tb"
    assert Sample(line=" é😀 ").line == "é😀"
    assert not fits(line="a\nb")
    assert not fits(line="a\tb")


def test_lengths_count_what_is_left_after_trimming() -> None:
    assert fits(text=" 12345 ")
    assert not fits(text="123456")
    assert not fits(text=" \n ")
    assert not fits(line="\u2028")


def test_a_client_id_has_1_to_64_characters() -> None:
    assert fits(client_id="x" * 64)
    assert not fits(client_id="x" * 65)
    assert not fits(client_id="")


# numbers, lists, cursors


@pytest.mark.parametrize("limit", [0, 101, -1, "5", 5.0, True, None])
def test_a_limit_is_1_to_100(limit: object) -> None:
    assert not fits(limit=limit)


def test_a_position_is_one_that_javascript_can_hold() -> None:
    assert fits(limit=1)
    assert fits(limit=100, seq=2**53 - 1)
    assert not fits(seq=2**53)
    assert not fits(seq=-1)


@given(st.lists(st.one_of(st.integers(), st.uuids().map(str)), min_size=1, max_size=3))
def test_a_cursor_comes_back_as_it_was_made(parts: list[str | int]) -> None:
    cursor = cursor_from(*parts)
    assert fits(cursor=cursor)
    assert cursor_parts(cursor, len(parts)) == [str(part) for part in parts]
    with pytest.raises(ValueError, match="not a cursor"):
        cursor_parts(cursor, len(parts) + 1)


@given(st.from_regex(r"[A-Za-z0-9_-]{1,200}", fullmatch=True))
def test_garbage_for_a_cursor_is_a_value_error_and_nothing_else(text: str) -> None:
    try:
        parts = cursor_parts(text, 2)
    except ValueError:
        return
    assert len(parts) == 2


@pytest.mark.parametrize("text", ["", "a b", "a|b", "é", "a" * 201, "a\n", "=="])
def test_what_no_cursor_looks_like_is_refused(text: str) -> None:
    assert not fits(cursor=text)


# values


def test_a_value_is_strict_frozen_and_closed() -> None:
    assert not fits(unknown=1)
    with pytest.raises(ValidationError):
        Sample().seq = 1


def test_a_value_of_fields_that_were_checked_is_as_any_other() -> None:
    page = Page[Sample](items=[Sample()], next_cursor="c")
    made = Page[Sample].of_checked(dict(page.__dict__))
    assert made == page
    assert hash(Sample.of_checked(dict(Sample().__dict__))) == hash(Sample())
    assert repr(made) == repr(page)
    assert made.plain() == page.plain()
    assert made.model_copy(update={"next_cursor": None}) == Page[Sample](items=[Sample()], next_cursor=None)
    assert pickle.loads(pickle.dumps(Sample.of_checked(dict(Sample().__dict__)))) == Sample()  # noqa: S301  # our own
    with pytest.raises(ValidationError):
        made.next_cursor = "d"


def test_a_page_and_an_event_are_plain() -> None:
    assert Page[Sample](items=[], next_cursor=None).plain() == {"items": [], "next_cursor": None}
    event = StreamEvent("s", 1, "t", datetime(2026, 1, 1, tzinfo=UTC), None, {"a": 1})
    assert event.plain() == {
        "stream": "s",
        "seq": 1,
        "type": "t",
        "at": "2026-01-01T00:00:00.000Z",
        "actor": None,
        "data": {"a": 1},
    }
