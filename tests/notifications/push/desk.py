"""The cast is told by mail and by push, when their time has come."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from tests.notifications.house import House
from tutorwamp.notifications.contracts import Channel
from tutorwamp.notifications.push.batch import WAITS_S
from tutorwamp.notifications.push.contracts import Delivery, Doubtful, Outcome, Sent
from tutorwamp.notifications.push.dispatcher import Dispatcher
from tutorwamp.notifications.push.queue import PushQueue

ENDPOINT = "https://push.example/1"


class Hands:
    """A provider that notes what it was given, and answers what it is told to."""

    def __init__(self) -> None:
        self.given: list[Delivery] = []
        self.answers: list[Outcome | Exception] = []
        self.held: Deferred[None] | None = None
        self.doubted: str | None = None
        """A target that nobody may be behind."""

    async def send(self, delivery: Delivery) -> Outcome:
        self.given.append(delivery)
        if self.held is not None:
            await self.held
        if delivery.target == self.doubted:
            return Doubtful("403")
        answer = self.answers.pop(0) if self.answers else Sent()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Desk:
    """A house whose notifications go to a queue, and a dispatcher with hands."""

    def __init__(self, house: House) -> None:
        self.house, self.stage = house, house.stage
        self.push, self.mail = Hands(), Hands()
        self.providers = {Channel.WEB_PUSH: self.push, Channel.EMAIL: self.mail}
        machine = self.stage.machine
        self.queue = PushQueue(machine.database, self.providers, self.stage.clock)
        for store in (machine.notifications._store, machine.notifier._store):
            store._outbox = self.queue
        self.dispatcher = self.another()

    def another(self) -> Dispatcher:
        stage = self.stage
        accounts = stage.machine.accounts
        return Dispatcher(self.queue, self.providers, stage.gate, accounts, clock=stage.clock, chance=lambda: 1.0)

    @property
    def given(self) -> list[Delivery]:
        return self.push.given + self.mail.given

    async def happens(self, title: str | None = None) -> None:
        """What has happened in the house is turned, after a change of the title if there is one, and its time comes."""
        await self.queued(title)
        await self.pass_s(WAITS_S)

    async def queued(self, title: str | None = None) -> None:
        """The same, but nobody is told yet."""
        await self.house.turn(*([self.house.update(title=title)] if title else []))

    async def found(self, query: Any) -> list[Any]:
        """The first column of what the database answers."""

        def thd(connection: Connection) -> list[Any]:
            return list(connection.execute(query).scalars())

        return await self.stage.machine.database.read("test.found", thd)

    async def sending(self) -> tuple[Deferred[int], Deferred[None]]:
        """What is due is under way, and the push service holds it: the round, and what lets go."""
        await self.house.turn()
        held = self.push.held = Deferred()
        self.stage.clock.turn(seconds=WAITS_S)
        dispatched = Deferred.fromCoroutine(self.dispatcher.dispatch())
        while not self.push.given:
            await self.stage.machine.database.read("test", lambda _: None)
        return dispatched, held

    async def pass_s(self, seconds: float) -> None:
        self.stage.clock.turn(seconds=seconds)
        while await self.dispatcher.dispatch():
            pass

    def kinds(self, hands: Hands) -> list[tuple[str, str]]:
        names = {self.house.anna.user_id: "anna", self.house.ben.user_id: "ben", self.house.tutor.user_id: "tina"}
        return sorted((names[one.user_id], str(one.kind)) for one in hands.given)
