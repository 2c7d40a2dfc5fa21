"""People on a node: accounts, sessions, a lesson, and the same few verbs whoever's client they use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.wamp import PATIENCE_S, BareSession, Reachable, connect
from tutorwamp.app.offline import run_offline
from tutorwamp.app.settings import read_settings
from tutorwamp.client import Backoff, Client, Login
from tutorwamp.kernel.contracts import instant_text, new_id

Call = Callable[..., Awaitable[Any]]
"""How somebody calls a procedure: ``client.call``, or ``session.ask``."""


class Someone(Protocol):
    """What a journey needs of a person in a lesson. ``heard``: the events of each topic, in the order they came."""

    user: dict[str, Any]
    heard: dict[str, list[dict[str, Any]]]

    async def call(self, uri: str, **arguments: Any) -> Any: ...

    async def heard_until(self, done: Callable[[], bool]) -> None: ...

    async def close(self) -> None: ...


async def register(node: Reachable, name: str, role: str) -> tuple[str, dict[str, Any]]:
    """A new account: its e-mail address and its user."""
    email = f"{new_id()}@school.example"
    return email, await Login(node.url).register(email, PASSWORD, name=name, role=role)


def confirm(node: Node, email: str) -> None:
    """Mail reaches somebody, as `tutorwamp user confirm` says: notifications go there from now on. Blocks."""
    settings = {name: text for name, text in node.env().items() if name.startswith("TUTORWAMP_")}
    run_offline(read_settings(settings), lambda machine: machine.accounts.confirm_address(email))


async def ticket_of(node: Reachable, email: str) -> str:
    """An access token of somebody's."""
    login = Login(node.url)
    await login.log_in(email, PASSWORD)
    return await login.access_token()


async def bare(node: Reachable, email: str, serializer: Any = "cbor") -> BareSession:
    """A bare session of somebody."""
    return await connect(node, await ticket_of(node, email), serializer)


async def planned_lesson(
    call: Call, *students: dict[str, Any], begins: datetime | None = None, **more: Any
) -> dict[str, Any]:
    """A lesson for an hour, from now on by default, planned by the tutor whose ``call`` it is."""
    begins = begins or datetime.now(UTC)
    asked = {
        "title": "Fractions",
        "student_ids": [student["id"] for student in students],
        "starts_at": instant_text(begins),
        "ends_at": instant_text(begins + timedelta(hours=1)),
        **more,
    }
    lesson: dict[str, Any] = await call("tutorwamp.lesson.create", **asked)
    return lesson


async def couple(node: Reachable) -> tuple[PythonPerson, PythonPerson, str]:
    """Tina teaches Stan: both are connected and in their lesson; its id."""
    (tutor_email, _), (student_email, user) = (
        await register(node, "Tina", "tutor"),
        await register(node, "Stan", "student"),
    )
    tutor, student = await PythonPerson.enter(node, tutor_email), await PythonPerson.enter(node, student_email)
    lesson_id = (await planned_lesson(tutor.call, user))["id"]
    for person in (tutor, student):
        await person.join(lesson_id)
    return tutor, student, lesson_id


class Hearing:
    """The events of each topic, in the order they came."""

    def __init__(self) -> None:
        self.heard: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def hear(self, topic: str, values: dict[str, Any]) -> None:
        self.heard[topic].append(values)
        for done, waiting in list(self._waiting):
            if done():
                self._waiting.remove((done, waiting))
                waiting.callback(None)

    async def heard_until(self, done: Callable[[], bool]) -> None:
        if not done():
            waiting: Deferred[None] = Deferred()
            self._waiting.append((done, waiting))
            await waiting.addTimeout(PATIENCE_S, reactor)


class PythonPerson(Hearing):
    """Uses tutorwamp.client, over CBOR."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self.user = client.user

    @classmethod
    async def enter(cls, node: Reachable, email: str) -> PythonPerson:
        """Log in and connect."""
        client = Client(node.url, backoff=Backoff(first_ceiling_s=0.1, ceiling_cap_s=0.5))
        await client.log_in(email, PASSWORD)
        await client.open()
        return cls(client)

    async def join(self, lesson_id: str) -> None:
        """Join and hear everything."""
        lesson = await self.client.join(lesson_id)
        for kind in lesson.topics:
            await lesson.on(kind, lambda event: self.hear(event.topic, dict(event.values)))

    async def call(self, uri: str, **arguments: Any) -> Any:
        return await self.client.call(uri, **arguments)

    async def close(self) -> None:
        await self.client.close()
