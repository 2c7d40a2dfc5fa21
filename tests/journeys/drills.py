"""What a drill needs: a school on real servers, people who write all the time, and somebody who asks for its health."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import treq
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.task import deferLater
from twisted.web.client import ResponseFailed

from tests.journeys.test_two_people import whole_history
from tests.support.people import PythonPerson, couple
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.support.supervised import Supervised
from tests.support.tls import HOST, TlsEntrance, make_certificate
from tests.support.waiting import until
from tutorwamp.client import CallError, Disconnected
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.sql import migrate
from tutorwamp.kernel.sql.database import make_engine

reactor = cast("Any", _reactor)

PATIENCE_S = 60.0
"""For what becomes of real processes; reaching it is a failure."""
PAUSE_S = 0.05
"""Between two words of a writer, and two looks."""
TRIED_AGAIN_AFTER_S = 0.25
ASKED_WITHIN_S = 5.0
"""More than the two seconds in which health promises to answer, on a busy machine."""
PROXY = "127.0.0.2"
"""An address of this machine from which a proxy may come; the people come from others."""
CACHE_PASSWORD = "p@ss:word/1"


class School:
    """A supervised node on a PostgreSQL that keeps what it acknowledged, and on a cache with a password, over TLS."""

    def __init__(self) -> None:
        self.postgres = Postgres(durable=True)
        self.cache = RedisServer("valkey")
        self.log = self.cache.home / "node.log"
        certificate = make_certificate(self.cache.home)
        self._entrance = TlsEntrance(certificate, self.cache.socket)
        self.postgres.start()
        self.start_cache()
        url = self.postgres.create_database("school")
        engine = make_engine(url)
        migrate.upgrade(engine)
        engine.dispose()
        self.node = Supervised(
            env={
                "TUTORWAMP_DATABASE_URL": url,
                "TUTORWAMP_REDIS_URL": f"rediss://node:p%40ss%3Aword%2F1@{HOST}:{self._entrance.port}/3",
                "SSL_CERT_FILE": str(certificate),
                "TUTORWAMP_TRUSTED_PROXIES": PROXY,
                "TUTORWAMP_LOG_FORMAT": "json",
                "TUTORWAMP_LOG_FILE": str(self.log),
                "TUTORWAMP_RATE_LIMITS": "off",
            }
        )
        self.node.start()

    def start_cache(self) -> None:
        """As it was configured."""
        self.cache.start()
        self.set_cache_password(CACHE_PASSWORD)

    def set_cache_password(self, password: str) -> None:
        """The node's, from now on; who is there under another one must come again."""
        assert self.cache.ask(f"ACL SETUSER node on resetpass >{password} ~* &* +@all") == b"+OK\r\n"
        self.cache.ask("CLIENT KILL USER node")

    def audited(self, what: str) -> list[str]:
        """The addresses in the audit's lines of a kind."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line["address"] for line in lines if line.get("what") == what]

    def close(self) -> None:
        """Leave nothing behind."""
        self.node.close()
        self._entrance.close()
        self.postgres.close()
        self.cache.close()

    async def health_becomes(self, wanted: Callable[[int, dict[str, str]], bool]) -> float:
        """Ask until it is as wanted; after how many seconds it was."""
        begun = time.monotonic()
        while not wanted(*(told := await self.health())):
            assert time.monotonic() - begun < PATIENCE_S, told
            await deferLater(reactor, PAUSE_S)
        return time.monotonic() - begun

    async def health(self) -> tuple[int, dict[str, str]]:
        """The status, and what is down; 0 where nobody answers."""
        try:
            answer = await treq.get(f"{self.node.url}/api/health", timeout=ASKED_WITHIN_S)
            told = await answer.json()
        except (ConnectError, ConnectionClosed, ResponseFailed):
            return 0, {}
        states = told.get("dependencies", {"node": "down"})  # the gate's own word, where REST is away
        return answer.code, {name: state for name, state in states.items() if state != "ok"}


@dataclass
class Told:
    """What the writers were told."""

    acknowledged: dict[str, Any] = field(default_factory=dict)
    """By client_id: the answer."""
    refused: Counter[str] = field(default_factory=Counter)
    """By error and action, where they were told when to come back; else with a note that they were not."""
    disconnected: int = 0
    """How often nobody was there to say anything."""
    longest_silence_s: float = 0.0
    """Between two acknowledgements."""
    _last_s: float = 0.0

    def acknowledge(self, client_id: str, answer: Any) -> None:
        assert client_id not in self.acknowledged
        now_s = time.monotonic()
        if self.acknowledged:
            self.longest_silence_s = max(self.longest_silence_s, now_s - self._last_s)
        self._last_s = now_s
        self.acknowledged[client_id] = answer

    def refuse(self, error: CallError) -> None:
        if isinstance(error, Disconnected) or error.request_id is None:  # the client itself says so
            self.disconnected += 1
        else:
            when = "" if error.retry_after_s > 0 else " without retry_after_s"
            self.refused[f"{error.uri}, {error.action}{when}"] += 1


Ask = Callable[[str, str], Awaitable[Any]]
"""Writes something: a client_id and what is written."""


class Writers:
    """A student who chats, a tutor who draws, and a tutor who chats over REST, each one word after the other."""

    def __init__(self, school: School) -> None:
        self._school = school
        self.told = Told()
        self._stopping = False
        self._ways: dict[str, Ask] = {}
        self._doing: list[Deferred[None]] = []
        self.tutor: PythonPerson
        self.student: PythonPerson
        self.lesson_id = ""

    async def enter(self) -> None:
        """People of their own, in a lesson of their own."""
        self.tutor, self.student, self.lesson_id = await couple(self._school.node)
        page = (await self.tutor.call("tutorwamp.board.open", lesson_id=self.lesson_id))["pages"][0]["id"]

        async def chat(client_id: str, body: str) -> Any:
            return await self.student.call(
                "tutorwamp.chat.send", lesson_id=self.lesson_id, body=body, client_id=client_id
            )

        async def chat_over_rest(client_id: str, body: str) -> Any:
            asked = {"body": body, "client_id": client_id}
            return await self.tutor.client.login.request("POST", f"/api/lessons/{self.lesson_id}/messages", asked)

        async def draw(client_id: str, body: str) -> Any:
            element = {"id": body, "page": page, "kind": "stroke", "color": "#000000", "width": 2, "points": [[1, 1]]}
            return await self.tutor.call(
                "tutorwamp.board.submit",
                lesson_id=self.lesson_id,
                changes=[{"op": "put", "element": element}],
                client_id=client_id,
            )

        self._ways = {"chat": chat, "rest": chat_over_rest, "draw": draw}

    def begin(self) -> None:
        """From now on everybody writes."""
        self._doing = [Deferred.fromCoroutine(self._write(name, way)) for name, way in self._ways.items()]

    async def _write(self, name: str, way: Ask) -> None:
        number = 0
        while not self._stopping:
            number += 1
            await self._say(f"{name}{number}", new_id(), way)
            await deferLater(reactor, PAUSE_S)

    async def _say(self, client_id: str, body: str, way: Ask) -> None:
        """The same until it is acknowledged, sooner than they are asked to come back."""
        while client_id not in self.told.acknowledged:
            try:
                self.told.acknowledge(client_id, {**await way(client_id, body), "body": body})
            except CallError as error:
                if not error.may_repeat:
                    raise
                self.told.refuse(error)
                await deferLater(reactor, TRIED_AGAIN_AFTER_S)

    async def everybody_is_acknowledged(self) -> None:
        """Wait until each of them was, once more."""
        before = Counter(_way(name) for name in self.told.acknowledged)
        await until(lambda: all(self._count(way) > before[way] for way in self._ways), self.told)

    def _count(self, way: str) -> int:
        return sum(_way(name) == way for name in self.told.acknowledged)

    async def end(self) -> None:
        """Everybody's last word is acknowledged."""
        self._stopping = True
        await gatherResults(self._doing, consumeErrors=True).addTimeout(PATIENCE_S, reactor)

    async def lost(self) -> list[str]:
        """What was acknowledged and is not there, or there twice, or otherwise than it was acknowledged."""
        history = await whole_history(self.student, self.lesson_id)
        state = await self.tutor.call("tutorwamp.board.open", lesson_id=self.lesson_id)
        said = Counter((one["client_id"], one["body"], one["seq"]) for one in history)
        drawn = Counter(one["id"] for one in state["elements"])
        return [
            name
            for name, one in self.told.acknowledged.items()
            if (drawn[one["body"]] if _way(name) == "draw" else said[name, one["body"], one["seq"]]) != 1
        ] + [name for name, _, _ in said if name not in self.told.acknowledged]

    async def leave(self) -> None:
        """Go home."""
        self._stopping = True
        await self.tutor.close()
        await self.student.close()


def _way(client_id: str) -> str:
    return client_id.rstrip("0123456789")


@asynccontextmanager
async def writing(school: School) -> AsyncIterator[Writers]:
    """Writers who write already, each of whom was heard."""
    writers = Writers(school)
    await writers.enter()
    writers.begin()
    try:
        await writers.everybody_is_acknowledged()
        yield writers
    finally:
        await writers.leave()
