"""Somebody in another lesson: says something every so often, whatever became of the words before."""

from __future__ import annotations

import threading
import time
from typing import Final

from tests.hostile.wire import ERROR, RESULT, GoneError, SilenceError, Wamp

EVERY_S: Final = 0.125
BEATS: Final = 8
"""After so many sentences a heartbeat."""
LAST_ANSWERS_S: Final = 15.0
"""For what is still unanswered at the end."""
ADDRESS: Final = "127.0.0.1"


class Steady:
    """A thread; ``stop`` ends it and waits."""

    def __init__(self, port: int, ticket: str, lesson_id: str) -> None:
        self._port, self._ticket, self._lesson_id = port, ticket, lesson_id
        self.latencies: list[float] = []
        """Seconds; of what was never answered, until it was given up."""
        self.wrong: list[str] = []
        """Refused, never answered, or answered with something else."""
        self.ended = 0
        """Sessions."""
        self._said: dict[int, tuple[float, str]] = {}
        self._over = threading.Event()
        self._count = 0
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(LAST_ANSWERS_S + 15)
        self._give_up("not answered")

    def _live(self) -> None:
        while not self._over.is_set():
            joined = False
            try:
                with Wamp(self._port, "cbor", self._ticket, address=ADDRESS) as session:
                    session.must("tutorwamp.lesson.join", lesson_id=self._lesson_id)
                    joined = True
                    self._talk(session)
            except GoneError as error:
                self.ended += joined
                self._give_up(f"ended: {error}")
                self._over.wait(0.5)

    def _talk(self, session: Wamp) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            if time.monotonic() >= due:
                due = max(due + EVERY_S, time.monotonic() - 1)
                self._say(session)
            self._hear(session, due)
        ends = time.monotonic() + LAST_ANSWERS_S
        while self._said and time.monotonic() < ends:
            self._hear(session, ends)

    def _say(self, session: Wamp) -> None:
        self._count += 1
        body = f"sentence {self._count}"
        if self._count % BEATS == 0:
            session.ask("tutorwamp.session.heartbeat")
        number = session.ask("tutorwamp.chat.send", lesson_id=self._lesson_id, body=body)
        self._said[number] = (time.monotonic(), body)

    def _hear(self, session: Wamp, until: float) -> None:
        try:
            message = session.hear(max(0.001, until - time.monotonic()))
        except SilenceError:
            return
        number = message[1] if message[0] == RESULT else message[2] if message[0] == ERROR else None
        if number not in self._said:
            return
        said_at, body = self._said.pop(number)
        self.latencies.append(time.monotonic() - said_at)
        if message[0] == ERROR:
            self.wrong.append(str(message[4]))
        elif message[3][0].get("body") != body:
            self.wrong.append("forged")

    def _give_up(self, why: str) -> None:
        for said_at, _ in self._said.values():
            self.latencies.append(time.monotonic() - said_at)
            self.wrong.append(why)
        self._said.clear()

    def quantile_ms(self, share: float) -> float:
        """Of the latencies."""
        ordered = sorted(self.latencies) or [0.0]
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]
