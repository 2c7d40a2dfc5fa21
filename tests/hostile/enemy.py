"""Somebody with accounts of their own and bad intentions; what is attacked, and with what it is counted."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.hostile.wire import SERIALIZERS, GoneError, Serializer, SilenceError, Wamp, request

PASSWORD: Final = "correct horse"
TICKET_GOOD_FOR_S: Final = 600.0
"""Shorter than an access token lives."""


@dataclass(frozen=True)
class Ground:
    """Where it happens. What a process is given, so plain values."""

    port: int
    emails: dict[str, str]
    """Of the hostile accounts: ``tutor`` and ``student`` of a lesson of their own, ``stranger``, and where there is
    one ``member``: a student of the others' lesson."""
    lesson_id: str
    """The hostile people's own."""
    others: list[str]
    """Lessons that are not theirs."""
    share: float = 1.0
    """Of what an attack does at full strength."""
    ids: dict[str, list[str]] = field(default_factory=dict)
    """By argument, what there is in their lesson."""


class Enemy:
    """One of them. ``tally``: what they were answered."""

    def __init__(self, ground: Ground, seed: str) -> None:
        self.ground, self.port = ground, ground.port
        self.random = Random(seed)
        self.tally: Counter[str] = Counter()
        self._tickets: dict[str, tuple[str, float]] = {}

    def many(self, count: int) -> int:
        """So many at full strength; at least one."""
        return max(1, round(count * self.ground.share))

    def serializer(self) -> Serializer:
        return self.random.choice(SERIALIZERS)

    def note(self, what: str, count: int = 1) -> None:
        """Count an answer."""
        self.tally[what] += count

    def tokens(self, who: str) -> dict[str, Any]:
        """A fresh login."""
        body = {"email": self.ground.emails[who], "password": PASSWORD}
        status, raw, _ = request(self.port, "POST", "/api/auth/login", body)
        if status != 200:
            raise GoneError(f"login: {status}")
        tokens: dict[str, Any] = json.loads(raw)
        return tokens

    def ticket(self, who: str) -> str:
        """An access token."""
        token, good_until = self._tickets.get(who, ("", 0.0))
        if time.monotonic() > good_until:
            token = str(self.tokens(who)["access_token"])
            self._tickets[who] = (token, time.monotonic() + TICKET_GOOD_FOR_S)
        return token

    def session(self, who: str, serializer: Serializer | None = None, **more: Any) -> Wamp:
        """Joined."""
        return Wamp(self.port, serializer or self.serializer(), self.ticket(who), **more)

    def http(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, bytes, dict[str, str]]:
        """One request, counted by its status."""
        answer = request(self.port, method, path, body, **more)
        self.note(f"HTTP {answer[0]}")
        return answer

    @contextmanager
    def unless_ended(self) -> Iterator[None]:
        """What is done in here may end a connection, and the next may be tried."""
        try:
            yield
        except SilenceError:
            self.note("silence")
        except GoneError:
            self.note("ended")

    def hear(self, session: Wamp, numbers: Iterable[int], patience_s: float) -> int:
        """Count what these calls are answered; how many were within the time."""
        waiting, deadline = set(numbers), time.monotonic() + patience_s
        asked = len(waiting)
        while waiting and time.monotonic() < deadline:
            try:
                message = session.hear(max(0.01, deadline - time.monotonic()))
            except SilenceError:
                break
            number = message[1] if message[0] == 50 else message[2] if message[0] == 8 else None
            if number in waiting:
                waiting.discard(number)
                self.note("answered" if message[0] == 50 else str(message[4]))
        return asked - len(waiting)


Portion = Callable[[Enemy], None]


@dataclass(frozen=True)
class Attack:
    """``item``: of the review's list."""

    name: str
    item: int
    sentence: str
    portion: Portion
    """A second or two of it."""


ATTACKS: Final[dict[str, Attack]] = {}


def attack(item: int, sentence: str) -> Callable[[Portion], Portion]:
    """Enter a function among the attacks, under its name."""

    def enter(portion: Portion) -> Portion:
        name = portion.__name__
        assert name not in ATTACKS, name
        ATTACKS[name] = Attack(name, item, sentence, portion)
        return portion

    return enter


def new_uuid(random: Random) -> str:
    """A UUIDv7-like id of the seed's choosing."""
    value = random.getrandbits(128)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=value))
