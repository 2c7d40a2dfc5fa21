"""What people do by themselves: they talk, send files, draw, read; the ledger notes what is acknowledged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar, cast

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred

from tests.chaos.ledger import MUTED, Drawn, Said
from tests.chaos.verdicts import Plain
from tutorwamp.client import CallError

if TYPE_CHECKING:
    from tests.chaos.people import Person

reactor = cast("Any", _reactor)

Deed = Callable[["Person", Random], Awaitable[None]]
Answer = TypeVar("Answer")

EMOJI = ("👍", "❤", "😀")
FILE_BYTES_AT_MOST = 4_000


async def say(person: Person, _: Random) -> None:
    await _say(person, [], {})


async def send_file(person: Person, random: Random) -> None:
    content = f"{person.name} {random.getrandbits(64):x}\n".encode()
    content *= random.randint(1, FILE_BYTES_AT_MOST // len(content))
    name = f"notes {person.next_change()}.txt"
    kept = await until_answered(lambda: person.client.upload(person.lesson.id, content, name=name))
    shown = {"id": kept["id"], "name": name, "media_type": "text/plain", "size": len(content)}
    if {key: kept[key] for key in shown} != shown:
        person.ledger.note("wrong", f"{person.name} sent {shown}, kept is {kept}")
    await _say(person, [shown], {kept["id"]: content})


async def _say(person: Person, files: list[Plain], contents: dict[str, bytes]) -> None:
    person.sayings += 1
    said = Said(person.id, f"{person.name} {person.sayings}", person.sayings, files=files)
    person.ledger.said.append(said)
    try:
        said.message = await person.chat.send(str(said.body), file_ids=[one["id"] for one in files])
    except CallError as error:
        if error.uri == MUTED:  # a repetition is answered (C5): what is refused is not there
            person.ledger.take_back(said)
        raise
    person.ledger.contents.update(contents)
    person.ledger.acknowledged += 1


async def edit(person: Person, random: Random) -> None:
    async with Turn(random, person.ledger.messages_of(person.id)) as said:
        if said is None:
            return
        body = f"{said.body}, edited {person.next_change()}"
        before = person.upsets
        try:
            await person.lesson.edit(said.message["id"], body)
        except CallError as error:
            if error.uri == MUTED and person.upsets != before:  # a repetition is refused as well (C16)
                said.doubt_edit(body)
            raise
        said.edit(body)
        person.ledger.acknowledged += 1


async def delete(person: Person, random: Random) -> None:
    async with Turn(random, person.ledger.messages_of(person.id)) as said:
        if said is not None:
            await person.lesson.delete(said.message["id"])
            said.body = None
            person.ledger.acknowledged += 1


async def react(person: Person, random: Random) -> None:
    async with Turn(random, person.ledger.messages_of()) as said:
        if said is None:
            return
        emoji, on = random.choice(EMOJI), random.random() < 0.7
        before = person.upsets
        try:
            await person.lesson.react(said.message["id"], emoji, on=on)
        except CallError as error:
            if error.uri == MUTED and person.upsets != before:  # as above
                said.doubt_reaction(person.id, emoji)
            raise
        said.react(person.id, emoji, on=on)
        person.ledger.acknowledged += 1


async def read(person: Person, _: Random) -> None:
    seq = max((one["seq"] for one in person.chat.messages if one["seq"] is not None), default=0)
    marked = await person.lesson.mark_read(seq)
    before = person.ledger.read.get(person.id, 0)
    if marked["read_seq"] < max(seq, 0):
        person.ledger.note("lost", f"{person.name}'s read mark went back: {marked} after asking for {seq}")
    person.ledger.read[person.id] = max(before, marked["read_seq"])
    person.ledger.acknowledged += 1


async def draw(person: Person, random: Random) -> None:
    look = {"kind": "rect", "color": "#204080", "width": 8.0, "height": 5.0, **_place(random)}
    answer = await person.board.put(look)
    person.ledger.drawn[answer["applied"][0]] = Drawn(person.id, look, version=1)
    person.ledger.acknowledged += 1


async def replace(person: Person, random: Random) -> None:
    element_id, drawn = _one_of_ones_own(person, random, "rect")
    if drawn is not None:
        drawn.busy = True
        try:
            place = _place(random)
            await person.board.put({**person.board.elements[element_id], **place})
            drawn.changed({**(drawn.look or {}), **place})
            person.ledger.acknowledged += 1
        finally:
            drawn.busy = False


async def erase(person: Person, random: Random) -> None:
    element_id, drawn = _one_of_ones_own(person, random)
    if drawn is not None:
        drawn.busy = True
        try:
            await person.board.delete(element_id)
            drawn.changed(None)
            person.ledger.acknowledged += 1
        finally:
            drawn.busy = False


async def stroke(person: Person, random: Random) -> None:
    growing = person.board.stroke(color="#c03020", width=3.0)
    points = [[float(random.randint(0, 500)), float(number)] for number in range(random.randint(2, 12))]
    try:
        for point in points:
            growing.add(point)
            if random.random() < 0.5:
                await moment(random.random() * 0.2)
        await growing.finish()
        drawn = {"kind": "stroke", "points": points, "finished": True}
    except CallError:
        # What of it was acknowledged before the pen went elsewhere is on the board; how much, its points say.
        for element_id in growing.ids:
            person.ledger.drawn.setdefault(element_id, Drawn(person.id, None, busy=True))
        raise
    person.ledger.drawn[growing.ids[0]] = Drawn(person.id, drawn)
    person.ledger.acknowledged += 1


async def read_notifications(person: Person, random: Random) -> None:
    if random.random() < 0.3:
        await person.notifications.mark_all_read()
    elif unread := [one["id"] for one in person.notifications.items if one["read_at"] is None]:
        await person.notifications.mark_read([random.choice(unread)])
    person.ledger.acknowledged += 1


DEEDS: dict[str, Deed] = {
    "say": say,
    "send_file": send_file,
    "edit": edit,
    "delete": delete,
    "react": react,
    "read": read,
    "draw": draw,
    "stroke": stroke,
    "replace": replace,
    "erase": erase,
    "read_notifications": read_notifications,
}


def _one_of_ones_own(person: Person, random: Random, kind: str | None = None) -> tuple[str, Drawn | None]:
    mine = [
        one
        for one in person.ledger.elements_of(person.id)
        if one in person.board.elements and kind in (None, person.board.elements[one]["kind"])
    ]
    if not mine:
        return "", None
    chosen = random.choice(mine)
    return chosen, person.ledger.drawn[chosen]


class Turn:
    """One of these messages, and nobody else does anything with it meanwhile."""

    def __init__(self, random: Random, messages: list[Said]) -> None:
        self._said = random.choice(messages) if messages else None

    async def __aenter__(self) -> Any:
        if self._said is not None:
            self._said.busy = True
        return self._said

    async def __aexit__(self, *_: object) -> None:
        if self._said is not None:
            self._said.busy = False


def _place(random: Random) -> Plain:
    return {"x": float(random.randint(0, 900)), "y": float(random.randint(0, 600))}


async def until_answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """What the client itself does not repeat until it is answered: files, over REST."""
    while True:
        try:
            return await ask()
        except CallError as error:
            if not error.may_repeat:
                raise
        await moment(0.2)


def moment(seconds: float) -> Deferred[None]:
    """A storm takes place in real time: real processes have no other."""
    waiting: Deferred[None] = Deferred()
    reactor.callLater(seconds, waiting.callback, None)
    return waiting
