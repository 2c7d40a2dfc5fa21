"""A storm on one board: everything that can go wrong between people, the network, the processes and the database.

The design is that of tldraw's ``syncFuzz.test.ts``. What runs is real: the services, SQL, the client with its replica
and its undo. Faked are the network and time, and a seed decides every step: in which order calls arrive, whether one is
lost or comes twice, when a transaction runs and when its answer is heard, who is cut off, when the process dies.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from autobahn.wamp.exception import ApplicationError
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.board.fuzz_clients import Asked, Drawer, Plain, Wire
from tests.board.fuzz_deeds import Deeds
from tests.board.fuzz_ledger import Ledger, Told
from tests.board.fuzz_process import Process, World, noticing, small_limits
from tests.board.fuzz_stored import Stored
from tutorwamp.board.contracts import BOARD_TOPIC, BoardAt, OpenBoard
from tutorwamp.board.store import BoardStore, KeptPicture
from tutorwamp.client import board as client_board
from tutorwamp.client.heartbeat import FIRST_INTERVAL_S, Heartbeat
from tutorwamp.client.replica import undoing
from tutorwamp.kernel.contracts import new_id
from tutorwamp.lessons.contracts import SetPen

STEPS_AT_MOST = 20_000
"""Until all is quiet in the end; some thousand are usual."""


class StormError(AssertionError):
    """What is wrong, and everything that happened before it."""

    def __init__(self, seed: int, log: list[str], *reasons: object) -> None:
        again = f"TUTORWAMP_TEST_FUZZ_FIRST={seed} TUTORWAMP_TEST_FUZZ_SEEDS=1 pytest tests/board/test_fuzz.py"
        super().__init__("\n".join([f"seed {seed} fails; again with: {again}", *log, *map(str, reasons)]))


class Storm:
    """One seed. ``run`` raises StormError."""

    def __init__(self, world: World, seed: int, operations: int = 300) -> None:
        self.world = world
        self.seed = seed
        self.operations = operations
        self.log: list[str] = []
        self.random = Random(seed)
        self.clock = Clock()
        """The clients'."""
        self.strays: list[Asked] = []
        self.deaths = 0
        self._quiet = False
        """Nothing that is said is lost: heartbeats after a storm."""
        self._sluggish = False
        """Whether the database answers no reads just now."""
        self._faults: list[object] = []
        self._announced: list[int] = []
        self._unannounced: set[int] = set()
        """Events that were committed by a process that died before it could tell."""

    def run(self) -> None:
        """From the first to the last operation, then until all is quiet; then everything must fit together."""
        with small_limits(), self._watching_undo(), capture_logs() as said, noticing(self._faults):
            try:
                self._gather()
                for number in range(1, self.operations + 1):
                    self._operation(number)
                self._end()
            except Exception as error:
                raise StormError(self.seed, self.log, error) from error
            finally:
                self.process.die()
            self._faults += [line for line in said if line["log_level"] in ("error", "critical")]
            if self._faults:
                raise StormError(self.seed, self.log, *self._faults)

    def hardships(self) -> tuple[int, ...]:
        """How often the process died, an event was committed and not told, one got lost, and a call was repeated."""
        lost = sum(len(drawer.lost) for drawer in self.drawers)
        return self.deaths, len(self._unannounced), lost, self.ledger.repeated, len(self.ledger.undone)

    def _gather(self) -> None:
        world, numbers = self.world, itertools.count(1)
        lesson = world.office.settle(world.given.lesson(world.tutor, *world.students))
        self.lesson_id, self.stream = lesson.id, BOARD_TOPIC.of(lesson.id)
        self.deeds = Deeds(self.random, lesson.id, self._picture())
        self.ledger = Ledger({world.tutor.user_id, world.admin.user_id})
        self.stored = Stored(world, self.lesson_id, self.stream)
        self._note_commit()
        self.process = self._new_process()
        cast = [world.tutor, *world.students, world.students[0], world.admin]  # one student has two devices
        names = ["tutor", "anna", "ben", "cem", "anna's other", "admin"]
        self.drawers = [
            Drawer(name, caller, lesson.id, self.stream, clock=self.clock, random=self.random, numbers=numbers)
            for name, caller in list(zip(names, cast, strict=True))[: self.random.randint(2, 6)]
        ]
        for drawer in self.drawers:
            drawer.begin(drawer.enter(), "enter")
        self._calm()

    def _watching_undo(self) -> AbstractContextManager[object]:
        def noted(*args: Any) -> list[Plain]:
            changes = undoing(*args)
            self.ledger.undone += changes
            return changes

        return patch.object(client_board, "undoing", noted)

    def _picture(self) -> str:
        office, at = self.world.office, self.world.clock()
        more: Plain = {"media_type": "image/png", "bytes": 1, "width": 1, "height": 1, "sha256": "", "created_at": at}
        mine = KeptPicture(id=new_id(), lesson_id=self.lesson_id, author_id=self.world.tutor.user_id, **more)
        return office.settle(BoardStore(office.machine.database).add_picture(mine)).id

    # One operation, and the weather after it

    def _operation(self, number: int) -> None:
        drawer = self.random.choice(self.drawers)
        what = self.random.random()
        if what < 0.01:
            tale = self._kill()
        elif what < 0.02:
            tale = self._lull()
        elif what < 0.06:
            tale = self._pass_pen()
        elif what < 0.08:
            tale = self._quarrel()
        else:
            tale = f"{drawer} {self.deeds.some(drawer)}"
        self.log.append(f"{number}. {tale}")
        if self.random.random() < 1 / 6:
            self._drop(self.random.choice(self.drawers))
        for absent in self.drawers:
            if absent.connection.offline and self.random.random() < 1 / 4:
                absent.connection.come_back()
        self._sluggish = self.random.random() < 0.2
        for _ in range(self.random.choice((0, 0, 2, 5, 10, 20, 40))):
            self._step()

    def _quarrel(self) -> str:
        """Two do the same at the same moment."""
        deed = self.random.choice((self.deeds.clear, self.deeds.clear, self.deeds.peek))
        return ", ".join(f"{drawer} {deed(drawer)}" for drawer in self.random.sample(self.drawers, 2))

    def _pass_pen(self) -> str:
        chosen = [one for one in self.world.students if self.random.random() < 0.6]
        asked = {"lesson_id": self.lesson_id, "student_ids": [one.user_id for one in chosen]}
        how = "through another process" if self.random.random() < 0.5 else "here"
        if how == "here":
            tutor = self.drawers[0]
            tutor.begin(tutor.connection.call_until_answered("tutorwamp.lesson.set_pen", **asked), "pen")
        else:
            office = self.world.office
            office.settle(office.machine.lessons.set_pen(self.world.tutor, SetPen.model_validate(asked)))
            self._note_commit()
        return f"the pen goes to {[self.world.students.index(one) for one in chosen]}, {how}"

    def _drop(self, drawer: Drawer) -> None:
        """Cut somebody off; what is on its way to the server may have got there or not."""
        wire = drawer.wire
        if wire is not None:
            drawer.connection.offline = self.random.random() < 0.7
            arriving = [asked for asked in wire.up if self.random.random() < 0.5]
            self.strays += [_stray(asked) for asked in arriving]
            wire.cut()
            self.log.append(f"   {drawer} is cut off; {len(arriving)} calls may still arrive")

    def _kill(self) -> str:
        """The process is gone in the middle of what it did: some of it was committed, nobody hears of it."""
        for _ in range(20):
            if self.process.writer.jobs:
                break  # something to interrupt
            self._step()
        process, self.process = self.process, self._new_process()
        process.alive = False
        jobs = self.random.randint(0, len(process.writer.jobs))
        for _ in range(jobs):
            process.writer.run()
            self._note_commit()
        process.die()
        self.deaths += 1
        told = self._announced[-1] if self._announced else 0
        self._unannounced |= set(range(told + 1, self.head + 1)) - self._unannounced
        for wire in self._wires():
            wire.answers += [(one, Failure(ApplicationError("wamp.error.canceled"))) for one in wire.delivered]
            wire.delivered.clear()
        return f"the process dies; {jobs} transactions went through, up to event {self.head}"

    def _new_process(self) -> Process:
        process = self.world.process()

        def publish(topic: str, **event: Any) -> None:
            if process.alive and topic == self.stream:
                self._announce(event)

        process.machine.publisher.attach(SimpleNamespace(is_attached=lambda: True, publish=publish))  # type: ignore[arg-type]  # all that is used of it
        return process

    def _announce(self, event: Plain) -> None:
        self._announced.append(event["seq"])
        self.log.append(f"   event {event['seq']}: {event['type']}")
        self.deeds.see(event)
        for drawer in self.drawers:
            fate = self.random.random()
            if fate < 0.01:
                drawer.lost.add(event["seq"])
            elif drawer.wire is not None:
                for _ in range(2 if fate < 0.02 else 1):
                    drawer.wire.publish(event)

    # Steps

    def _wires(self) -> list[Wire]:
        return [wire for drawer in self.drawers if (wire := drawer.wire) is not None]

    def _steps(self) -> Iterator[Callable[[], object]]:
        """What can happen next, besides that time goes on."""
        if any(wire.up for wire in self._wires()):
            yield self._deliver
        if self.strays:
            yield self._deliver_strays
        if self.process.writer.jobs:
            yield self._write
        if self.process.reader.jobs and not self._sluggish:
            yield self._read
        if self.process.reactor.answers:
            yield self.process.fetch
        if any(wire.events for wire in self._wires()):
            yield self._hear
        if any(wire.answers for wire in self._wires()):
            yield self._answer

    def _step(self) -> None:
        self.random.choice([*self._steps(), self._time])()
        self._require_faultless()

    def _require_faultless(self) -> None:
        for fault in self._faults:
            raise AssertionError(fault)

    def _deliver(self) -> None:
        """One call arrives, or all that this client has sent; now and then one overtakes those before it."""
        wire = self.random.choice([wire for wire in self._wires() if wire.up])
        arriving, wire.up = wire.up, []
        if self.random.random() < 0.5:
            one = arriving.pop(self._place(arriving, 0.2))
            arriving, wire.up = [one], arriving
        for asked in arriving:
            wire.delivered.append(asked)
            if self.random.random() < 0.07:
                self.strays.append(_stray(asked))
            self._serve(asked, wire)

    def _deliver_strays(self) -> None:
        for _ in range(self.random.randint(1, len(self.strays))):
            self._serve(self.strays.pop(self._place(self.strays, 0.5)), None)

    def _place(self, queue: list[Any], overtaking: float) -> int:
        return self.random.randrange(len(queue)) if self.random.random() < overtaking else 0

    def _serve(self, asked: Asked, wire: Wire | None) -> None:
        process = self.process
        self.ledger.arrived(asked, self.deaths, wire.session_id if wire is not None else 0)
        serving = Deferred.fromCoroutine(process.serve(asked.drawer.caller, asked.uri, asked.arguments))
        serving.addBoth(self._served, asked, wire, process)
        serving.addErrback(self._faults.append)

    def _served(self, outcome: Any, asked: Asked, wire: Wire | None, process: Process) -> None:
        if not process.alive:
            return
        if not isinstance(outcome, Failure):
            self.log.append(f"   {asked.drawer}'s {asked.verb} {asked.number}: seq {outcome.get('seq')}")
            self.ledger.answered(asked, outcome)
        elif isinstance(outcome.value, ApplicationError):
            self.log.append(f"   {asked.drawer}'s {asked.verb} {asked.number}: {outcome.value.error}")
            self.ledger.refused(asked, outcome.value.error)
        else:
            self._faults.append(outcome)
        if wire is not None and wire.joined:
            wire.delivered.remove(asked)
            arrives = self.random.random() < 0.96 or (self._quiet and asked.verb == "heartbeat")
            if arrives:  # else it is lost, and the client's patience ends some time
                wire.answers.append((asked, outcome))

    def _write(self) -> None:
        if self.random.random() < 0.05:
            self.world.fault = self.random.choice(("before", "after"))
            self.log.append(f"   the database is lost {self.world.fault} a commit")
        self.process.writer.run()
        self.world.fault = None
        self._note_commit()

    def _read(self) -> None:
        self.process.reader.run(self._place(self.process.reader.jobs, 0.5))

    def _hear(self) -> None:
        self.random.choice([wire for wire in self._wires() if wire.events]).hear()

    def _answer(self) -> None:
        wire = self.random.choice([wire for wire in self._wires() if wire.answers])
        wire.answer(self._place(wire.answers, 0.3))

    def _time(self) -> None:
        self._advance(self.random.choice((0.001, 0.002, 0.005, 0.01, 0.05)))

    def _advance(self, seconds: float) -> None:
        self.world.clock.turn(milliseconds=round(seconds * 1000))
        self.process.reactor.advance(seconds)
        self.clock.advance(seconds)

    # The end

    def _calm(self) -> None:
        """Let everything arrive that can, until nobody has anything left to do."""
        self._sluggish = False
        for _ in range(STEPS_AT_MOST):
            step = next(self._steps(), None)
            if step is not None:
                step()
                self._require_faultless()
                continue
            waiting = [(time, call) for time in self._clocks() for call in time.getDelayedCalls()]
            due = [call.getTime() - time.seconds() for time, call in waiting if not _is_heartbeat(call)]
            if not due:
                return
            self._advance(max(0.0, min(due)) + 0.001)
        raise AssertionError("does not come to rest")

    def _clocks(self) -> tuple[Clock, Clock]:
        return self.clock, self.process.reactor

    def _lull(self) -> str:
        """Everything arrives; who was away comes back to a board on which nothing happens any more."""
        self._calm()
        for drawer in self.drawers:
            drawer.connection.come_back()
        self._calm()
        self._quiet = True
        self._advance(FIRST_INTERVAL_S)  # S4: after one heartbeat, answered, nobody misses what they were not told
        self._calm()
        self._quiet = False
        states = [drawer.board.state() for drawer in self.drawers]
        assert all(state == states[0] for state in states), "not everybody sees the same board"
        return "a lull"

    def _end(self) -> None:
        for drawer in self.drawers:
            for stroke in drawer.strokes:
                drawer.begin(stroke.finish(), "finish")
        self._lull()
        for drawer in self.drawers:
            self._faults += drawer.faults
            assert drawer.busy == 0, f"{drawer} waits for ever"
        self._check()

    def _check(self) -> None:
        assert self._announced == sorted(set(self._announced)), f"announced {self._announced}"
        silent = set(range(1, self.head + 1)) - set(self._announced) - self._unannounced
        assert not silent, f"committed and never announced: {silent}"
        process, tutor = self.process, self.world.tutor
        events = self.stored.events()
        told = self.ledger.check(self.lesson_id, events, self.stored.versions())
        state = process.settle(process.machine.board.open(tutor, OpenBoard(lesson_id=self.lesson_id))).plain()
        assert state == told.state(), "the database is not what was told"
        assert self.drawers[0].board.state() == state, "the clients see another board"
        for seq in {self.head, *(self.random.randint(0, self.head) for _ in range(4))}:
            past = Told(self.lesson_id)
            for event in events[:seq]:
                past.hear(event)
            asked = BoardAt(lesson_id=self.lesson_id, seq=seq)
            assert process.settle(process.machine.board.at(tutor, asked)).plain() == past.state(), f"at {seq}"
        self.stored.check(told, sum(one.answer is not None for one in self.ledger.submissions.values()))

    def _note_commit(self) -> None:
        """Look what a transaction has left."""
        self.head, pen = self.stored.position()
        self.ledger.committed(self.head, pen)


def _is_heartbeat(call: Any) -> bool:
    """Hearts beat for ever; nobody waits for the last one."""
    return isinstance(getattr(call.func, "__self__", None), Heartbeat)


def _stray(asked: Asked) -> Asked:
    return Asked(asked.number, asked.drawer, asked.uri, asked.arguments)
