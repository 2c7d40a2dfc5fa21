"""Loaded by schemathesis: gives the run's token, and makes good what a JSON Schema cannot say.

Plain Python: schemathesis cannot live in one environment with the node (its anyio wants a newer idna). Bad cases are
sent as they are; of good ones only what the schema leaves open is mended, so that "valid data is accepted" can hold.
"""

from __future__ import annotations

import base64
import json
import os
import unicodedata
import urllib.request
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st

URL: Final = os.environ["TUTORWAMP_FUZZ_URL"]
EMAIL: Final = os.environ["TUTORWAMP_FUZZ_EMAIL"]
PASSWORD: Final = os.environ["TUTORWAMP_FUZZ_PASSWORD"]
STUDENT_ID: Final = os.environ["TUTORWAMP_FUZZ_STUDENT_ID"]
THERE: Final[dict[str, str]] = json.loads(os.environ["TUTORWAMP_FUZZ_THERE"])
"""By part of a path, the id of something that is there."""
ENDING: Final = ("/end", "/cancel")
"""What would end the lesson that the others are asked about."""
TOKEN_KEPT_S: Final = 300
"""A third of an access token's life."""
PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c636460f8cfc000000301010018dd"
    "8db00000000049454e44ae426082"
)
POINT: Final = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
"""A browser's key, of RFC 8291 appendix A."""
SECRET: Final = base64.urlsafe_b64encode(bytes(16)).decode()
CURSORS: Final = {
    "/api/lessons": f"1764064800000|{uuid.UUID(int=0)}",
    "/api/notifications": f"1764064800000|{uuid.UUID(int=0)}",
    "/api/lessons/{lesson_id}/messages": "5",
    "/api/lessons/{lesson_id}/replay": "1764064800000|chat|5",
}
"""By list, where one of its cursors may point."""
LINES: Final = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=60).map(
    lambda text: unicodedata.normalize("NFC", text).strip() + "."  # something to see
)

schemathesis.openapi.format("text", LINES)
schemathesis.openapi.format("line", LINES)
schemathesis.openapi.format("emoji", st.sampled_from(["👍", "❤️", "🧑‍🏫", "✅"]))
schemathesis.openapi.media_type("image/*", st.just(PNG))
schemathesis.openapi.media_type("application/octet-stream", st.binary(min_size=1, max_size=5_000))


@schemathesis.auth(refresh_interval=TOKEN_KEPT_S)
class Token:
    """The access token."""

    def get(self, _case: Any, _context: Any) -> str:
        credentials = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
        headers = {"content-type": "application/json"}
        asked = urllib.request.Request(f"{URL}/api/auth/login", credentials, headers)  # noqa: S310  # http to the node
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310  # the same
            return str(json.load(answer)["access_token"])

    def set(self, case: Any, data: str, _context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Mend a good case in what stands between two fields, behind an opaque one, or in the database."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.meta.phase.name.value != "stateful" and not case.path.endswith(ENDING):
        there = {name: THERE[name] for name in case.path_parameters or {} if name in THERE}
        case.path_parameters.update(there)
    for name in ("cursor", "after"):
        if isinstance(case.query, dict) and case.query.get(name) is not None:
            case.query[name] = base64.urlsafe_b64encode(CURSORS[case.path].encode()).decode().rstrip("=")
    if case.path.endswith("/files") and isinstance(case.query, dict):
        case.query["name"] = "notes.txt"  # a line without what means a place on a disk
    if isinstance(case.body, dict):
        _mend_fields(case.path, case.body)
        _mend_pairs(case)


def _mend_fields(path: str, body: dict[str, Any]) -> None:
    body.pop("reply_to", None)  # the lesson may be any
    body.pop("file_ids", None)  # each is for one message
    if path.endswith("/messages"):
        body["body"] = body.get("body") or "hello"
    good = {
        "email": EMAIL if path.endswith("/login") else f"{uuid.uuid4()}@school.example",
        "password": PASSWORD,
        "keys": {"p256dh": POINT, "auth": SECRET},
        "student_ids": [STUDENT_ID],
    }
    for name, value in body.items():
        if name in good and value:
            body[name] = good[name]
        elif isinstance(value, float) and value.is_integer():
            body[name] = int(value)  # 1.0 is an integer to JSON Schema, and none to us


def _mend_pairs(case: Any) -> None:
    body = case.body
    if body.get("starts_at") and body.get("ends_at"):
        begins = datetime.fromisoformat(body["starts_at"])
        body["ends_at"] = (begins + timedelta(hours=1)).isoformat()
    if case.method == "PATCH" and case.path == "/api/lessons/{lesson_id}":
        body.setdefault("version", 1)
    for field, header in (("client_id", "Idempotency-Key"), ("version", "If-Match")):
        if header in (case.headers or {}) and field in body:
            del case.headers[header]
