"""Everything a client can ask for, hear or be refused with, found in the code itself: nothing is listed by hand.

Procedures and routes stand in tables in the rooms ``wamp`` and ``rest``; topics and errors name themselves. A new
domain is in the catalogue as soon as its folder is there.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final, Literal, TypeVar

from pydantic import TypeAdapter

import tutorwamp
from tutorwamp.kernel.contracts import Problem, Procedure, StreamEvent
from tutorwamp.kernel.edges.component import Serving
from tutorwamp.kernel.edges.resource import Route
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.errors import catalogue as errors_by_uri
from tutorwamp.kernel.topics import Topic, topics

WITHOUT_CATALOGUE: Final = frozenset({"client", "gate", "kernel"})
"""Folders that clients cannot ask for anything."""
SITE: Final = "tutorwamp.app.site"
"""Knows the tables that are no domain's."""
Mode = Literal["validation", "serialization"]
Row = TypeVar("Row")


@dataclass(frozen=True)
class ServedRoute:
    """A route as the reference shows it."""

    route: Route[Any]
    meaning: str

    @property
    def path(self) -> str:
        """As OpenAPI writes it."""
        return self.route.path.replace("<", "{").replace(">", "}")

    @property
    def in_path(self) -> list[str]:
        """Names of the path's parts."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def status(self) -> int:
        """Of success."""
        return self.route.status or (204 if self.route.gives is None else 200)


@dataclass(frozen=True)
class Catalogue:
    """All there is, each list in the order of its names. ``definitions`` are JSON Schemas the others refer to."""

    procedures: dict[str, Procedure[Any, Any]]
    topics: dict[str, Topic]
    routes: list[ServedRoute]
    errors: dict[str, type[TutorwampError]]
    definitions: dict[str, Any] = field(default_factory=dict)
    references: dict[tuple[type, Mode], dict[str, Any]] = field(default_factory=dict)

    def schema(self, model: type, mode: Mode) -> dict[str, Any]:
        """The schema of a model as arguments (``validation``) or as an answer (``serialization``)."""
        return self.references[model, mode]

    def fields(self, model: type, mode: Mode = "validation") -> dict[str, Any]:
        """The schema of a model itself, where ``schema`` only refers to it."""
        reference = self.schema(model, mode)
        return self.definitions[reference["$ref"].rpartition("/")[2]] if "$ref" in reference else reference


@functools.cache
def catalogue() -> Catalogue:
    """Read it off the code."""
    found = Catalogue(
        {
            row.procedure.uri: row.procedure
            for row in sorted(_rows(_rooms("wamp"), Serving), key=lambda row: row.procedure.uri)
        },
        {topic.uri: topic for topic in sorted(topics(), key=lambda topic: topic.uri)},
        sorted(_routes(), key=lambda one: (one.path, one.route.method)),
        dict(sorted(errors_by_uri().items())),
    )
    wanted: list[tuple[Any, Mode, TypeAdapter[Any]]] = [
        (model, mode, TypeAdapter(model)) for model, mode in dict.fromkeys(_models(found))
    ]
    references, whole = TypeAdapter.json_schemas(wanted, ref_template="#/components/schemas/{model}")
    found.definitions.update(whole["$defs"])
    found.references.update({key: dict(schema) for key, schema in references.items()})
    return found


def as_json() -> dict[str, Any]:
    """The catalogue as plain values; ``$ref`` points into ``components.schemas``."""
    found = catalogue()
    return {
        "procedures": {
            uri: {
                "meaning": procedure.meaning,
                "writes": procedure.writes,
                "arguments": found.schema(procedure.arguments, "validation"),
                "result": found.schema(procedure.result, "serialization"),
            }
            for uri, procedure in found.procedures.items()
        },
        "topics": {
            uri: {
                "meaning": topic.meaning,
                "publisher": topic.publisher,
                "message": found.schema(topic.message or StreamEvent, "serialization"),
                "events": {name: found.schema(data, "serialization") for name, data in topic.events.items()},
            }
            for uri, topic in found.topics.items()
        },
        "routes": [
            {"method": one.route.method, "path": one.path, "meaning": one.meaning, "status": one.status}
            for one in found.routes
        ],
        "errors": {
            uri: {"status": error.status, "action": str(error.action), "meaning": first_sentence(error)}
            for uri, error in found.errors.items()
        },
        "components": {"schemas": found.definitions},
    }


def first_sentence(documented: object) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].replace("``", "`").split())


def _rooms(room: str) -> Iterator[ModuleType]:
    for package in pkgutil.iter_modules(tutorwamp.__path__):
        if package.ispkg and package.name not in WITHOUT_CATALOGUE:
            folder = importlib.import_module(f"tutorwamp.{package.name}")
            if any(module.name == room for module in pkgutil.iter_modules(folder.__path__)):
                yield importlib.import_module(f"tutorwamp.{package.name}.{room}")


def _rows(modules: Iterable[ModuleType], kind: type[Row]) -> Iterator[Row]:
    """Of all tables in these modules."""
    for table in (value for module in modules for value in vars(module).values() if isinstance(value, tuple)):
        yield from (row for row in table if isinstance(row, kind))


def _routes() -> Iterator[ServedRoute]:
    modules = [*_rooms("rest"), importlib.import_module(SITE)]
    for route in _rows(modules, Route):
        yield ServedRoute(route, route.meaning or first_sentence(route.answer))


def _models(found: Catalogue) -> Iterator[tuple[type, Mode]]:
    for procedure in found.procedures.values():
        yield procedure.arguments, "validation"
        yield procedure.result, "serialization"
    for topic in found.topics.values():
        for model in (*topic.events.values(), *([topic.message] if topic.message else [])):
            yield model, "serialization"
    for one in found.routes:
        if one.route.asks is not None:
            yield one.route.asks, "validation"
        if inspect.isclass(one.route.gives):
            yield one.route.gives, "serialization"
        if one.route.other is not None:
            yield one.route.other[1], "serialization"
    yield StreamEvent, "serialization"
    yield Problem, "serialization"
