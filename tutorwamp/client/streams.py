"""Every stream we follow, whole and in order: reordered, resumed after a loss, compared with each heartbeat.

The design, for clients in any language (S10 in ``docs/rules/sessions.md``):

1. A follower knows its ``position``, the ``seq`` of the newest event it has applied. It takes events in any order and
   any number of times, applies each once and in order, and keeps early ones.
2. An event that is known to exist (a later one came, an answer or a heartbeat spoke of it) and is not applied within
   ``GAP_PATIENCE_S`` is lost: the stream is resumed.
3. In each new session all streams are resumed together, in one call, once their subscriptions are renewed.
4. Where a resume is not complete, the follower reads its state afresh, from the head that the answer named.
5. Positions belong to an *epoch*, which ``lesson.join`` and each answer name, and which we say with them. In another
   one (a backup was brought back) nothing is complete, and everything is read afresh.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from tutorwamp.client.connection import Connection, State
from tutorwamp.client.errors import CallError, Disconnected
from tutorwamp.client.heartbeat import Heartbeat
from tutorwamp.client.known import is_count, rows
from tutorwamp.client.rules import repeat

GAP_PATIENCE_S: Final = 1.0
"""For events that others have overtaken; on one connection they are some milliseconds late."""
EARLY_AT_MOST: Final = 1000
"""Events kept for later: half a minute of a busy board. More are not resumed one by one either."""
BEYOND: Final = 2**53 - 1
"""A position that no stream ever reaches."""
STREAMS_AT_MOST: Final = 100
"""In one call of ``session.resume``."""

Plain = dict[str, Any]
_RESUME: Final = "tutorwamp.session.resume"
_log = Logger()


class Follower(Protocol):
    """Who keeps up with a stream."""

    @property
    def stream(self) -> str:
        """Its name, which is its topic."""
        ...

    @property
    def position(self) -> int | None:
        """The ``seq`` of the newest event applied; None while the state is being read afresh."""
        ...

    def take(self, event: Mapping[str, Any]) -> None:
        """An event, in any order, perhaps known. What makes no sense of it is the follower's to mend (S30)."""
        ...

    def reload(self, head: int) -> None:
        """Too much was missed: read the state afresh; it is the one after event ``head``, or a later one."""
        ...


class Tail:
    """A follower that hands on: each event once, in order.

    After a loss that cannot be mended ``reloaded`` is called with the head, and the events after it follow.
    """

    def __init__(
        self,
        stream: str,
        position: int,
        deliver: Callable[[Plain], object],
        *,
        reloaded: Callable[[int], object],
    ) -> None:
        self.stream = stream
        self.position: int = position
        self._deliver = deliver
        self._reloaded = reloaded
        self._early: dict[int, Plain] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        """Deliver it when everything before it was delivered."""
        seq: int = event["seq"]
        if seq <= self.position:
            return
        self._early[seq] = dict(event)
        self._deliver_kept()
        if len(self._early) > EARLY_AT_MOST:
            del self._early[max(self._early)]  # what is missing comes first when it is resumed

    def reload(self, head: int) -> None:
        """Go on from there."""
        self.position = head
        self._early = {seq: event for seq, event in self._early.items() if seq > head}
        self._reloaded(head)
        self._deliver_kept()

    def _deliver_kept(self) -> None:
        while event := self._early.pop(self.position + 1, None):
            self.position += 1
            try:
                self._deliver(event)
            except Exception:  # noqa: BLE001 - whatever it made of an event: the next one is delivered all the same
                _log.failure("Event {seq} of {stream} could not be used", seq=self.position, stream=self.stream)


