"""The parts of the package and what they need of one another, counted from the imports.

A part is a folder of the package; a domain is one with a service. The folders within ``SPLIT`` are parts as well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tutorwamp.reference.dependencies.imports import Import, When, cycles, modules, read_imports

PACKAGE: Final = Path(__file__).parents[2]
SPLIT: Final = {"kernel"}


@dataclass
class Part:
    """A folder with modules."""

    name: str
    modules: int = 0
    domain: bool = False
    layer: int = 0
    """0 for who needs nobody, else one above the highest whom it needs; those of one cycle share theirs."""
    fan_in: int = 0
    """How many parts need it."""
    fan_out: int = 0
    """How many parts it needs."""


@dataclass
class Need:
    """What one part imports from another; an import is a pair of modules, however many names it takes."""

    who: str
    whom: str
    imports: list[Import] = field(default_factory=list)
    up: bool = False
    """It closes a cycle: whom it needs is not below."""

    def through(self) -> Counter[str]:
        """The modules of the other part, and by how many of this one each is imported."""
        return Counter(short(one.imported)[len(self.whom) + 1 :] or "__init__" for one in self.imports)

    def only(self, when: When) -> int:
        """How many of the imports are done just then."""
        return sum(one.when is when for one in self.imports)


@dataclass
class Dependencies:
    """All of it."""

    imports: list[Import]
    parts: dict[str, Part]
    """From the highest layer to the lowest."""
    needs: list[Need]
    cycles_of_parts: list[list[str]]
    cycles_of_modules: list[list[str]]
    cycles_that_run: list[list[str]]
    """Those of modules without what is imported for its types only."""


def short(module: str) -> str:
    """Its name without that of the package."""
    return module.partition(".")[2]


def read_dependencies(package: Path = PACKAGE) -> Dependencies:
    """Read the package's source."""
    known = modules(package)
    homes = {module: _home(module, known) for module in known}
    imports = read_imports(package)
    parts = _parts(known, homes)
    needs: dict[tuple[str, str], Need] = {}
    for one in imports:
        who, whom = homes[one.importer], homes[one.imported]
        if who != whom and who in parts and whom in parts:
            needs.setdefault((who, whom), Need(who, whom)).imports.append(one)
    arrows = {part: {whom for who, whom in needs if who == part} for part in parts}
    groups = cycles(arrows)
    for part in parts.values():
        part.fan_out = len(arrows[part.name])
        part.fan_in = sum(part.name in arrows[other] for other in parts)
        part.layer = _layer(part.name, arrows, groups)
    ordered = {part.name: part for part in sorted(parts.values(), key=lambda part: (-part.layer, part.name))}
    place = list(ordered)
    for (who, whom), need in needs.items():
        need.up = place.index(whom) < place.index(who)
    return Dependencies(
        imports,
        ordered,
        sorted(needs.values(), key=lambda need: (place.index(need.who), place.index(need.whom))),
        groups,
        cycles(_module_graph(known, imports)),
        cycles(_module_graph(known, [one for one in imports if one.when is not When.TYPES])),
    )


def _home(module: str, known: Mapping[str, Path]) -> str:
    """The part that a module is in; none for the package itself and what lies directly in it."""
    folders = short(module).split(".")
    if known[module].name != "__init__.py":
        folders.pop()
    return ".".join(folders[: 2 if folders[0:1] and folders[0] in SPLIT else 1])


def _parts(known: Mapping[str, Path], homes: Mapping[str, str]) -> dict[str, Part]:
    """A folder that has a file ``__init__.py`` and no other is data, not code."""
    parts: dict[str, Part] = {}
    for module, path in known.items():
        if homes[module] and path.name != "__init__.py":
            part = parts.setdefault(homes[module], Part(homes[module]))
            part.modules += 1
            part.domain = part.domain or short(module) == f"{part.name}.service"
    return parts


def _module_graph(known: Mapping[str, Path], imports: list[Import]) -> dict[str, set[str]]:
    needs: dict[str, set[str]] = defaultdict(set)
    for one in imports:
        needs[one.importer].add(one.imported)
    return {module: needs[module] for module in known}


def _layer(part: str, arrows: Mapping[str, Set[str]], groups: list[list[str]]) -> int:
    group = next((group for group in groups if part in group), [part])
    below = set().union(*(arrows[one] for one in group)) - set(group)
    return max((1 + _layer(one, arrows, groups) for one in below), default=0)


def as_json(found: Dependencies) -> dict[str, Any]:
    """The same for programs."""
    return {
        "parts": [vars(part) for part in found.parts.values()],
        "needs": [
            {
                "who": need.who,
                "whom": need.whom,
                "imports": len(need.imports),
                "late": need.only(When.LATE),
                "types_only": need.only(When.TYPES),
                "through": dict(need.through()),
                "closes_a_cycle": need.up,
            }
            for need in found.needs
        ],
        "cycles": {
            "parts": found.cycles_of_parts,
            "modules": found.cycles_of_modules,
            "modules_without_types": found.cycles_that_run,
        },
        "imports": [
            {
                "importer": one.importer,
                "imported": one.imported,
                "when": one.when.name.lower(),
                "names": sorted(one.names),
            }
            for one in found.imports
        ],
    }
