"""Lesson chat on a Socket.IO server of ours (``server.mjs``), spoken to by the benchmarks' own light client."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from twisted.internet.defer import Deferred

from tests.support.server import Started
from tutorwamp.bench.chat import BODY
from tutorwamp.bench.crowd import TEXT, Light, connect

SERVER: Final = Path(__file__).with_name("server.mjs")
_OPENED, _PING, _PONG, _CONNECT, _EVENT, _ACK = b"0", b"2", b"3", b"40", b"42", b"43"
"""Engine.IO 4 and, behind its 4, Socket.IO 5."""


class SocketIoMember(Light):
    """One person's connection. Events are kept as they came, not decoded."""

    path = "/socket.io/?EIO=4&transport=websocket"
    protocol = ""

    def __init__(self) -> None:
        super().__init__("")
        self.heard: list[bytes] = []
        self._answers: dict[int, Deferred[Any]] = {}
        self._counter = itertools.count()

    def greet(self) -> None:
        """Nothing: the server begins."""

    def emit(self, event: str, argument: Any) -> Deferred[Any]:
        """Say something; fires with the acknowledgement."""
        number, answer = next(self._counter), Deferred[Any]()
        self._answers[number] = answer
        self.send_frame(TEXT, b"42%d%s" % (number, json.dumps([event, argument]).encode()))
        return answer

    def take(self, payload: bytes) -> None:
        """Answers, events and the server's pings."""
        if payload.startswith(_EVENT):
            self.heard.append(payload)
        elif payload.startswith(_ACK):
            number, _, rest = payload[2:].partition(b"[")
            self._answers.pop(int(number)).callback(json.loads(b"[" + rest)[0])
        elif payload.startswith(_CONNECT):
            self.joined.callback(0)
        elif payload.startswith(_OPENED):
            self.send_frame(TEXT, _CONNECT)
        elif payload == _PING:
            self.send_frame(TEXT, _PONG)


class SocketIo(Started):
    """A server and its lessons: one of the contenders (``tutorwamp/bench/school.py``)."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.name = name
        self.heard: Sequence[Sequence[list[bytes]]] = []
        self._arguments = arguments
        self._lessons: list[list[SocketIoMember]] = []
        self._process: subprocess.Popen[str] | None = None
        self._port = 0

    def start(self) -> None:
        """Start it; its port is its first line."""
        command = ["node", str(SERVER), *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own server
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    async def enter(self, lessons: int, people: int) -> Self:
        """So many people come into each of so many lessons."""
        for number in range(lessons):
            members = [SocketIoMember() for _ in range(people)]
            for one in members:
                await connect(self._port, one)
                await one.emit("enter", f"lesson {number}")
            self._lessons.append(members)
        self.heard = [[one.heard for one in members] for members in self._lessons]
        return self

    def leave(self) -> None:
        """All go."""
        for members in self._lessons:
            for one in members:
                one.cut()

    def say(self, place: int, who: int, number: int) -> Deferred[Any]:
        """As a member of the lesson; fires with the message when it is kept."""
        said = {"lesson_id": f"lesson {place}", "body": f"{number} {BODY}", "client_id": f"{number}"}
        return self._lessons[place][who].emit("send", said)

    def number_of(self, payload: bytes) -> int:
        """From the message's text."""
        return int(json.loads(payload[2:])[1]["data"]["body"].partition(" ")[0])

    def cpu_s(self) -> dict[str, float]:
        """Of the server, all its threads."""
        assert self._process is not None
        stat = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return {"server": (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")}
