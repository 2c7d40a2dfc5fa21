"""Item 4: small requests that are dear to answer."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any, Final

from PIL import Image

from tests.hostile.enemy import Enemy, attack, new_uuid
from tests.hostile.wire import GoneError

PATIENCE_S = 2.0
"""For answers, where attacks are mixed; at full strength somebody waits, for what nobody waits for is dropped."""
PATIENCE_AT_FULL_STRENGTH_S = 20.0
WORDS: Final = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "omicron", "pi", "rho", "sigma", "tau", "upsilon",
)  # fmt: skip


def _all_at_once(enemy: Enemy, who: str, asked: Sequence[tuple[str, dict[str, Any]]]) -> None:
    with enemy.session(who) as session:
        numbers = [session.ask(uri, **arguments) for uri, arguments in asked]
        try:
            patience_s = PATIENCE_AT_FULL_STRENGTH_S if enemy.ground.share == 1 else PATIENCE_S
            heard = enemy.hear(session, numbers, patience_s)
        except GoneError:
            heard = 0
        enemy.note("not waited for", len(numbers) - heard)


@attack(4, "40 exports of a full board as PNG at once")
def exports(enemy: Enemy) -> None:
    asked = {"lesson_id": enemy.ground.lesson_id, "format": "png"}
    _all_at_once(enemy, "tutor", [("tutorwamp.board.export", dict(asked))] * enemy.many(40))


@attack(4, "100 times board.open at once")
def boards_opened(enemy: Enemy) -> None:
    _all_at_once(enemy, "student", [("tutorwamp.board.open", {"lesson_id": enemy.ground.lesson_id})] * enemy.many(100))


@attack(4, "500 searches of 3 to 20 words at once")
def searches(enemy: Enemy) -> None:
    asked = [
        ("tutorwamp.chat.search", {"query": " ".join(enemy.random.sample(WORDS, words)), "limit": 100})
        for words in islice(cycle((20, 8, 3)), enemy.many(500))
    ]
    _all_at_once(enemy, "tutor", asked)


@attack(4, "400 heartbeats with the positions of 100 foreign lessons each")
def heartbeats(enemy: Enemy) -> None:
    asked = []
    for _ in range(enemy.many(400)):
        lessons = [*enemy.ground.others, *(new_uuid(enemy.random) for _ in range(100))][:100]
        asked.append(
            ("tutorwamp.session.heartbeat", {"positions": {f"tutorwamp.lesson.{one}.chat": 0 for one in lessons}})
        )
    _all_at_once(enemy, "stranger", asked)


@attack(4, "a page with 40 uses of a picture of 25 megapixels, exported four times")
def pictures(enemy: Enemy) -> None:
    lesson_id, token = enemy.ground.lesson_id, enemy.ticket("tutor")
    written = io.BytesIO()
    Image.new("RGB", (5_000, 5_000), (enemy.random.randrange(256), 9, 9)).save(written, "PNG")
    path = f"/api/lessons/{lesson_id}/board/pictures"
    status, raw, _ = enemy.http("POST", path, written.getvalue(), token=token, headers={"content-type": "image/png"})
    if status != 201:
        return
    asset_id = json.loads(raw)["id"]
    page = new_uuid(enemy.random)
    with enemy.session("tutor") as session:
        error, _ = session.call("tutorwamp.board.add_page", lesson_id=lesson_id, page=page)
        look = {"kind": "image", "page": page, "x": 0, "y": 0, "width": 900, "height": 900, "color": "#000000"}
        changes = [
            {"op": "put", "element": {**look, "id": new_uuid(enemy.random), "asset_id": asset_id}} for _ in range(40)
        ]
        error, answer = session.call("tutorwamp.board.submit", lesson_id=lesson_id, changes=changes)
        enemy.note(error or f"drawn {len(answer['applied'])}")
    asked = {"lesson_id": lesson_id, "format": "png", "page": page}
    _all_at_once(enemy, "tutor", [("tutorwamp.board.export", dict(asked))] * enemy.many(4))


@attack(4, "400 times everything that was missed of a long board and chat at once")
def resumes(enemy: Enemy) -> None:
    with enemy.session("student") as session:
        error, joined = session.call("tutorwamp.lesson.join", lesson_id=enemy.ground.lesson_id)
    if error:
        enemy.note(error)
        return
    positions = {stream: max(0, head - 300) for stream, head in joined["heads"].items()}
    _all_at_once(enemy, "student", [("tutorwamp.session.resume", {"positions": positions})] * enemy.many(400))


@attack(4, "400 pages of a lesson's replay, of its history and of one's lessons at once")
def pages(enemy: Enemy) -> None:
    lesson = {"lesson_id": enemy.ground.lesson_id, "limit": 100}
    asked = [("tutorwamp.lesson.replay", lesson), ("tutorwamp.chat.history", lesson)]
    asked += [("tutorwamp.lesson.list", {"limit": 100})]
    _all_at_once(enemy, "tutor", list(islice(cycle(asked), enemy.many(400))))


@attack(4, "100 times the board as it was at once")
def past_boards(enemy: Enemy) -> None:
    asked = [
        ("tutorwamp.board.at", {"lesson_id": enemy.ground.lesson_id, "seq": number % 10})
        for number in range(enemy.many(100))
    ]
    _all_at_once(enemy, "student", asked)
