"""Item 12: what one person makes the database keep."""

from __future__ import annotations

from tests.hostile.enemy import Enemy, attack, new_uuid

TEXT = 60_000
"""Characters; an element may have 64 KiB."""


@attack(12, "one text on the board replaced by another of 60 kB, again and again")
def replaced_texts(enemy: Enemy) -> None:
    lesson_id = enemy.ground.lesson_id
    look = {
        "id": new_uuid(enemy.random),
        "kind": "text",
        "page": lesson_id,
        "x": 1,
        "y": 1,
        "size": 12,
        "color": "#000000",
    }
    with enemy.session("tutor") as session:
        for version in range(enemy.many(40)):
            element = {**look, "text": str(version) + "ü" * (TEXT // 2), **({"version": version} if version else {})}
            error, answer = session.call(
                "tutorwamp.board.submit", lesson_id=lesson_id, changes=[{"op": "put", "element": element}]
            )
            enemy.note(error or (answer["rejected"][0]["error"] if answer["rejected"] else "replaced"))
            if error or answer["rejected"]:
                return


@attack(12, "messages of 4,000 characters as fast as they go")
def long_messages(enemy: Enemy) -> None:
    with enemy.session("student") as session:
        asked = [
            session.ask("tutorwamp.chat.send", lesson_id=enemy.ground.lesson_id, body="漢" * 3_990 + str(number))
            for number in range(enemy.many(100))
        ]
        with enemy.unless_ended():
            enemy.hear(session, asked, 2.0)


@attack(12, "one message of 3,990 characters changed again and again: each event about it is written anew")
def changed_messages(enemy: Enemy) -> None:
    with enemy.session("student") as session:
        error, said = session.call("tutorwamp.chat.send", lesson_id=enemy.ground.lesson_id, body="x" * 3_990)
        if error:
            enemy.note(error)
            return
        asked = [
            session.ask("tutorwamp.chat.edit", message_id=said["id"], body="x" * 3_980 + str(number))
            for number in range(enemy.many(100))
        ]
        with enemy.unless_ended():
            enemy.hear(session, asked, 2.0)
