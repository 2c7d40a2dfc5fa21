"""Heavy work, done in processes of its own: who may have some done, when, and what becomes of what takes too much.

Somebody takes a *place* first, which costs nothing and is refused where there are enough; then waits for a *turn*; and
only then is anything loaded and the *renderer* started, a process for this one job (``renderer``). Who does not wait
any more loses place, turn and process.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from tutorwamp.board.parcels import Parcel
from tutorwamp.kernel.edges.deadline import Waiter, waiter
from tutorwamp.kernel.errors import RateLimited, TooLarge, TutorwampError, catalogue
from tutorwamp.kernel.log import timed
from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)
Loaded = TypeVar("Loaded")

AT_ONCE: Final = 2
"""Jobs, one of them large at most: what is small does not wait for it. More would only slow each other down."""
PLACES: Final = 32
"""Of all people; who is the last has a few seconds of other people's work before them."""
PLACES_A_PERSON: Final = 3
"""One job is done at a time; another two wait, as when three pictures are dropped on a page."""
JOB_AT_MOST_S: Final = 8.0
"""Of one job, by the clock on the wall; the renderer's own limit is of processor time."""
CPU_FAIR_S: Final = 2.0
"""A job that had less processor time than this when its time was over was not too large: others were busy."""
ANSWER_AT_MOST_S: Final = 10.0
"""Where nobody says until when they wait."""
ROOM_S: Final = 0.5
"""Before the caller's deadline, so that they hear why."""
ANSWER_BYTES_AT_MOST: Final = 16 * 1024 * 1024
"""Of a job; a process that says more is killed."""
COMPLAINT_BYTES_AT_MOST: Final = 8 * 1024
"""Of a process that failed, for the log."""
FOLDERS: Final = "tutorwamp-renderer-"
"""What the folders of the renderers begin with."""
FOLDERS_KEPT_S: Final = 3600
"""One that old is left of a process that was ended with its renderer."""


