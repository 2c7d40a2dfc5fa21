"""Who imports whom, read from the source: nothing is imported for it, so nothing has to be installed.

What is imported by its name as a string, while the program runs, is not seen here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path


class When(IntEnum):
    """When an import is done; of two in one module the stronger counts."""

    TYPES = 0
    """Under ``TYPE_CHECKING``: never, when the program runs."""
    LATE = 1
    """Within a function, when it is called."""
    START = 2
    """When the module is loaded."""


@dataclass
class Import:
    """One module that needs another, however often it says so."""

    importer: str
    imported: str
    when: When = When.TYPES
    names: set[str] = field(default_factory=set)
    """What it takes from there; empty where it takes the module itself."""


def modules(package: Path) -> dict[str, Path]:
    """Every module of a package, by its full name; a folder is known by its ``__init__.py``."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        names = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return found


def read_imports(package: Path) -> list[Import]:
    """The imports between the modules of a package, in the order of their names."""
    known = modules(package)
    found: dict[tuple[str, str], Import] = {}
    for importer, path in known.items():
        folder = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
        for imported, name, when in _statements(ast.parse(path.read_text()), When.START, folder):
            whole = f"{imported}.{name}"
            module, taken = (whole, "") if whole in known else (imported, name)
            if module in known and module != importer:
                one = found.setdefault((importer, module), Import(importer, module))
                one.when = max(one.when, when)
                one.names |= {taken} - {""}
    return [found[pair] for pair in sorted(found)]


def _statements(tree: ast.AST, when: When, folder: str) -> Iterator[tuple[str, str, When]]:
    """Module, name taken from it (or none), and when, of every import below a node."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", when) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = folder.split(".")[: len(folder.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*above, node.module or ""]).strip(".")
            yield from ((module, alias.name, when) for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            yield from _statements(ast.Module(node.body, []), When.TYPES, folder)
            yield from _statements(ast.Module(node.orelse, []), when, folder)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _statements(node, min(when, When.LATE), folder)
        else:
            yield from _statements(node, when, folder)


def cycles(needs: Mapping[str, Set[str]]) -> list[list[str]]:
    """The groups in which each comes back to itself by way of the others."""
    reached = {one: _reached(one, needs) for one in needs}
    groups = {tuple(sorted(other for other in reached[one] if one in reached[other])) for one in needs}
    return [list(group) for group in sorted(groups) if group]


def _reached(start: str, needs: Mapping[str, Set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = needs[waiting.pop()] - found
        found |= new
        waiting += new
    return found
