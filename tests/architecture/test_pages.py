"""The reference pages name what the code has, and nothing else."""

from __future__ import annotations

import ast
import dataclasses
import re
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


def test_a_rest_method_declares_the_model_it_reads() -> None:
    """The reference is made from the declaration."""
    found = {(one.method, one.path): one.route.asks for one in catalogue().routes}
    for path in sorted(PACKAGE.glob("*/rest.py")):
        functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.AsyncFunctionDef)]
        for function, call in ((one, call) for one in functions for call in _route_calls(one)):
            read = _models_read(function)
            where, method = [str(part.value) for part in call.args if isinstance(part, ast.Constant)]
            asks = found[method, where.replace("<", "{").replace(">", "}")]
            assert not read or (asks is not None and asks.__name__ in read), (
                f"{path}:{function.name} reads {' or '.join(read)}: say so with @route(..., asks={read[0]})."
            )


def test_every_rest_method_that_asks_for_a_token_counts_the_call() -> None:
    for path in sorted(PACKAGE.glob("*/rest.py")):
        if "@route(" in path.read_text():
            assert "bearer_token()" not in path.read_text(), f"{path}: ask request.caller(self._authenticator) instead."


def _models_read(function: ast.AsyncFunctionDef) -> list[str]:
    """The models given to request.body(...), .query(...) and the like, and to check(...)."""
    readers = ("body", "body_if_any", "creation", "change", "query", "check")
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args]
    return [ast.unparse(call.args[0]) for call in calls if ast.unparse(call.func).rpartition(".")[2] in readers]


def _route_calls(function: ast.AsyncFunctionDef) -> list[ast.Call]:
    return [one for one in function.decorator_list if isinstance(one, ast.Call) and ast.unparse(one.func) == "route"]


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
