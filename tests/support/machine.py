"""A machine of real parts for tests of services: real SQL, a clock to turn, a gate that remembers what it was told."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from twisted.internet import reactor

from tutorwamp.accounts.contracts import Register, User
from tutorwamp.app.assembly import Machine, assemble
from tutorwamp.app.settings import read_settings
from tutorwamp.kernel.contracts import AuthRole, Caller
from tutorwamp.kernel.sql import migrate
from tutorwamp.lessons.contracts import CreateLesson, Lesson

PASSWORD = "correct horse"


class TurnedClock:
    """Stands still until time passes; ``now`` may be set to any other, as people do with clocks."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
        self._passed_s = 0.0

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        """How much time has passed, whatever the clock was set to."""
        return self._passed_s

    def turn(self, **by: float) -> None:
        """Time passes, by a timedelta's keywords: ``clock.turn(hours=25)``."""
        self.now += timedelta(**by)
        self._passed_s += timedelta(**by).total_seconds()


@dataclass
class HeardGate:
    """The port to the gate, for tests without a router: keeps what it was asked to do, in order."""

    heard: list[tuple[Any, ...]] = field(default_factory=list)
    here: set[str] = field(default_factory=set)
    """Ids of the people who have a live session."""

    async def grant(self, session: int, key: str, *, subscribe: Sequence[str], publish: Sequence[str] = ()) -> None:
        self.heard.append(("grant", session, key, tuple(subscribe), tuple(publish)))

    async def revoke_grants(
        self,
        key: str,
        *,
        session: int | None = None,
        user_id: str | None = None,
        publish: Sequence[str] | None = None,
    ) -> None:
        topics = [] if publish is None else [tuple(publish)]
        self.heard.append(("revoke_grants", key, session, user_id, *topics))

    async def connected(self, user_ids: Iterable[str]) -> set[str]:
        return self.here & set(user_ids)

    async def drop(self, session: int, *, reason: str, message: str) -> int:
        self.heard.append(("drop", session, reason))
        return 1

    async def drop_user(self, user_id: str, *, before: datetime, reason: str, message: str) -> int:
        self.heard.append(("drop_user", user_id, before, reason))
        return 1


class Given:
    """What a test starts from: people and lessons with a default for everything."""

    def __init__(self, machine: Machine, clock: TurnedClock) -> None:
        self._machine = machine
        self._clock = clock
        self._numbers = itertools.count(1)
        self._sessions = itertools.count(1001)

    async def user(self, role: str = "student", name: str = "") -> User:
        number = next(self._numbers)
        asked = Register(
            email=f"{role}{number}@school.example",
            password=PASSWORD,
            name=name or f"{role.title()} {number}",
            role="tutor" if role == "tutor" else "student",
        )
        if role == "admin":
            return await self._machine.accounts.add_user(asked.email, PASSWORD, asked.name, AuthRole.ADMIN)
        await self._machine.accounts.register(asked)
        return await self._machine.accounts.confirm_address(asked.email)

    async def caller(self, role: str = "student", name: str = "") -> Caller:
        """A new person with a WAMP session."""
        user = await self.user(role, name)
        return Caller(user.id, user.role, next(self._sessions))

    def again(self, caller: Caller) -> Caller:
        """The same person with another session."""
        return Caller(caller.user_id, caller.role, next(self._sessions))

    async def lesson(self, tutor: Caller, *students: Caller, **more: Any) -> Lesson:
        """A scheduled lesson, from now for an hour; each one starts a day after the one before."""
        begins = self._clock() + timedelta(days=next(self._numbers))
        asked = {
            "title": "Fractions",
            "student_ids": [student.user_id for student in students],
            "starts_at": begins,
            "ends_at": begins + timedelta(hours=1),
            **more,
        }
        return await self._machine.lessons.create(tutor, CreateLesson.model_validate(asked))


@dataclass
class Stage:
    """Everything a service test needs."""

    machine: Machine
    clock: TurnedClock
    gate: HeardGate
    given: Given

    def events(self, kind: type) -> list[Any]:
        """A list that grows with every event of this type announced from now on."""
        heard: list[Any] = []
        self.machine.events.listen(kind, heard.append)
        return heard


def set_stage(data_dir: Path, database_url: str | None = None, **more: str) -> tuple[Stage, Callable[[], None]]:
    """A started stage on an empty, migrated database, and the function that takes it down."""
    environment = {"TUTORWAMP_DATA_DIR": str(data_dir), "TUTORWAMP_REGISTRATION": "open", **more}
    if database_url is not None:
        environment["TUTORWAMP_DATABASE_URL"] = database_url
    clock, gate = TurnedClock(), HeardGate()
    machine = assemble(read_settings(environment), reactor, clock=clock, now_s=clock.seconds, gate=gate)
    migrate.upgrade(machine.database.engine)
    machine.start()
    return Stage(machine, clock, gate, Given(machine, clock)), machine.stop
