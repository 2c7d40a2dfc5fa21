"""A program: puts imports, one at a time, into a copy of all there are, and says which rules of setup.cfg still hold.

Takes a list of [rule, who, whom] on standard input as JSON, and gives a list of whether the rule holds. In a process of
its own: import-linter stumbles over what zope.interface does to classes, and Twisted brings that into pytest's.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from copy import deepcopy
from pathlib import Path

import grimp
from importlinter.application.app_config import settings
from importlinter.application.use_cases import lint_imports
from importlinter.configuration import configure

SETUP = Path(__file__).parents[2] / "setup.cfg"


class Given:
    """In place of what reads the imports from the files."""

    def __init__(self, graph: grimp.ImportGraph) -> None:
        self._graph = graph

    def build(self, **_: object) -> grimp.ImportGraph:
        return self._graph


def kept(graph: grimp.ImportGraph, *rules: str) -> bool:
    """Whether these rules hold; by default all. Raises what is wrong with a rule itself."""
    settings.configure(GRAPH_BUILDER=Given(deepcopy(graph)))  # the check takes out what is ignored
    return lint_imports(str(SETUP), limit_to_contracts=rules, cache_dir=None, no_logo=True, is_debug_mode=True)


def with_import(graph: grimp.ImportGraph, who: str, whom: str) -> grimp.ImportGraph:
    """Who is not there yet is a new module, in a new folder. Raises ValueError where whom is not there."""
    changed = deepcopy(graph)
    if who not in changed.modules:
        changed.add_module(who.rpartition(".")[0])
    elif whom not in changed.modules:
        raise ValueError(f"There is no {whom} any more: name another module that {who} may not import.")
    changed.add_import(importer=who, imported=whom, line_number=1, line_contents=f"import {whom}")
    return changed


def main() -> None:
    configure()
    graph = grimp.build_graph("tutorwamp", include_external_packages=True, cache_dir=None)
    asked = json.load(sys.stdin)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        found = [kept(graph), *(kept(with_import(graph, who, whom), rule) for rule, who, whom in asked)]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
