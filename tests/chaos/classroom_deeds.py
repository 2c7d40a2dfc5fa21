"""What only a tutor or only a student does: the pen, rules, hands, the timer, polls; and what the ledger notes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from tests.chaos.classroom import USUAL_RULES, Asked, Hand
from tests.chaos.deeds import Deed, moment
from tutorwamp.client import CallError
from tutorwamp.kernel.contracts import instant_text

if TYPE_CHECKING:
    from tests.chaos.people import Person

POLLS_AT_ONCE = 3
CHOICES = ("Yes", "No", "Perhaps")
RULED_AT_MOST_S = 2.0
STAYS = 0.1
"""How likely a rule is to stay until the next one: the others are undone soon, so that people talk."""


# The tutor


async def pass_pen(person: Person, random: Random) -> None:
    students = _students(person)
    chosen = [one for one in students if random.random() < 0.8]
    await person.client.call_until_answered("tutorwamp.lesson.set_pen", lesson_id=person.lesson.id, student_ids=chosen)
    person.ledger.acknowledged += 1


async def rename(person: Person, _: Random) -> None:
    """Everybody is told of it."""
    lesson = person.lesson.lesson
    title = f"Storm, {person.next_change()}"
    asked = {"lesson_id": lesson["id"], "version": lesson["version"], "title": title}
    await person.client.call_until_answered("tutorwamp.lesson.update", **asked)
    person.ledger.renamed += 1
    person.ledger.acknowledged += 1


async def rule(person: Person, random: Random) -> None:
    """For a moment; one rule at a time, so that the last word is known."""
    room = person.ledger.classroom
    if room.is_ruling:
        return
    room.is_ruling = True
    try:
        name, value = random.choice(
            (("chat", "tutors"), ("unattended", "closed"), ("muted", random.sample(_students(person), 1)))
        )
        await _set_rules(person, {name: value})
        await moment(random.random() * RULED_AT_MOST_S)
        if name == "chat" or random.random() >= STAYS:
            await _set_rules(person, USUAL_RULES)
    finally:
        room.is_ruling = False


async def _set_rules(person: Person, given: dict[str, Any]) -> None:
    answer = await person.lesson.set_rules(**given)
    room = person.ledger.classroom
    room.rules |= given
    if answer["rules"] != room.rules:
        person.ledger.note("lost", f"{person.name} is answered {answer['rules']}, said was {room.rules}")
    person.ledger.acknowledged += 1


async def set_timer(person: Person, random: Random) -> None:
    """One at a time, as above; each later than any storm lasts."""
    room = person.ledger.classroom
    if room.is_timing:
        return
    room.is_timing = True
    try:
        timer: dict[str, Any] | None = None
        if random.random() < 0.8:
            ends_at = datetime.now(UTC) + timedelta(hours=5, seconds=random.randint(0, 3600))
            timer = {"title": f"Timer {person.next_change()}", "ends_at": instant_text(ends_at)}
        answer = await person.lesson.set_timer(**(timer or {"ends_at": None}))
        room.timer = timer
        if answer["timer"] != timer:
            person.ledger.note("lost", f"{person.name} is answered {answer['timer']}, set was {timer}")
        person.ledger.acknowledged += 1
    finally:
        room.is_timing = False


async def lower_hands(person: Person, random: Random) -> None:
    room = person.ledger.classroom
    room.lowered += 1
    try:
        if random.random() < 0.3:
            await person.lesson.lower_hand(everybody=True)
        else:
            await person.lesson.lower_hand(random.choice(_students(person)))
        person.ledger.acknowledged += 1
    finally:
        room.lowered += 1  # who raised a hand meanwhile may have been before it or after it


async def poll(person: Person, random: Random) -> None:
    """Ask something, or take no more answers to it."""
    room = person.ledger.classroom
    under_way = [one for one in room.polls if not one.is_closing]
    if len(under_way) < POLLS_AT_ONCE and random.random() < 0.6:
        await ask(person, random)
    elif answered := [one for one in under_way if one.poll is not None]:
        await _close(person, random.choice(answered), show=random.random() < 0.5)


async def ask(person: Person, random: Random) -> None:
    """Something nobody has asked before."""
    kind = random.choice(("single", "multiple", "text"))
    asked = Asked(f"Question {person.next_change()}?", kind, anonymous=random.random() < 0.4)
    person.ledger.classroom.polls.append(asked)
    choices = () if kind == "text" else CHOICES
    asked.poll = await person.polls.ask(asked.question, choices, kind=kind, anonymous=asked.anonymous)
    person.ledger.acknowledged += 1


async def _close(person: Person, asked: Asked, *, show: bool) -> None:
    asked.is_closing = True
    answer = await person.polls.close_poll(asked.id, show=show)
    asked.is_closed, asked.is_shown = True, show
    if (answer["state"], answer["shown"]) != ("closed", show):
        person.ledger.note("lost", f"{person.name} closed {asked}, and is answered {answer}")
    person.ledger.acknowledged += 1


# Students


async def hand(person: Person, random: Random) -> None:
    """One's own; one at a time."""
    room = person.ledger.classroom
    if person.id in room.moving:
        return
    room.moving.add(person.id)
    try:
        up = random.random() < 0.6
        asked = Hand(up, person.upsets, room.lowered)
        answer = await (person.lesson.raise_hand() if up else person.lesson.lower_hand())
        room.hands[person.id] = asked
        room.check_hands(answer, {person.id: person.upsets})
        person.ledger.acknowledged += 1
    finally:
        room.moving.discard(person.id)


async def answer(person: Person, random: Random) -> None:
    under_way = [one for one in person.ledger.classroom.polls if one.poll is not None and not one.is_closed]
    if not under_way:
        return
    asked = random.choice(under_way)
    text = f"{person.name} {person.next_change()}" if asked.kind == "text" else None
    chosen = [] if text else random.sample(asked.choice_ids, random.randint(1, 2) if asked.kind == "multiple" else 1)
    given = (frozenset(chosen), text)
    before = person.upsets
    try:
        await person.polls.answer(asked.id, *chosen, text=text)
    except CallError as error:
        if error.uri == "tutorwamp.error.conflict" and asked.anonymous and person.upsets != before:
            asked.doubt(person.id)  # of others a repetition is answered, also when they are closed (P8)
        raise
    asked.answer(person.id, given)
    person.ledger.acknowledged += 1


def _students(person: Person) -> list[str]:
    return [one["id"] for one in person.lesson.lesson["students"]]


CLASSROOM_DEEDS: dict[str, Deed] = {
    "pass_pen": pass_pen,
    "rename": rename,
    "rule": rule,
    "set_timer": set_timer,
    "lower_hands": lower_hands,
    "poll": poll,
    "hand": hand,
    "answer": answer,
}
