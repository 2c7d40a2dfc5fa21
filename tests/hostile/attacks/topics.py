"""Item 6: what members of a lesson may publish, and what becomes of those who do not read."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

from tests.hostile.enemy import Enemy, attack
from tests.hostile.wire import GoneError, Serializer, Wamp, packed

FLOOD = 2_000
HELD_S = 1.0


def _member(enemy: Enemy, who: str, serializer: Serializer | None = None, **more: Any) -> tuple[Wamp, str]:
    """In the lesson; ``member``: in the others'."""
    lesson_id = enemy.ground.others[0] if who == "member" else enemy.ground.lesson_id
    session = enemy.session(who, serializer, **more)
    session.must("tutorwamp.lesson.join", lesson_id=lesson_id)
    return session, lesson_id


def _whom(enemy: Enemy) -> str:
    return "member" if "member" in enemy.ground.emails and enemy.random.random() < 0.5 else "student"


@attack(6, "31 cursors of 7 MB to ten sessions that do not read")
def large_cursors(enemy: Enemy) -> None:
    with ExitStack() as held:
        for _ in range(enemy.many(10)):
            session, lesson_id = _member(enemy, "tutor", receive_bytes=4_096)
            held.enter_context(session)
            session.subscribe(f"tutorwamp.lesson.{lesson_id}.cursor")
        publisher, lesson_id = _member(enemy, "student", "cbor")
        held.enter_context(publisher)
        large = {"page": lesson_id, "x": 1.0, "y": 1.0, "note": "x" * enemy.many(7_000_000)}
        for _ in range(enemy.many(31)):
            if not _published(enemy, publisher, f"tutorwamp.lesson.{lesson_id}.cursor", large):
                break
        time.sleep(HELD_S)  # the attack: to be there and not read


@attack(6, "small cursors and typing as fast as they go")
def flood_of_cursors(enemy: Enemy) -> None:
    who = _whom(enemy)
    session, lesson_id = _member(enemy, who)
    with session:
        frames = []
        for number in range(enemy.many(FLOOD)):
            topic = f"tutorwamp.lesson.{lesson_id}." + ("typing" if number % 5 == 0 else "cursor")
            value: dict[str, Any] = {"typing": True} if number % 5 == 0 else {"page": lesson_id, "x": number, "y": 0.5}
            frames.append(session.frame(_publication(session, number + 100, topic, value)))
        for begins in range(0, len(frames), 200):
            try:
                session.send(b"".join(frames[begins : begins + 200]))
            except GoneError:
                enemy.note("ended")
                return
        enemy.note("published", len(frames))


@attack(6, "NaN, NUL, half pairs, unknown keys and long texts on typing and cursor")
def odd_cursors(enemy: Enemy) -> None:
    session, lesson_id = _member(enemy, _whom(enemy))
    listener, own_lesson_id = _member(enemy, "tutor", "json")
    with session, listener:
        for kind in ("cursor", "typing"):
            listener.subscribe(f"tutorwamp.lesson.{own_lesson_id}.{kind}")
        values: list[Any] = [
            float("nan"),
            float("inf"),
            "\0abc",
            "\0",
            "x" * 2_000,
            [[[1]]],
            {"a": {}},
            2**63,
            None,
            True,
        ]
        if session.serializer != "json":
            values += [b"bytes", {1: 2}]
        else:
            values += ["\ud800", "\udfffx"]
        for value in enemy.random.sample(values, 8):
            for kind, key in (("cursor", "x"), ("cursor", "page"), ("typing", "typing"), ("cursor", "unknown")):
                good = {"typing": True} if kind == "typing" else {"page": lesson_id, "x": 1, "y": 1}
                if not _published(enemy, session, f"tutorwamp.lesson.{lesson_id}.{kind}", {**good, key: value}):
                    return
        _still_hears(enemy, listener)


@attack(6, "everything that is said in the lesson to sessions that do not read")
def deaf_ears(enemy: Enemy) -> None:
    with ExitStack() as held:
        who = _whom(enemy)
        for _ in range(enemy.many(5)):
            session, lesson_id = _member(enemy, who, receive_bytes=4_096)
            held.enter_context(session)
            for kind in ("chat", "board", "state", "cursor", "typing", "presence"):
                session.subscribe(f"tutorwamp.lesson.{lesson_id}.{kind}")
            for _ in range(enemy.many(60)):
                session.ask("tutorwamp.chat.history", lesson_id=lesson_id, limit=100)
        time.sleep(HELD_S)  # the attack: to be there and not read


@attack(6, "subscriptions and publications that are not theirs")
def foreign_topics(enemy: Enemy) -> None:
    with enemy.session("stranger") as session:
        for number in range(100):
            lesson_id = enemy.random.choice(enemy.ground.others)
            kind = enemy.random.choice(["chat", "board", "state", "cursor", "presence", "#", ""])
            topic = f"tutorwamp.lesson.{lesson_id}.{kind}"
            if number % 2:
                session.subscribe(topic)
            elif not _published(enemy, session, topic, {"type": "message.created", "seq": 1}):
                return


def _still_hears(enemy: Enemy, listener: Wamp) -> None:
    try:
        listener.must("tutorwamp.session.whoami")
    except GoneError:
        enemy.note("LISTENER THROWN OUT")


def _published(enemy: Enemy, session: Wamp, topic: str, value: dict[str, Any]) -> bool:
    try:
        session.publish(topic, value)
    except GoneError:
        enemy.note("ended")
        return False
    enemy.note("published")
    return True


def _publication(session: Wamp, number: int, topic: str, value: dict[str, Any]) -> bytes:
    return packed([16, number, {}, topic, [], value], session.serializer)
