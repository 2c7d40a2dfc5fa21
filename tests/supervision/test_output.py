"""What the node prints reaches the operator: lines of any length and any bytes, and a reader that does not read."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from tutorwamp.supervision.output import LINE_BYTES_AT_MOST, WAITING_LINES_AT_MOST, Lines, Teller, as_json


def heard_of(*parts: bytes) -> list[str]:
    heard: list[str] = []
    lines = Lines(heard.append)
    for part in parts:
        lines.feed(part)
    lines.close()
    return heard


@pytest.mark.parametrize("length", [0, 1, 16_384, 20_000, LINE_BYTES_AT_MOST, LINE_BYTES_AT_MOST + 1, 3_000_000])
def test_after_a_line_of_any_length_the_next_is_read(length: int) -> None:
    first, second = heard_of(b"x" * length + b"\nand on\n")
    assert second == "and on"
    if length > LINE_BYTES_AT_MOST:
        assert first == "x" * LINE_BYTES_AT_MOST + f"… ({length - LINE_BYTES_AT_MOST} bytes more)"
    else:
        assert first == "x" * length


def test_however_it_is_cut_into_parts_the_lines_are_the_same() -> None:
    chance = random.Random(7)  # the same each time
    text = b"\n".join(chance.randbytes(chance.randrange(400)) for _ in range(50))
    whole = heard_of(text)
    for _ in range(20):
        places = sorted(chance.randrange(len(text)) for _ in range(30))
        parts = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
        assert heard_of(*parts) == whole


def test_every_byte_but_the_line_break_can_be_in_a_line() -> None:
    every = bytes(set(range(256)) - {10})
    (line,) = heard_of(every)
    assert line.isprintable()
    assert "\\x1b" in line
    assert "\\xff" in line


def test_what_has_no_line_break_is_heard_at_the_end() -> None:
    assert heard_of(b"one\ntw", b"o") == ["one", "two"]


def test_nobody_waits_for_a_reader_who_does_not_read() -> None:
    read, write = os.pipe()
    with os.fdopen(read) as reader:
        teller = Teller(write)
        for number in range(WAITING_LINES_AT_MOST * 3):
            teller.tell(f"{number} " + "x" * 1_000)  # would stand still here: a pipe has room for 64 lines
        lines = [reader.readline()]
        while not lines[-1].startswith(f"{WAITING_LINES_AT_MOST - 1} "):
            lines.append(reader.readline())
        teller.tell("at last")
        while lines[-1] != "at last\n":
            lines.append(reader.readline())
        assert any("lines were left out" in line for line in lines)
        teller.finish()
    os.close(write)


def test_a_full_disk_ends_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        teller = Teller(full.fileno())
        for _ in range(3):
            teller.tell("lost")
        teller.finish()
        assert not teller._thread.is_alive()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            '2026-11-30T19:32:41+0000 [Router      20508] {"event": "call", "level": "info", "at": "now", "ms": 1.5}',
            {"event": "call", "level": "info", "at": "now", "ms": 1.5, "process": "router", "pid": 20508},
        ),
        (
            '2026-11-30T19:32:41+0000 [Controller 7] a worker "ended"',
            {"event": 'a worker "ended"', "level": "warning", "at": "2026-11-30T19:32:41+0000"}
            | {"process": "controller", "pid": 7},
        ),
        (
            "2026-11-30T19:32:41+0000 [Container 8] {no JSON",
            {"event": "{no JSON", "level": "warning", "at": "2026-11-30T19:32:41+0000"}
            | {"process": "container", "pid": 8},
        ),
    ],
)
def test_for_machines_every_line_of_the_node_is_one_object(line: str, said: dict[str, Any]) -> None:
    assert json.loads(as_json(line)) == said


def test_for_machines_the_supervisors_own_lines_are_objects_as_well() -> None:
    said = json.loads(as_json("the router (process 9) stands still"))
    assert (said["event"], said["process"], said["pid"]) == (
        "the router (process 9) stands still",
        "supervisor",
        os.getpid(),
    )
    assert said["at"].endswith("Z")