class Streams:
    """All followers of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._followers: dict[str, Follower] = {}
        self._expected: dict[str, int] = {}
        """The newest event of a stream that we know of, where it is not applied."""
        self._patience: dict[str, IDelayedCall] = {}
        self._epoch: str | None = None
        """Of all positions; unknown before the first answer, and with a server that has none."""
        connection.on_return(self._catch_up)
        connection.watch(self._watch)
        Heartbeat(
            connection,
            connection.clock,
            said=lambda: {"positions": self.positions(), **self._of_epoch()},
            heard=self._compare_all,
        )

    def positions(self) -> dict[str, int]:
        """How far we are in each stream, as the server wants to be told."""
        return {name: one.position for name, one in self._followers.items() if one.position is not None}

    def joined(self, epoch: str | None) -> None:
        """Heads just read are of this epoch; what is followed already stays in its own until it is resumed."""
        if not self._followers:
            self._epoch = epoch

    def follow(self, follower: Follower) -> None:
        """Keep it up from now on; its topic must be subscribed to already, and handed to ``receive``."""
        self._followers[follower.stream] = follower

    def forget(self, stream: str) -> None:
        """Follow it no more."""
        self._followers.pop(stream, None)
        self._settle(stream)

    def receive(self, stream: str, event: Mapping[str, Any]) -> None:
        """An event has come on a stream's topic."""
        follower = self._followers.get(stream)
        if follower is not None and is_count(event.get("seq")):
            self._give(follower, event)
            self.expect(stream, event["seq"])

    def expect(self, stream: str, seq: int) -> None:
        """There is an event ``seq``: have the stream resumed, should it not be applied after a while."""
        follower = self._followers.get(stream)
        if follower is None or follower.position is None or follower.position >= seq:
            return
        self._expected[stream] = max(seq, self._expected.get(stream, 0))
        if stream not in self._patience:
            due = self._expected[stream]
            self._patience[stream] = self._connection.clock.callLater(GAP_PATIENCE_S, self._check, stream, due)

    def compare(self, stream: str) -> None:
        """Have it resumed now: something may have been published before it was followed."""
        self._resume_soon(stream)

    async def head(self, stream: str) -> int:
        """Where a stream is, of which nothing is known: S6 answers a position beyond the head with the head alone."""
        answer = await self._connection.call(_RESUME, positions={stream: BEYOND})
        self.joined(answer.get("epoch"))
        head: int = answer["streams"][stream]["head"]
        return head

    async def resume(self, streams: Collection[str]) -> None:
        """Fetch what was missed of these streams, or have them read afresh. Raises CallError."""
        epoch = await self._resume_of(streams)
        if epoch == self._epoch:
            return
        if self._epoch is not None:  # the positions of all others say nothing any more either
            await self._resume_of(set(self._followers) - set(streams))
        self._epoch = epoch

    async def _resume_of(self, streams: Iterable[str]) -> str | None:
        """Of which epoch the answer was; our own where there was nothing to ask."""
        epoch = self._epoch
        positions = {name: at for name, at in self.positions().items() if name in set(streams)}
        names = list(positions)
        for first in range(0, len(names), STREAMS_AT_MOST):
            part = {name: positions[name] for name in names[first : first + STREAMS_AT_MOST]}
            answer = await self._connection.call(_RESUME, positions=part, **self._of_epoch())
            epoch = answer.get("epoch")
            for name, resumed in answer.get("streams", {}).items():
                self._take_up(name, resumed)
        return epoch

    def _of_epoch(self) -> dict[str, str]:
        return {} if self._epoch is None else {"epoch": self._epoch}

    def _take_up(self, name: str, resumed: Mapping[str, Any]) -> None:
        follower = self._followers.get(name)
        if follower is None or follower.position is None or "error" in resumed:
            return  # left meanwhile, or read afresh already; one that may not be read is closed by its lesson
        for event in rows(resumed.get("events")):
            if isinstance(event, Mapping) and is_count(event.get("seq")):
                self._give(follower, event)
        if follower.position is None:
            return
        head = resumed["head"] if is_count(resumed.get("head")) else follower.position
        if resumed.get("complete") is not True or follower.position < head:
            follower.reload(head)

    def _give(self, follower: Follower, event: Mapping[str, Any]) -> None:
        try:
            follower.take(event)
        except Exception:  # noqa: BLE001 - whatever it made of an event that makes no sense: it stays behind, and reloads
            _log.failure("An event of {stream} could not be applied", stream=follower.stream)

    async def _catch_up(self) -> None:
        await repeat(
            lambda: self.resume(list(self._followers)),
            pause=self._connection.pause,
            while_=lambda error: error.may_repeat and not isinstance(error, Disconnected),
        )

    def _compare_all(self, beat: Mapping[str, Any]) -> None:
        epoch = beat.get("epoch")
        if None not in (epoch, self._epoch) and epoch != self._epoch:
            for stream in list(self._followers)[:1]:
                self._resume_soon(stream)  # and with it all others
        else:
            self._behind(beat.get("behind", {}))

    def _behind(self, heads: Mapping[str, int]) -> None:
        for stream, head in heads.items():
            follower = self._followers.get(stream)
            if follower is not None and follower.position is not None and follower.position > head:
                self._resume_soon(stream)  # the server has forgotten (a restored backup)
            else:
                self.expect(stream, head)

    def _check(self, stream: str, due: int) -> None:
        self._patience.pop(stream, None)
        follower, expected = self._followers.get(stream), self._expected.pop(stream, 0)
        if follower is None or follower.position is None:
            return
        if follower.position < due:
            self._resume_soon(stream)
        else:
            self.expect(stream, expected)

    def _resume_soon(self, stream: str) -> None:
        async def resuming() -> None:
            try:
                await self.resume([stream])
            except Disconnected:
                return  # the next session begins with a resume
            except CallError as error:
                _log.debug("{stream} was not resumed: {error}", stream=stream, error=error)
                self.expect(stream, (self._followers[stream].position or 0) + 1 if stream in self._followers else 0)

        doing = Deferred.fromCoroutine(resuming())
        doing.addErrback(lambda failure: _log.failure("Resuming {stream} failed", failure, stream=stream))

    def _watch(self, state: State) -> None:
        if state.kind != "connected":
            for stream in list(self._patience):
                self._settle(stream)

    def _settle(self, stream: str) -> None:
        self._expected.pop(stream, None)
        waiting = self._patience.pop(stream, None)
        if waiting is not None:
            waiting.cancel()