class Workshop:
    """The places, and who is at work. Places stand in the order in which they were taken."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self._places: list[Place] = []
        _tidy_up()

    def place(self, person: str) -> Place:
        """Take a place; ``with`` gives it back. Raises RateLimited, with the seconds until one is free for sure."""
        own = [place for place in self._places if place.person == person]
        if len(own) >= PLACES_A_PERSON:
            raise RateLimited("Your own work is still being done.", retry_after_s=min(place.left_s() for place in own))
        if len(self._places) >= PLACES:
            soonest_s = min(place.left_s() for place in self._places)
            raise RateLimited("Too many people want files or pictures just now.", retry_after_s=soonest_s)
        self._places.append(place := Place(self, person))
        return place

    def leave(self, place: Place) -> None:
        """Give a place back."""
        self._places.remove(place)
        self.let_in()

    def let_in(self) -> None:
        """Give everybody their turn who may have it."""
        for place in [*self._places]:  # who goes in may leave at once
            door = place.door
            if door is not None and self._has_room_for(place):
                place.door, place.at_work = None, True
                door.callback(None)

    def _has_room_for(self, new: Place) -> bool:
        busy = [place for place in self._places if place.at_work]
        hindered = any(place.person == new.person or (place.large and new.large) for place in busy)
        return len(busy) < AT_ONCE and not hindered


class Place:
    """One person's right to have a job done. ``door``: fires when it is their turn."""

    def __init__(self, workshop: Workshop, person: str) -> None:
        self.person = person
        self.large = False
        self.at_work = False
        self.door: Deferred[None] | None = None
        self._workshop = workshop
        self._clock = workshop.reactor
        self._waiter = waiter() or Waiter(self._clock.seconds() + ANSWER_AT_MOST_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._workshop.leave(self)

    def left_s(self) -> float:
        """Seconds until its caller does not wait any more; then it is free."""
        left_s: float = self._waiter.until_s - self._clock.seconds()
        return max(0.001, round(left_s, 3))

    @asynccontextmanager
    async def turn(self, *, large: bool) -> AsyncIterator[None]:
        """Wait until the job may be done, and be at work meanwhile. Raises RateLimited where it takes too long."""
        self.large, self.door = large, Deferred()
        door = self._waiter.spare(self.door)
        self._workshop.let_in()
        try:
            try:
                await door.addTimeout(max(0.0, self.left_s() - ROOM_S), self._clock)
            except defer.TimeoutError:
                raise _busy() from None
            yield
        finally:
            self.door, self.at_work = None, False
            self._workshop.let_in()

    async def load(self, step: Deferred[Loaded]) -> Loaded:
        """What the job needs, unless nobody waits for it any more."""
        return await self._waiter.spare(step)

    @timed("render")
    async def work(self, name: str, job: Parcel, *, advice: str) -> Parcel:
        """Have a job done by a renderer. Raises what it says, TooLarge with the advice, or RateLimited."""
        left_s = self.left_s() - ROOM_S
        renderer = Renderer(Parcel({"job": name, **job.values}, job.parts))
        done = self._waiter.spare(renderer.start(self._clock))
        try:
            answer = await done.addTimeout(max(0.0, min(JOB_AT_MOST_S, left_s)), self._clock)
        except defer.TimeoutError:
            if left_s < JOB_AT_MOST_S or renderer.cpu_s < CPU_FAIR_S:
                raise _busy() from None
            answer = None
        if answer is None:
            log.warning("too heavy", job=name, bytes=sum(map(len, job.parts)), complaint=renderer.complaint())
            raise TooLarge(f"This takes too much time or memory. {advice}", details={"seconds_at_most": JOB_AT_MOST_S})
        if "error" in answer.values:
            raise _error(answer.values)
        return answer


def _tidy_up() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"):
        with suppress(OSError):  # another process tidies up as well
            if time.time() - folder.lstat().st_mtime > FOLDERS_KEPT_S:
                shutil.rmtree(folder, ignore_errors=True)


def _busy() -> RateLimited:
    return RateLimited("Too many people want files or pictures just now.", retry_after_s=JOB_AT_MOST_S)


def _error(said: Any) -> TutorwampError:
    """What the renderer raised."""
    return catalogue()[said["error"]](said["message"], details=said["details"])


class Renderer(ProcessProtocol):
    """One job's process, seen from here."""

    def __init__(self, job: Parcel) -> None:
        self._job = job
        self._said: list[bytes] = []
        self._length = 0
        self._complaint = b""
        self._folder = ""
        self.cpu_s = 0.0
        """Processor time it had taken when it was killed."""
        self._done: Deferred[Parcel | None] = Deferred(lambda _: self._kill())

    def start(self, reactor: Any) -> Deferred[Parcel | None]:
        """Start it; its answer, or None where it did not finish. Cancelling kills it."""
        self._folder = tempfile.mkdtemp(prefix=FOLDERS)  # what it leaves behind when it is killed
        # Nothing else of our environment: it holds the database's password.
        environment = {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "TMPDIR": self._folder}
        command = [sys.executable, "-m", "tutorwamp.board.renderer", str(os.getpid())]
        reactor.spawnProcess(self, sys.executable, command, env=environment, path=self._folder)
        return self._done

    def complaint(self) -> str:
        """What it said on standard error, for the log."""
        return self._complaint.decode(errors="replace")

    def connectionMade(self) -> None:  # noqa: N802  # Twisted's name
        """It runs: hand it the job."""
        if self.transport is not None:
            for piece in self._job.pack():
                self.transport.write(piece)
            self.transport.closeStdin()

    def outReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        """A part of the answer."""
        self._said.append(data)
        self._length += len(data)
        if self._length > ANSWER_BYTES_AT_MOST:
            self._kill()

    def errReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        """A part of what went wrong."""
        self._complaint = (self._complaint + data)[-COMPLAINT_BYTES_AT_MOST:]

    def processEnded(self, reason: Failure) -> None:  # noqa: N802  # Twisted's name
        """It is gone, whoever ended it."""
        shutil.rmtree(self._folder, ignore_errors=True)
        if not self._done.called:
            self._complaint = self._complaint or str(reason.value).encode()
            self._done.callback(Parcel.unpack(b"".join(self._said)) if reason.check(ProcessDone) else None)

    def _kill(self) -> None:
        if self.transport is not None and self.transport.pid is not None:
            self.cpu_s = _cpu_s(self.transport.pid)
            self.transport.signalProcess("KILL")


def _cpu_s(pid: int) -> float:
    """Seconds of processor time of a process that is not reaped yet (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
