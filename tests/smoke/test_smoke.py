"""Is this node fit for use? In under half a minute: ``pytest -m smoke``, or ``tox -e smoke``.

On a node of its own, or with TUTORWAMP_SMOKE_URL on a running one; there it leaves two accounts and an ended lesson.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import treq
from twisted.internet import reactor
from twisted.web.client import HTTPConnectionPool

from tests.support.machine import PASSWORD
from tests.support.people import PythonPerson, register
from tutorwamp.client import Login
from tutorwamp.kernel.contracts import instant_text, new_id

AT_MOST_S: Final = 30.0
"""What somebody waits for after a deployment before they look elsewhere."""

pytestmark = pytest.mark.smoke


@dataclass(frozen=True)
class Elsewhere:
    """A node that runs already."""

    url: str


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Any:
    url = os.environ.get("TUTORWAMP_SMOKE_URL")
    return Elsewhere(url.rstrip("/")) if url else request.getfixturevalue("node")


class Rest:
    """Somebody's REST requests, or nobody's."""

    def __init__(self, target: Any, pool: HTTPConnectionPool, token: str | None = None) -> None:
        self._url, self._pool = target.url, pool
        self._headers: dict[bytes | str, bytes | str] = {"Authorization": f"Bearer {token}"} if token else {}

    async def __call__(self, method: str, path: str, status: int = 200, value: Any = None, **headers: str) -> Any:
        """The answer's JSON; another status than this one fails."""
        named: dict[bytes | str, bytes | str] = {
            **self._headers,
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        answered = await treq.request(
            method, f"{self._url}/api{path}", headers=named, pool=self._pool, timeout=AT_MOST_S,
            **({} if value is None else {"json": value}),
        )  # fmt: skip
        body = await answered.content()
        assert answered.code == status, (method, path, body)
        return await answered.json() if body else None


async def test_health_auth_lessons_chat_board_and_notifications_work(target: Any) -> None:
    began_s, pool = time.monotonic(), HTTPConnectionPool(reactor)
    anybody = Rest(target, pool)
    assert (await anybody("GET", "/health"))["status"] == "ok"
    described = (await anybody("GET", "/openapi.json"))["paths"]

    emails = [(await register(target, name, role))[0] for name, role in (("Tess", "tutor"), ("Anna", "student"))]
    await anybody("POST", "/auth/login", 401, {"email": emails[0], "password": "wrong"})
    tess, anna = [await PythonPerson.enter(target, email) for email in emails]
    tutor, student = [Rest(target, pool, await _token(target, email)) for email in emails]
    assert (await student("GET", "/auth/me"))["id"] == anna.user["id"]
    try:
        await _a_lesson(tutor, student, tess, anna)
        if "/api/notifications" in described:
            assert (await student("GET", "/notifications/unread-count"))["unread_count"] >= 0
            assert isinstance((await student("GET", "/notifications"))["items"], list)
    finally:
        for person in (tess, anna):
            await person.close()
        await pool.closeCachedConnections()
    assert time.monotonic() - began_s < AT_MOST_S


async def _token(target: Any, email: str) -> str:
    login = Login(target.url)
    await login.log_in(email, PASSWORD)
    return await login.access_token()


async def _a_lesson(tutor: Rest, student: Rest, tess: PythonPerson, anna: PythonPerson) -> None:
    """Planned, started, talked in and ended over REST; who is there over WAMP hears all of it."""
    now = datetime.now(UTC)
    times = {"starts_at": instant_text(now), "ends_at": instant_text(now + timedelta(hours=1))}
    plan = {"title": "Smoke", "student_ids": [anna.user["id"]], **times}
    lesson = await tutor("POST", "/lessons", 201, plan, Idempotency_Key="smoke")
    assert (await tutor("POST", "/lessons", 201, plan, Idempotency_Key="smoke"))["id"] == lesson["id"]
    assert [one["id"] for one in (await student("GET", "/lessons"))["items"]] == [lesson["id"]]
    path, stream = f"/lessons/{lesson['id']}", f"tutorwamp.lesson.{lesson['id']}"
    await anna.join(lesson["id"])

    await tutor("POST", f"{path}/start")
    message = await tutor("POST", f"{path}/messages", 201, {"body": "Hello"})
    await tutor("PATCH", f"{path}/messages/{message['id']}", 200, {"body": "Hello, Anna"})
    rect = {"id": new_id(), "page": lesson["id"], "kind": "rect", "color": "#1a2b3c",
            "x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}  # fmt: skip
    drawn = await tess.call("tutorwamp.board.submit", lesson_id=lesson["id"], changes=[{"op": "put", "element": rect}])
    assert drawn["applied"] == [rect["id"]]
    assert [one["id"] for one in (await student("GET", f"{path}/board"))["elements"]] == [rect["id"]]
    await tutor("POST", f"{path}/end")

    told = {"state": ["lesson.started", "lesson.ended"], "chat": ["message.created", "message.updated"],
            "board": ["board.changed"]}  # fmt: skip
    await anna.heard_until(lambda: all(len(anna.heard[f"{stream}.{kind}"]) >= len(told[kind]) for kind in told))
    assert {kind: [one["type"] for one in anna.heard[f"{stream}.{kind}"]] for kind in told} == told
    replayed = (await student("GET", f"{path}/replay"))["items"]
    assert sorted(one["type"] for one in replayed) == sorted(one for types in told.values() for one in types)
