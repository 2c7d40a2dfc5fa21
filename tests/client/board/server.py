"""The server side of a board over a real router, in the test's own process: it does what a test asks of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import RegisterOptions
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.client.board.model import PAGE, BoardModel, Plain
from tests.client.talk import patiently
from tutorwamp.client.wamp import Session, join
from tutorwamp.kernel.contracts import new_id

Call = tuple[str, Plain]


class BoardServer:
    """One lesson, whose board is a ``BoardModel``. Events are published before the answers, unless they are lost."""

    def __init__(self) -> None:
        self.lesson_id = PAGE  # as the first page is named
        self.topics = {
            kind: f"tutorwamp.lesson.{self.lesson_id}.{kind}"
            for kind in ("state", "chat", "board", "presence", "typing", "cursor")
        }
        self.model = BoardModel()
        self.calls: list[Call] = []
        """The calls of the board, in the order they came, with their arguments."""
        self.losing = False
        """Events are not published."""
        self.forgetful = False
        """Too much was missed, whatever it is."""
        self.resumed: list[dict[str, int]] = []
        """The positions asked about."""
        self.refusing: dict[str, ApplicationError] = {}
        """Errors to be answered, by procedure."""
        self._answered: dict[str, Plain] = {}
        self._held: dict[str, list[Deferred[None]]] = {}
        self._wanted: list[tuple[str, Deferred[Plain]]] = []
        self._session = Session("welcome:server", lambda *_: None)

    async def start(self, url: str) -> None:
        await join(self._session, url, serializer="cbor", reactor=reactor, clock=cast("Any", reactor))
        for verb in ("open", "submit", "add_page", "remove_page", "clear", "at", "export"):
            await self._session.register(self._answering(verb), f"tutorwamp.board.{verb}", DETAILS)
        await self._session.register(self._join, "tutorwamp.lesson.join")
        await self._session.register(self._resume, "tutorwamp.session.resume")
        await self._session.register(self._heartbeat, "tutorwamp.session.heartbeat")
        await self._session.register(lambda lesson_id: None, "tutorwamp.lesson.leave")

    async def stop(self) -> None:
        self._session.leave()
        await self._session.over

    def asked(self, verb: str) -> list[Plain]:
        """The arguments of the calls of one procedure so far."""
        return [arguments for name, arguments in self.calls if name == verb]

    def next(self, verb: str) -> Deferred[Plain]:
        """The arguments of the next call of a procedure, once its answer is made, but not given."""
        wanted: Deferred[Plain] = Deferred()
        self._wanted.append((verb, wanted))
        return patiently(wanted)

    def hold(self, verb: str) -> Callable[[], None]:
        """Keep the answers of a procedure until the function that this returns is called."""
        self._held[verb] = []

        def release() -> None:
            for waiting in self._held.pop(verb):
                waiting.callback(None)

        return release

    def draw(self, *changes: Plain, by: str = "other", lost: bool = False) -> Plain:
        """Somebody else draws; ``lost``: nobody is told."""
        return self._telling(lambda: self.model.submit(by, list(changes)), lost=lost)

    def publish(self, seq: int) -> None:
        """Publish an event, whether or not it was published before."""
        topic = self.topics["board"]
        self._session.publish(topic, stream=topic, **self.model.events[seq - 1])

    def _join(self, lesson_id: str) -> Plain:
        heads = {self.topics[kind]: 0 for kind in ("state", "chat", "board")}
        return {"lesson": {"id": lesson_id}, "participants": [], "topics": self.topics, "heads": heads}

    def _resume(self, positions: dict[str, int]) -> Plain:
        self.resumed.append(positions)
        topic, head = self.topics["board"], len(self.model.events)
        streams: Plain = {name: {"complete": True, "events": [], "head": at} for name, at in positions.items()}
        if topic in positions:
            complete = not self.forgetful and positions[topic] <= head
            events = [{"stream": topic, **event} for event in self.model.events[positions[topic] :]]
            streams[topic] = {"complete": complete, "head": head, **({"events": events} if complete else {})}
        return {"streams": streams}

    def _heartbeat(self, positions: dict[str, int]) -> Plain:
        head = len(self.model.events)
        behind = {name: head for name, at in positions.items() if name == self.topics["board"] and at != head}
        return {"now": "2026-11-25T10:00:00.000Z", "interval_s": 30.0, "timeout_s": 120.0, "behind": behind}

    def _answering(self, verb: str) -> Callable[..., Any]:
        async def answer(asked: Any, **arguments: Any) -> Plain:
            self.calls.append((verb, arguments))
            assert arguments.pop("lesson_id") == self.lesson_id
            if verb in self.refusing:
                raise self.refusing[verb]
            answer = self._once(verb, asked.caller_authid, **arguments)
            for one in [one for one in self._wanted if one[0] == verb]:
                self._wanted.remove(one)
                one[1].callback(arguments)
            if verb in self._held:
                self._held[verb].append(Deferred())
                await self._held[verb][-1]
            return answer

        return answer

    def _once(self, verb: str, by: str, client_id: str | None = None, **arguments: Any) -> Plain:
        if client_id in self._answered:
            return self._answered[client_id]
        answer = self._telling(lambda: getattr(self, "_" + verb)(by, **arguments))
        if client_id is not None:
            self._answered[client_id] = answer
        return answer

    def _telling(self, doing: Callable[[], Plain], *, lost: bool = False) -> Plain:
        head = len(self.model.events)
        answer = doing()
        for event in self.model.events[head:]:
            if not (self.losing or lost):
                self.publish(event["seq"])
        return answer

    def _open(self, by: str, pages: list[str] | None = None) -> Plain:
        state = self.model.state()
        if pages is None:
            return state
        if not {*pages} <= {*self.model.pages}:
            raise ApplicationError("tutorwamp.error.not_found", message="There is no such page.", action="stop")
        return state | {"elements": [one for one in state["elements"] if one["page"] in pages]}

    def _submit(self, by: str, changes: list[Plain]) -> Plain:
        return self.model.submit(by, changes)

    def _add_page(self, by: str, page: str | None = None) -> Plain:
        return self.model.add_page(by, page or new_id())

    def _remove_page(self, by: str, page: str) -> Plain:
        return self.model.remove_page(by, page)

    def _clear(self, by: str, page: str | None = None) -> Plain:
        return self.model.clear(by, page)

    def _at(self, by: str, seq: int) -> Plain:
        return self.model.states[seq]

    def _export(self, by: str, format: str, page: str | None = None) -> Plain:  # noqa: A002  # the procedure's word
        return {"media_type": f"image/{format}", "data": f"drawn: {page}".encode()}


DETAILS = RegisterOptions(details_arg="asked")
