"""The OpenAPI 3.1 document, made from the routes and the contracts' models."""

from __future__ import annotations

import functools
from typing import Any, Final

import tutorwamp
from tutorwamp.app.catalogue import Catalogue, ServedRoute, catalogue
from tutorwamp.kernel.contracts import Problem

BODY_METHODS: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})
IN_HEADERS: Final = {"client_id": "Idempotency-Key", "version": "If-Match"}
"""Arguments that may stand in a header in place of the body."""


@functools.cache
def document() -> dict[str, Any]:
    """The whole document; not to be changed by callers."""
    found = catalogue()
    paths: dict[str, dict[str, Any]] = {}
    for one in found.routes:
        if one.path.startswith("/api/"):  # what the process tells its operators is no part of it
            paths.setdefault(one.path, {})[one.method.lower()] = _operation(found, one)
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
    parameters = [_parameter("path", name, {"type": "string"}, required=True) for name in one.in_path]
    fields = _fields(found, one)
    has_body = one.method in BODY_METHODS
    if one.route.body or not has_body:
        parameters += [
            _parameter("query", name, schema, required=name in _required(found, one))
            for name, schema in fields.items()
            if name != "client_id"
        ]
    if has_body:
        parameters += [
            _parameter("header", header, {"type": "string"}) for name, header in IN_HEADERS.items() if name in fields
        ]
        operation |= _request_body(found, one, fields)
    if parameters:
        operation["parameters"] = parameters
    if one.needs_token:
        operation["security"] = [{"token": []}]
    return operation


def _operation_id(one: ServedRoute) -> str:
    words = [part.strip("{}").replace("-", "_") for part in one.path.split("/")[2:]]
    return "_".join([one.method.lower(), *words]).replace(".", "_")


def _fields(found: Catalogue, one: ServedRoute) -> dict[str, Any]:
    """The arguments that do not stand in the path; nor the content, where the body is a file."""
    properties = found.fields(one.route.asks).get("properties", {}) if one.route.asks else {}
    content = {"scene"} if one.route.body else set()
    return {name: schema for name, schema in properties.items() if name not in {*one.in_path, *content}}


def _required(found: Catalogue, one: ServedRoute) -> list[str]:
    required = found.fields(one.route.asks).get("required", []) if one.route.asks else []
    return [name for name in required if name not in one.in_path]


def _request_body(found: Catalogue, one: ServedRoute, fields: dict[str, Any]) -> dict[str, Any]:
    if one.route.body:
        return {"requestBody": {"required": True, "content": {one.route.body: {}}}}
    if not fields:
        return {}
    required = [name for name in _required(found, one) if name not in IN_HEADERS]
    schema = {"type": "object", "properties": fields, "required": required, "additionalProperties": False}
    return {"requestBody": {"required": bool(required), "content": {"application/json": {"schema": schema}}}}


def _parameter(place: str, name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"in": place, "name": name, "required": required, "schema": schema}


def _success(found: Catalogue, one: ServedRoute) -> dict[str, Any]:
    headers = {"X-Request-ID": {"schema": {"type": "string"}}}
    if one.gives is None:
        return {"description": "Done.", "headers": headers}
    if isinstance(one.gives, str):
        return {"description": "A file.", "headers": headers, "content": {one.gives: {}}}
    schema = found.schema(one.gives, "serialization")
    return {"description": "Done.", "headers": headers, "content": {"application/json": {"schema": schema}}}


def _problem(found: Catalogue) -> dict[str, Any]:
    schema = found.schema(Problem, "serialization")
    return {"description": "A problem.", "content": {"application/problem+json": {"schema": schema}}}
