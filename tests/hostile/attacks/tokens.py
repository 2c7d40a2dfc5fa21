"""Items 9 and 10: tokens that were spent, and mail to people who did not ask for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.hostile.enemy import Enemy, attack

SUBJECT = "WIN A PRIZE AT evil.example"


@attack(10, "a spent refresh token, three rotations later, with its client_id")
def spent_tokens(enemy: Enemy) -> None:
    tokens = enemy.tokens("stranger")
    first, current = tokens["refresh_token"], tokens["refresh_token"]
    for number in range(3):
        status, raw, _ = enemy.http(
            "POST", "/api/auth/refresh", {"refresh_token": current, "client_id": f"rotation {number}"}
        )
        if status != 200:
            enemy.note(f"rotation {status}")
            return
        current = json.loads(raw)["refresh_token"]
    status, _, _ = enemy.http("POST", "/api/auth/refresh", {"refresh_token": first, "client_id": "rotation 0"})
    enemy.note("SPENT TOKEN ANSWERED" if status == 200 else f"spent token {status}")
    for said in (first[:-1] + "x", "", "x" * 10_000, current + "\0"):
        enemy.http("POST", "/api/auth/refresh", {"refresh_token": said})


@attack(9, "lessons with a subject of one's own and everybody invited, made and cancelled as fast as they go")
def invitations(enemy: Enemy) -> None:
    students = enemy.ground.ids["student_ids"][:30]
    with enemy.session("stranger") as session:
        for _ in range(enemy.many(20)):
            begins = datetime.now(UTC) + timedelta(hours=enemy.random.randrange(24, 90_000))
            times = {
                "starts_at": f"{begins:%Y-%m-%dT%H:%M:%S}Z",
                "ends_at": f"{begins + timedelta(minutes=9):%Y-%m-%dT%H:%M:%S}Z",
            }
            error, answer = session.call("tutorwamp.lesson.create", title=SUBJECT, student_ids=students, **times)
            enemy.note(error or "invited")
            if not error and enemy.random.random() < 0.5:
                error, _ = session.call("tutorwamp.lesson.cancel", lesson_id=answer["id"], reason=SUBJECT)
                enemy.note(error or "cancelled")
