"""The OpenAPI 3.1 document, made from the routes and the contracts' models."""

from __future__ import annotations

import functools
from typing import Any, Final

from pydantic import TypeAdapter

import tutorwamp
from tutorwamp.kernel.contracts import Id, Problem
from tutorwamp.reference.catalogue import Catalogue, ServedRoute, catalogue

ID: Final = TypeAdapter(Id).json_schema()
CONTENT: Final = "scene"
"""The argument that is the whole body, where the body is a file of JSON."""
BODY_METHODS: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})
IN_HEADERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "client_id": ("Idempotency-Key", {"type": "string", "maxLength": 64, "pattern": r"^[!-~]*$"}),
    "version": ("If-Match", {"type": "string", "pattern": r'^((W/)?"[1-9][0-9]{0,8}")?$'}),
}
"""Arguments that may stand in a header in place of the body, and their form there; an empty one is none."""


@functools.cache
def document() -> dict[str, Any]:
    """The whole document; not to be changed by callers."""
    found = catalogue()
    paths: dict[str, dict[str, Any]] = {}
    for one in found.routes:
        if one.path.startswith("/api/"):  # what the process tells its operators is no part of it
            paths.setdefault(one.path, {})[one.route.method.lower()] = _operation(found, one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "tutorwamp", "version": tutorwamp.__version__, "license": {"name": "MIT"}},
        "paths": paths,
        "components": {
            "schemas": found.definitions,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(found: Catalogue, one: ServedRoute) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(one),
        "summary": one.meaning,
        "tags": [one.path.split("/")[2]],
        "responses": {str(one.status): _success(found, one), "default": _problem(found)},
    }
    fields, whole = _fields(found, one), _properties(found, one)
    parameters = [_parameter("path", name, whole.get(name, ID), required=True) for name in one.in_path]
    has_body = one.route.method in BODY_METHODS
    if one.route.body or not has_body:
        parameters += [
            _parameter("query", name, schema, required=name in _required(found, one))
            for name, schema in fields.items()
            if name != "client_id"
        ]
    if has_body:
        parameters += [_parameter("header", *header) for name, header in IN_HEADERS.items() if name in fields]
        operation |= _request_body(found, one, fields)
    if parameters:
        operation["parameters"] = parameters
    if not one.route.public:
        operation["security"] = [{"token": []}]
    return operation


def _operation_id(one: ServedRoute) -> str:
    words = [part.strip("{}").replace("-", "_") for part in one.path.split("/")[2:]]
    return "_".join([one.route.method.lower(), *words]).replace(".", "_")


def _fields(found: Catalogue, one: ServedRoute) -> dict[str, Any]:
    """The arguments that do not stand in the path; nor the content, where the body is a file."""
    content = {CONTENT} if one.route.body else set()
    return {name: of for name, of in _properties(found, one).items() if name not in {*one.in_path, *content}}


def _properties(found: Catalogue, one: ServedRoute) -> dict[str, Any]:
    properties: dict[str, Any] = found.fields(one.route.asks).get("properties", {}) if one.route.asks else {}
    return properties


def _required(found: Catalogue, one: ServedRoute) -> list[str]:
    required = found.fields(one.route.asks).get("required", []) if one.route.asks else []
    return [name for name in required if name not in one.in_path]


def _request_body(found: Catalogue, one: ServedRoute, fields: dict[str, Any]) -> dict[str, Any]:
    if one.route.body:
        schema = _properties(found, one).get(CONTENT, {"type": "string", "format": "binary"})
        content = {one.route.body: {"schema": schema}}
        if one.route.other is not None:
            content[one.route.other[0]] = {"schema": {"type": "string", "format": "binary"}}
        return {"requestBody": {"required": True, "content": content}}
    if not fields:
        return {}
    required = _required(found, one)
    in_body = [name for name in required if name not in IN_HEADERS]
    schema = {"type": "object", "properties": fields, "required": in_body, "additionalProperties": False}
    return {"requestBody": {"required": bool(required), "content": {"application/json": {"schema": schema}}}}


def _parameter(place: str, name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    said = {"in": place, "name": name, "required": required, "schema": schema}
    is_list = any(one.get("type") == "array" for one in (schema, *schema.get("anyOf", ())))
    return said | ({"style": "form", "explode": False} if is_list else {})


def _success(found: Catalogue, one: ServedRoute) -> dict[str, Any]:
    headers = {"X-Request-ID": {"schema": {"type": "string"}}}
    if one.route.gives is None:
        return {"description": "Done.", "headers": headers}
    if isinstance(one.route.gives, str):
        return {"description": "A file.", "headers": headers, "content": {one.route.gives: {}}}
    schema = found.schema(one.route.gives, "serialization")
    if one.route.other is not None:
        schema = {"oneOf": [schema, found.schema(one.route.other[1], "serialization")]}
    return {"description": "Done.", "headers": headers, "content": {"application/json": {"schema": schema}}}


def _problem(found: Catalogue) -> dict[str, Any]:
    schema = found.schema(Problem, "serialization")
    return {"description": "A problem.", "content": {"application/problem+json": {"schema": schema}}}
