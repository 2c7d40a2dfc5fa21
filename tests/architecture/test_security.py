"""Every line of docs/security.md, docs/drills.md and docs/odd-input.md has a test, and the test is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("security.md", "drills.md", "odd-input.md")]
for_each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
TEST = re.compile(r"`(tests/[\w/.-]+)::(\w+)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")


def _lines(page: Path) -> list[str]:
    """The rows of its tables, without heads."""
    return [line for line in page.read_text().splitlines() if line.startswith("| ") and " | test |" not in line]


def _has(path: Path, name: str) -> bool:
    """Whether there is such a test; of a file that is not Python, whether it says so."""
    if not path.is_file():
        return False
    if path.suffix != ".py":
        return name in path.read_text()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return name in {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, functions)}


@for_each_page
def test_every_line_names_its_test(page: Path) -> None:
    without = [line for line in _lines(page) if not TEST.search(line)]
    assert not without, f"Name a test for each, as `tests/file.py::name`: {without}"


@for_each_page
def test_every_named_test_is_there(page: Path) -> None:
    named = TEST.findall(page.read_text())
    assert named
    missing = [f"{file}::{name}" for file, name in named if not _has(ROOT / file, name)]
    assert not missing, f"{page.name} names tests that are not there: {missing}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "SECURITY.md"])
def test_what_it_links_to_is_there(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing, f"{page.name} links to {missing}"
