"""Everything a client can ask for, hear or be refused with, found in the code itself: nothing is listed by hand.

Doors are classes in the rooms ``wamp`` and ``rest`` with marked methods; topics and errors name
themselves. A new domain is in the catalogue as soon as its folder is there.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final, Literal, get_type_hints

from pydantic import TypeAdapter

import tutorwamp
from tutorwamp.kernel.contracts import Problem, Procedure, StreamEvent, Value
from tutorwamp.kernel.edges.resource import Route, routes_of
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.errors import catalogue as errors_by_uri
from tutorwamp.kernel.topics import Topic, topics

WITHOUT_CATALOGUE: Final = frozenset({"client", "gate", "kernel"})
"""Folders that clients cannot ask for anything."""
DOORS_OF_THE_APP: Final = ("tutorwamp.app.site", "tutorwamp.reference.pages")
READS_A_TOKEN: Final = frozenset({"caller", "_caller", "authenticated", "bearer_token"})
"""Names by which a method of a REST door asks who calls."""

Mode = Literal["validation", "serialization"]


@dataclass(frozen=True)
class ServedRoute:
    """A route, and what its method says about itself."""

    route: Route
    method: str
    meaning: str
    gives: type[Value] | str | None
    needs_token: bool

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
        return self.route.status or (204 if self.gives is None else 200)


@dataclass(frozen=True)
class Catalogue:
    """All there is, each list in the order of its names. ``definitions`` are JSON Schemas the others refer to."""

    procedures: dict[str, tuple[Procedure[Any, Any], str]]
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
        dict(sorted(_procedures())),
        {topic.uri: topic for topic in sorted(topics(), key=lambda topic: topic.uri)},
        sorted(_routes(), key=lambda one: (one.path, one.method)),
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
                "meaning": meaning,
                "writes": procedure.writes,
                "arguments": found.schema(procedure.arguments, "validation"),
                "result": found.schema(procedure.result, "serialization"),
            }
            for uri, (procedure, meaning) in found.procedures.items()
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
            {"method": one.method, "path": one.path, "meaning": one.meaning, "status": one.status}
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


def _classes(module: ModuleType) -> Iterator[type[object]]:
    return (one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == module.__name__)


def _procedures() -> Iterator[tuple[str, tuple[Procedure[Any, Any], str]]]:
    for module in _rooms("wamp"):
        for door in _classes(module):
            for method in vars(door).values():
                if hasattr(method, "__serves__"):
                    yield method.__serves__.uri, (method.__serves__, first_sentence(method))


def _routes() -> Iterator[ServedRoute]:
    modules = [*_rooms("rest"), *(importlib.import_module(name) for name in DOORS_OF_THE_APP)]
    for door in (door for module in modules for door in _classes(module)):
        for route, function in routes_of(door):
            token = bool(READS_A_TOKEN.intersection(function.__code__.co_names))
            for method in route.methods:
                yield ServedRoute(route, method, first_sentence(function), route.gives or _answered(function), token)


def _answered(function: Callable[..., Any]) -> type[Value] | None:
    """The model a method's annotation names, if it does."""
    answer = get_type_hints(function).get("return")
    return answer if inspect.isclass(answer) and issubclass(answer, Value) else None


def _models(found: Catalogue) -> Iterator[tuple[type, Mode]]:
    for procedure, _ in found.procedures.values():
        yield procedure.arguments, "validation"
        yield procedure.result, "serialization"
    for topic in found.topics.values():
        for model in (*topic.events.values(), *([topic.message] if topic.message else [])):
            yield model, "serialization"
    for one in found.routes:
        if one.route.asks is not None:
            yield one.route.asks, "validation"
        if inspect.isclass(one.gives):
            yield one.gives, "serialization"
    yield StreamEvent, "serialization"
    yield Problem, "serialization"
