"""The people and lessons that attacks need, made through the public doors of a node."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import uuid4

from tests.hostile.attacks.cost import WORDS
from tests.hostile.enemy import PASSWORD, Ground, new_uuid
from tests.hostile.wire import RESULT, Wamp, request

HOME: Final = "127.0.0.1"
IN_FLIGHT: Final = 32
BEAT_EVERY: Final = 200
"""Messages; whoever only talks is ended after two minutes."""


def _post(port: int, path: str, body: dict[str, Any]) -> Any:
    status, raw, _ = request(port, "POST", path, body, address=HOME)
    assert status in (200, 201), f"{path}: {status} {raw[:300]!r}"
    return json.loads(raw)


def person(port: int, name: str, role: str = "student") -> tuple[str, str]:
    """A new account: e-mail address and id."""
    email = f"{name.replace(' ', '-')}-{uuid4()}@school.example"
    user = _post(port, "/api/auth/register", {"email": email, "password": PASSWORD, "name": name, "role": role})
    return email, user["id"]


def ticket(port: int, email: str) -> str:
    """An access token."""
    return str(_post(port, "/api/auth/login", {"email": email, "password": PASSWORD})["access_token"])


def session(port: int, email: str) -> Wamp:
    return Wamp(port, "cbor", ticket(port, email), address=HOME)


def lesson(tutor: Wamp, student_ids: list[str]) -> str:
    """Live."""
    begins = datetime.now(UTC)
    times = {
        "starts_at": f"{begins:%Y-%m-%dT%H:%M:%S}Z",
        "ends_at": f"{begins + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}Z",
    }
    made = tutor.must("tutorwamp.lesson.create", title="Fractions", student_ids=student_ids, **times)
    tutor.must("tutorwamp.lesson.start", lesson_id=made["id"])
    return str(made["id"])


def hostile_ground(
    port: int, others: list[str], *, strokes: int, messages: int, pupils: int = 3, share: float = 1.0
) -> Ground:
    """Accounts of a tutor, a student and a stranger, and a lesson of the first two with a board and a chat."""
    emails, ids = {}, {}
    for name, role in (("tutor", "tutor"), ("student", "student"), ("stranger", "tutor")):
        emails[name], ids[name] = person(port, f"hostile {name}", role)
    student_ids = [ids["student"], *(person(port, f"pupil {number}")[1] for number in range(pupils))]
    with session(port, emails["tutor"]) as tutor:
        lesson_id = lesson(tutor, student_ids)
        _draw(tutor, lesson_id, strokes)
        message_id = _say(tutor, lesson_id, messages)
    known = {"lesson_id": [lesson_id], "page": [lesson_id], "student_ids": student_ids}
    known |= {"message_id": [message_id], "reply_to": [message_id]}
    return Ground(port, emails, lesson_id, others, share, known)


def _draw(tutor: Wamp, lesson_id: str, strokes: int) -> None:
    random = Random(strokes)
    for begins in range(0, strokes, 100):
        changes = [
            {
                "op": "put",
                "element": {
                    "id": new_uuid(random), "page": lesson_id, "kind": "stroke", "color": "#204080", "width": 2.0,
                    "points": [[float(random.randrange(900)), float(random.randrange(600))] for _ in range(60)],
                },
            }
            for _ in range(min(100, strokes - begins))
        ]  # fmt: skip
        answer = tutor.must("tutorwamp.board.submit", lesson_id=lesson_id, changes=changes)
        assert not answer["rejected"], answer["rejected"][0]


def _say(tutor: Wamp, lesson_id: str, messages: int) -> str:
    """On a busy machine some are asked to come back; the id of the last."""
    left = list(range(messages))
    waiting: dict[int, int] = {}
    while left or waiting:
        while left and len(waiting) < IN_FLIGHT:
            number = left.pop()
            asked = tutor.ask("tutorwamp.chat.send", lesson_id=lesson_id, body=f"{' '.join(WORDS)} {number}")
            waiting[asked] = number
            if number % BEAT_EVERY == 0:
                tutor.ask("tutorwamp.session.heartbeat")
        answer = tutor.hear(60)
        if answer[0] == RESULT:
            waiting.pop(answer[1], None)
        else:
            assert answer[4] == "tutorwamp.error.unavailable", answer
            left.append(waiting.pop(answer[2]))
    return str(tutor.must("tutorwamp.chat.send", lesson_id=lesson_id, body="the last")["id"])
