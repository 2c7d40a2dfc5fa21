"""Members of a lesson for benchmarks, and the process in which some of them draw on a schedule.

The members must not measure themselves: an event is not decoded when it arrives. Its time and its bytes are kept, equal
bytes once, and what the members have heard is decoded and replayed after the measurement.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final

import cbor2
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tutorwamp.bench.crowd import EVENT, RESULT, Light, connect
from tutorwamp.bench.drawing import stroke
from tutorwamp.board.contracts import BOARD_TOPIC, OPEN, SUBMIT
from tutorwamp.client.replica import Replica
from tutorwamp.kernel.contracts import new_id
from tutorwamp.lessons.contracts import JOIN

EVENT_CODE: Final = bytes([0x18, EVENT])
"""In CBOR, behind the byte that begins the list."""
RESULT_CODE: Final = bytes([0x18, RESULT])
_NUMBER_BYTES: Final = {0x18: 1, 0x19: 2, 0x1A: 4, 0x1B: 8}
"""By the byte before a number that is above 23 (RFC 8949 section 3)."""
STROKE_SUBMISSIONS: Final = 40
"""Two seconds at twenty a second."""
SILENCE_S: Final = 20.0
"""After the last answer: an event that has not come by then is lost."""


class Member(Light):
    """One person's session; ``hear_bytes`` gets each event as it came."""

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.hear_bytes: Callable[[bytes], None] = lambda _: None
        self._unread_answers: set[int] = set()

    def say(self, uri: str, /, **arguments: Any) -> Deferred[None]:
        """Call; fires with the answer's arrival, without having read it. Fails with CallError."""
        answer = self.call(uri, **arguments)
        self._unread_answers.add(self.asked)
        return answer

    def take(self, payload: bytes) -> None:
        """Everything but events, and answers that are only waited for."""
        code = payload[1:3]
        if code == EVENT_CODE:
            self.hear_bytes(payload)
        elif code == RESULT_CODE and (number := _number_at(payload, 3)) in self._unread_answers:
            self._unread_answers.remove(number)
            self.answer(number, None)
        else:
            super().take(payload)

    async def enter(self, lesson_id: str) -> dict[str, Any]:
        """Join the lesson, hear its board from now on; the board as ``board.open`` gives it."""
        await self.call(JOIN.uri, lesson_id=lesson_id)
        await self.subscribe(BOARD_TOPIC.of(lesson_id))
        opened: dict[str, Any] = await self.call(OPEN.uri, lesson_id=lesson_id)
        return opened


def _number_at(payload: bytes, place: int) -> int:
    size = _NUMBER_BYTES.get(payload[place], 0)
    return int.from_bytes(payload[place + 1 : place + 1 + size]) if size else payload[place]


async def arrive(port: int, token: str) -> Member:
    """A joined session over a WebSocket of its own. Raises Disconnected."""
    made = Member(token)
    await connect(port, made)
    return made


def decoded(payload: bytes) -> dict[str, Any]:
    """The keyword arguments of an event."""
    arguments: dict[str, Any] = cbor2.loads(payload)[5]
    return arguments


# The process of some writers


@dataclass(frozen=True)
class Job:
    """What one process does: these people, by their number, write ``hz`` times a second for ``seconds``."""

    port: int
    lesson_id: str
    tokens: Mapping[int, str]
    writers: int
    """In all processes together: the people's turns are spread over them."""
    hz: float
    seconds: float


@dataclass(frozen=True)
class Submission:
    """One call, as its writer saw it. Times are of the machine's monotonic clock."""

    who: int
    id: str
    version: int
    """Of the element, after the change."""
    due_at: float
    sent_at: float
    answered_at: float
    rejected: str | None
    """The error's URI."""


@dataclass(frozen=True)
class Report:
    """What the people of one process have seen."""

    submissions: list[Submission]
    arrivals: dict[int, dict[int, float]]
    """When each person heard each event, by its ``seq``."""
    told: dict[int, list[tuple[str, int]]]
    """The elements and versions of each event."""
    boards: dict[int, int]
    """Which of ``states`` each person's replayed board is."""
    states: list[dict[str, Any]]


@dataclass
class _Heard:
    """What one member heard, when."""

    opened: dict[str, Any]
    arrived: list[tuple[float, bytes]] = field(default_factory=list)


