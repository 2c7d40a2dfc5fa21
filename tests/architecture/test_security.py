"""Every line of docs/security.md has a test, and the test is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
TEST = re.compile(r"`(tests/[\w/.-]+)::(\w+)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")


def _lines() -> list[str]:
    """The rows of its tables, without heads."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [row for row, below in zip(rows, [*rows[1:], ""], strict=True) if not row.startswith("| what") and below != row]


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_line_names_its_test() -> None:
    without = [line for line in _lines() if not TEST.search(line)]
    assert not without, f"Name a test for each, as `tests/file.py::name`: {without}"


def test_every_named_test_is_there() -> None:
    named = TEST.findall(PAGE.read_text())
    assert named
    missing = [f"{file}::{name}" for file, name in named if not (ROOT / file).is_file()]
    missing += [
        f"{file}::{name}"
        for file, name in named
        if file.endswith(".py") and (ROOT / file).is_file() and name not in _functions(ROOT / file)
    ]
    assert not missing, f"docs/security.md names tests that are not there: {missing}"


@pytest.mark.parametrize("page", [PAGE, ROOT / "SECURITY.md"])
def test_what_it_links_to_is_there(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing, f"{page.name} links to {missing}"
