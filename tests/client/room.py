"""Two people and their lesson on a real node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue

from tests.client.talk import patiently
from tests.support.node import Node
from tests.support.people import register
from tutorwamp.client import Client, Event, Lesson


@dataclass
class Person:
    email: str
    user: dict[str, Any]


async def made(node: Node, name: str, role: str) -> Person:
    return Person(*await register(node, name, role))


@dataclass
class Room:
    tutor: Client
    student: Client
    lesson_id: str
    people: dict[str, Person]


Enter = Callable[[], Deferred[Room]]


async def heard(lesson: Lesson, what: str) -> Callable[[], Deferred[Event]]:
    events: DeferredQueue[Event] = DeferredQueue()
    await lesson.on(what, events.put)
    return lambda: patiently(events.get())
