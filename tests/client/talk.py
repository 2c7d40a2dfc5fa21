"""What a test of a connection needs: tickets to show, states and events to wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tutorwamp.client import CallError, Connection, Event, State

PATIENCE_S = 60.0
WELCOME = "welcome:ada"
EXPIRED = "tutorwamp.error.unauthenticated:ada"
STARTING = "tutorwamp.error.unavailable:ada"
TOPIC = "test.topic"


class Tickets:
    """Hands out the tickets in order, the last one for ever; ``replace`` has its own."""

    def __init__(self, *tickets: str | CallError, replacements: list[str | CallError] | None = None) -> None:
        self._tickets = list(tickets)
        self._replacements = replacements or []
        self.replaced: list[str] = []

    async def access_token(self) -> str:
        return self._given(self._tickets.pop(0) if len(self._tickets) > 1 else self._tickets[0])

    async def replace(self, refused: str) -> str:
        self.replaced.append(refused)
        return self._given(self._replacements.pop(0))

    def _given(self, ticket: str | CallError) -> str:
        if isinstance(ticket, CallError):
            raise ticket
        return ticket


class Watcher:
    """The states a connection went through, and a way to wait for the next one of a kind."""

    def __init__(self, connection: Connection) -> None:
        self.seen: list[State] = []
        self._wanted: list[tuple[str, Deferred[State]]] = []
        connection.watch(self._note)

    @property
    def kinds(self) -> list[str]:
        return [state.kind for state in self.seen]

    def next(self, kind: str) -> Deferred[State]:
        wanted: Deferred[State] = Deferred()
        self._wanted.append((kind, wanted))
        return patiently(wanted)

    def _note(self, state: State) -> None:
        self.seen.append(state)
        for kind, wanted in [one for one in self._wanted if one[0] == state.kind]:
            self._wanted.remove((kind, wanted))
            wanted.callback(state)


def patiently(waiting: Deferred[Any]) -> Deferred[Any]:
    return waiting.addTimeout(PATIENCE_S, reactor)


class Inbox:
    """A handler that lets a test wait for the next event."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[Event]] = []

    def __call__(self, event: Event) -> None:
        self._waiting.pop(0).callback(event)

    def next(self) -> Deferred[Event]:
        waiting: Deferred[Event] = Deferred()
        self._waiting.append(waiting)
        return patiently(waiting)


def why(state: State) -> CallError:
    assert state.reason is not None
    return state.reason


def opened(connection: Connection) -> Deferred[None]:
    return patiently(Deferred.fromCoroutine(connection.open()))


Connect = Callable[..., Connection]
