"""The reference pages name what the code has, and nothing else."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import tutorwamp.app.components  # noqa: F401  # imports every domain, so that the catalogue is full
from tutorwamp.app.assembly import RESERVED, SETTINGS_CLASSES
from tutorwamp.board.wamp import BoardDoor
from tutorwamp.chat.wamp import ChatDoor
from tutorwamp.kernel.component import served_by
from tutorwamp.kernel.errors import catalogue
from tutorwamp.kernel.settings import PREFIX, describe
from tutorwamp.lessons.wamp import LessonsDoor
from tutorwamp.sessions.wamp import SessionsDoor

DOCS = Path(__file__).parents[2] / "docs"


def shown(default: Any) -> str:
    if isinstance(default, timedelta):
        seconds = default.total_seconds()
        return f"{round(seconds * 1000)} ms" if seconds < 1 else f"{seconds:.15g} s"
    if isinstance(default, bool):
        return "on" if default else "off"
    if default in (None, ()):
        return "unset"
    return str(default)


def settings_page() -> str:
    lines = [
        "# Settings",
        "",
        "Environment variables, or lines `NAME=value` of the file named by `TUTORWAMP_SETTINGS`; the environment wins.",
        "Durations are seconds unless a unit is given: `30`, `500ms`, `2min`. Switches are `on` or `off`.",
        "An unknown or ill-formed setting stops the start with one line that names it.",
        "(This page is compared with the code: `tests/architecture/test_pages.py`.)",
        "",
        "| variable | default | why |",
        "|---|---|---|",
    ]
    for settings_class in SETTINGS_CLASSES:
        assert dataclasses.is_dataclass(settings_class)
        lines += [f"| `{one.variable}` | {shown(one.default)} | {one.reason} |" for one in describe(settings_class)]
    lines += ["", "Reserved for parts that are not here yet; setting one has no effect but a warning:", ""]
    lines += [", ".join(f"`{PREFIX}{name}`" for name in RESERVED) + "."]
    return "\n".join(lines) + "\n"


def test_the_settings_page_is_what_the_code_says() -> None:
    assert (DOCS / "settings.md").read_text() == settings_page(), "docs/settings.md must be:\n" + settings_page()


def test_the_protocol_page_names_every_error_with_its_status_and_action() -> None:
    rows = re.findall(r"^\| `(tutorwamp\.error\.[a-z_.]+)`[^|]*\| (\d+) \| (\w+) \|$", page := protocol(), re.MULTILINE)
    assert page
    assert {uri: (int(status), action) for uri, status, action in rows} == {
        uri: (error.status, error.action) for uri, error in catalogue().items()
    }


def test_the_protocol_page_names_every_procedure() -> None:
    named = set(
        re.findall(
            r"^\| `(tutorwamp\.(?:lesson|chat|board|session)\.[a-z_]+)`(?:, `\.([a-z_]+)`)?", protocol(), re.MULTILINE
        )
    )
    uris = {first for first, _ in named} | {f"tutorwamp.lesson.{second}" for _, second in named if second}
    doors = (BoardDoor, ChatDoor, LessonsDoor, SessionsDoor)
    assert uris == {served.procedure.uri for door in doors for served in served_by(door.__new__(door))}


def protocol() -> str:
    return (DOCS / "protocol.md").read_text()
