"""The reference pages name what the code has, and nothing else."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from tutorwamp.app.settings import SETTINGS_CLASSES
from tutorwamp.kernel.settings import describe
from tutorwamp.reference.catalogue import catalogue
from tutorwamp.reference.pages import pages

DOCS = Path(__file__).parents[2] / "docs"
PACKAGE = Path(__file__).parents[2] / "tutorwamp"


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
    for settings_class in SETTINGS_CLASSES.values():
        assert dataclasses.is_dataclass(settings_class)
        lines += [f"| `{one.variable}` | {shown(one.default)} | {one.reason} |" for one in describe(settings_class)]
    return "\n".join(lines) + "\n"


def test_the_settings_page_is_what_the_code_says() -> None:
    assert (DOCS / "settings.md").read_text() == settings_page(), "docs/settings.md must be:\n" + settings_page()


def test_the_pages_made_from_the_code_are_what_it_says() -> None:
    folder = DOCS / "api"
    made = pages()
    assert {path.name for path in folder.iterdir()} == made.keys()
    stale = [name for name, text in made.items() if (folder / name).read_text() != text]
    assert not stale, f"{stale} are old: run tutorwamp catalogue --write docs/api"


def test_the_protocol_page_names_nothing_that_is_not_there() -> None:
    found = catalogue()
    named = set(re.findall(r"`(tutorwamp\.error\.[a-z_.]+)`", protocol()))
    assert named
    assert named <= found.errors.keys()
    assert set(re.findall(r"`(?:GET|POST|PATCH|PUT|DELETE) (/api[^`?]*)`", protocol())) <= {
        one.path for one in found.routes
    }


def test_the_protocol_page_names_every_procedure() -> None:
    rows = re.findall(r"^\| `(tutorwamp\.[a-z]+)(\.[a-z_]+)`(?:, `(\.[a-z_]+)`)?", protocol(), re.MULTILINE)
    named = {prefix + name for prefix, *names in rows for name in names if name}
    assert (
        named
        - {
            "tutorwamp.close.ping_timeout",
            "tutorwamp.close.draining",
            "tutorwamp.close.revoked",
            "tutorwamp.close.slow",
        }
        - {
            "tutorwamp.error.unauthenticated",
            "tutorwamp.error.unavailable",
            "tutorwamp.error.forbidden",
            "tutorwamp.connection.timeout",
            "tutorwamp.connection.draining",
        }
        == catalogue().procedures.keys()
    )


def test_every_topic_of_a_contract_is_described() -> None:
    described = {re.sub(r"\{\w+\}", "{}", uri) for uri in catalogue().topics}
    for path in PACKAGE.glob("*/contracts.py"):
        spelled = set(re.findall(r"tutorwamp\.(?:lesson|user)\.\{\w+\}\.[a-z]+", path.read_text()))
        missing = {re.sub(r"\{\w+\}", "{}", uri) for uri in spelled} - described
        assert not missing, f"Describe {missing} with a Topic in {path}, so that the catalogue has it."


def test_a_handler_s_route_declares_the_model_it_reads() -> None:
    """The reference is made from the declaration."""
    for one in (one.route for one in catalogue().routes if one.route.read is None):
        read = _models_read(one.answer)
        assert not read or (one.asks is not None and one.asks.__name__ in read), (
            f"{one.method} {one.path} reads {' or '.join(read)}: say so with asks={read[0]}."
        )


def test_a_route_answers_everybody_only_where_it_must() -> None:
    """Who has no token yet, or none any more; who watches; and what is no secret."""
    public = {f"{one.route.method} {one.route.path}" for one in catalogue().routes if one.route.public}
    assert public == {
        *(f"POST /api/auth/{what}" for what in ("register", "login", "refresh", "logout")),
        *(f"POST /api/auth/{what}" for what in ("password/forgot", "password/reset", "email/confirm")),
        *(f"GET /api/{path}" for path in ("health", "health/live", "health/ready", "docs", "openapi.json", "push/key")),
        "GET /metrics",
    }


def test_no_handler_finds_out_by_itself_who_asks() -> None:
    """It would not be counted."""
    for path in sorted(PACKAGE.glob("*/rest.py")):
        assert "bearer_token()" not in path.read_text(), f"{path}: leave it to kernel/edges/app.py."


def _models_read(handler: Callable[..., object]) -> list[str]:
    """The models given to request.body(...), .query(...) and the like, and to check(...)."""
    readers = ("body", "body_if_any", "creation", "change", "query", "check")
    tree = ast.parse(textwrap.dedent(inspect.getsource(handler)))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    return [ast.unparse(call.args[0]) for call in calls if ast.unparse(call.func).rpartition(".")[2] in readers]


def protocol() -> str:
    return (DOCS / "protocol.md").read_text()


def test_every_decision_has_a_date_and_a_status_and_stands_in_the_index() -> None:
    index = (DOCS / "decisions" / "README.md").read_text()
    for path in sorted((DOCS / "decisions").glob("0*.md")):
        title, _, line = path.read_text().splitlines()[:3]
        told = re.fullmatch(r"Date: (\d{4}-\d\d-\d\d)\. Status: (accepted|superseded by .+)\.", line)
        assert told is not None, f"The third line of {path.name} must say its date and status."
        number, _, words = title.removeprefix("# ").partition(". ")
        row = f"| {number} | {told[1]} | [{words}]({path.name}) | {told[2]} |"
        assert row in index, f"docs/decisions/README.md lacks {row}"


def test_rules_stand_in_the_order_of_their_numbers() -> None:
    for path in sorted((DOCS / "rules").glob("*.md")):
        for section in path.read_text().split("\n## "):
            numbers = [int(number) for number in re.findall(r"(?m)^- \*\*[A-Z](\d+)\*\*", section)]
            assert numbers == sorted(numbers), f"{path.name}, section {section.splitlines()[0]}: {numbers}"
