"""An error as an answer over HTTP: problem+json (RFC 9457), with the headers that every answer of ours has."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from twisted.web.http import RESPONSES
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest

from tutorwamp.kernel.contracts import Problem, new_id
from tutorwamp.kernel.edges.answered import answered
from tutorwamp.kernel.edges.origins import SECURITY_HEADERS
from tutorwamp.kernel.errors import Retryable, TutorwampError, Unauthenticated

REQUEST_ID_FORM: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""Of an ``X-Request-ID`` we take over from a caller; any other is replaced."""
PHRASES: Final = {**RESPONSES, 422: b"Unprocessable Content", 429: b"Too Many Requests"}
"""Twisted does not know these two and would write "Unknown Status"."""


def begin(http: IRequest) -> str:
    """Give the request an id and the headers every answer has; the id."""
    given = (http.getHeader(b"x-request-id") or b"").decode("latin-1")
    request_id = given if REQUEST_ID_FORM.fullmatch(given) else new_id()
    http.setHeader("x-request-id", request_id)
    for name, value in SECURITY_HEADERS.items():
        http.setHeader(name, value)
    return request_id


def render(http: IRequest, error: TutorwampError, request_id: str, *, noted: bool = False) -> bytes:
    """Set status and headers; the body. ``noted``: the log knows of it already."""
    if not noted:
        answered.note(error, request_id)
    http.setResponseCode(error.status, PHRASES[error.status])
    body = to_json(_problem(error, request_id))
    for name, value in _headers(error).items():
        http.setHeader(name, value)
    return body


def write(http: Any, error: TutorwampError) -> None:
    """The whole answer to a request that has got none yet."""
    body = render(http, error, begin(http))
    http.setHeader("content-length", str(len(body)))
    http.write(body)
    http.finish()


def alone(error: TutorwampError, more: Mapping[str, str]) -> tuple[Headers, bytes]:
    """Headers, with ``more``, and body for where there is no request to answer: what came is none, or too much."""
    request_id = new_id()
    answered.note(error, request_id)
    body = to_json(_problem(error, request_id))
    own = {"x-request-id": request_id, "content-length": str(len(body)), "connection": "close"}
    headers = Headers()
    for name, value in {**SECURITY_HEADERS, **_headers(error), **more, **own}.items():
        headers.setRawHeaders(name, [value])
    return headers, body


def to_json(value: Any) -> bytes:
    """As REST writes it. Raises ValueError for what JSON in UTF-8 cannot say."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def _headers(error: TutorwampError) -> dict[str, str]:
    headers = {"content-type": "application/problem+json"}
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, Retryable):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    return headers


def _problem(error: TutorwampError, request_id: str) -> Any:
    return Problem(
        type=error.uri,
        status=error.status,
        title=PHRASES[error.status].decode(),
        detail=error.message,
        action=error.action,
        details=error.details,
        request_id=request_id,
    ).plain()