class Writers:
    """The people of one process."""

    def __init__(self, job: Job, reactor: Any) -> None:
        self._job = job
        self._reactor = reactor
        self._random = random.Random(min(job.tokens))  # noqa: S311  # the same drawing each time
        self._members: dict[int, Member] = {}
        self._heard: dict[int, _Heard] = {}
        self._kept: dict[bytes, bytes] = {}
        self._strokes: dict[int, list[dict[str, Any]]] = {who: [] for who in job.tokens}
        self._submissions: list[Submission] = []
        self.seq = 0
        """Of the newest event an answer named."""

    async def enter(self) -> None:
        """Everybody comes in, one after another."""
        for who, token in self._job.tokens.items():
            one = self._members[who] = await arrive(self._job.port, token)
            heard = self._heard[who] = _Heard(opened={})
            one.hear_bytes = self._ear(heard)
            heard.opened = await one.enter(self._job.lesson_id)

    def _ear(self, heard: _Heard) -> Callable[[bytes], None]:
        def hear(payload: bytes) -> None:
            heard.arrived.append((time.monotonic(), self._kept.setdefault(payload, payload)))

        return hear

    async def write(self, start_at: float) -> None:
        """Submit on schedule, whatever became of what was submitted before; returns with the last answer."""
        job = self._job
        rounds = round(job.seconds * job.hz)
        schedule = sorted(
            (start_at + (number + who / job.writers) / job.hz, who) for who in job.tokens for number in range(rounds)
        )
        waiting: list[Deferred[None]] = []
        for due_at, who in schedule:
            early_s = due_at - time.monotonic()
            if early_s > 0:
                await task.deferLater(self._reactor, early_s)
            waiting.append(Deferred.fromCoroutine(self._submit(who, due_at)))
        for answer in waiting:
            await answer

    async def _submit(self, who: int, due_at: float) -> None:
        left = self._strokes[who]
        if not left:
            left += reversed(stroke(self._job.lesson_id, self._random, STROKE_SUBMISSIONS))
        change = left.pop()
        element_id, version = (change["element"]["id"], 1) if change["op"] == "put" else (change["id"], 0)
        version = version or change["version"] + 1
        sent_at = time.monotonic()
        answer = await self._members[who].call(
            SUBMIT.uri, lesson_id=self._job.lesson_id, changes=[change], client_id=new_id()
        )
        rejected = answer["rejected"][0]["error"] if answer["rejected"] else None
        self._submissions.append(Submission(who, element_id, version, due_at, sent_at, time.monotonic(), rejected))
        self.seq = max(self.seq, answer["seq"])

    async def hear_up_to(self, seq: int) -> None:
        """Wait until everybody has heard so many events: the board was empty, and numbers have no gaps."""
        patience_until = time.monotonic() + SILENCE_S
        while any(heard.opened["head"] + len(heard.arrived) < seq for heard in self._heard.values()):
            if time.monotonic() > patience_until:
                return  # the boards will say what is missing
            await task.deferLater(self._reactor, 0.05)

    def report(self) -> Report:
        """Decode each event once, replay each sequence of events once."""
        events = {payload: decoded(payload) for payload in self._kept}
        replays: dict[tuple[int, ...], int] = {}
        states: list[dict[str, Any]] = []
        boards = {}
        for who, heard in self._heard.items():
            sequence = tuple(id(payload) for _, payload in heard.arrived)
            if sequence not in replays:
                replays[sequence] = len(states)
                states.append(_replayed(heard, events))
            boards[who] = replays[sequence]
        return Report(
            submissions=self._submissions,
            arrivals={
                who: {events[payload]["seq"]: at for at, payload in heard.arrived} for who, heard in self._heard.items()
            },
            told={event["seq"]: [_told(change) for change in event["data"]["changes"]] for event in events.values()},
            boards=boards,
            states=states,
        )


def _replayed(heard: _Heard, events: Mapping[bytes, dict[str, Any]]) -> dict[str, Any]:
    replica = Replica()
    replica.open(heard.opened)
    for _, payload in heard.arrived:
        replica.apply(events[payload])
    return replica.state()


def _told(change: Mapping[str, Any]) -> tuple[str, int]:
    about = change["element"] if change["op"] == "put" else change
    return about["id"], about["version"]


def work(job: Job, pipe: Connection) -> None:
    """What a writers' process does. Takes the process's only reactor; says in between when it is ready for more."""
    from twisted.internet import reactor

    async def main() -> None:
        writers = Writers(job, reactor)
        await writers.enter()
        pipe.send(None)
        await writers.write(await deferToThread(pipe.recv))
        pipe.send(writers.seq)
        await writers.hear_up_to(await deferToThread(pipe.recv))
        pipe.send(writers.report())

    task.react(lambda _: Deferred.fromCoroutine(main()), ())


def people_of(process: int, tokens: Sequence[str], processes: int) -> dict[int, str]:
    """Every so many-th person, with their numbers."""
    return dict(list(enumerate(tokens))[process::processes])
