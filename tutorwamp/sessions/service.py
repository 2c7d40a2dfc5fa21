"""What happens to sessions: heartbeats, timeouts, and resuming what was missed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from prometheus_client import Counter, Histogram

from tutorwamp.accounts.contracts import People
from tutorwamp.gate.contracts import CLIENT_ROLES, CLOSE_PING_TIMEOUT, Gate
from tutorwamp.kernel.contracts import NOTHING, Caller, Clock, Nothing
from tutorwamp.kernel.errors import Forbidden, NotFound, TutorwampError
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.streams import Heads
from tutorwamp.kernel.topics import StreamName, stream_named
from tutorwamp.lessons.contracts import LessonAccessChecker
from tutorwamp.sessions import rules
from tutorwamp.sessions.contracts import Beat, Heartbeat, Me, Resume, Resumed, ResumedStream, SessionTimedOut
from tutorwamp.sessions.settings import SessionsSettings
from tutorwamp.sessions.store import SessionsStore

log = get_logger(__name__)

RETRY_AFTER_S = 1.0
"""For a client that was ended for its silence and is there after all; it adds its own jitter."""


HEARTBEATS: Final = Counter("tutorwamp_heartbeats", "Heartbeats of people's sessions.")
TIMEOUTS: Final = Counter("tutorwamp_heartbeat_timeouts", "Sessions that were ended because no heartbeat came.")
_resumed = Counter("tutorwamp_resumed_streams", "Streams that were resumed, and what became of each.", ["outcome"])
_COMPLETE, _TOO_MUCH, _REFUSED = (_resumed.labels(outcome) for outcome in ("complete", "too_much", "refused"))
RESUMED_EVENTS: Final = Histogram(
    "tutorwamp_resume_events", "How many events a resume gave back.", buckets=(0, 1, 10, 50, 200, 1_000)
)


class SessionsService:
    """The live sessions of this node, and what they have heard."""

    def __init__(
        self,
        store: SessionsStore,
        access: LessonAccessChecker,
        people: People,
        gate: Gate,
        events: Events,
        *,
        settings: SessionsSettings,
        clock: Clock,
        now_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._access = access
        self._people = people
        self._gate = gate
        self._events = events
        self._settings = settings
        self._clock = clock
        self._now_s = now_s  # of a clock that never goes back; the reactor's is the machine's, which may be set
        self._watch = rules.Watch(settings.ping_timeout.total_seconds())
        self._heard_s: float | None = None
        """When the last heartbeat of anybody was heard, or somebody came; null where nobody ever did."""
        self._epoch: str | None = None
        """As it was last read; for answers that speak of no stream."""

    # Coming, living, going

    def session_joined(self, details: Mapping[str, Any]) -> None:
        """S1: the router has let a session in; components are not watched."""
        if details["authrole"] in CLIENT_ROLES:
            self._heard_s = self._now_s()
            self._watch.see(details["session"], self._heard_s)

    def session_left(self, session: int, *_: object) -> None:
        """However it ended."""
        self._watch.forget(session)

    async def heartbeat(self, caller: Caller, asked: Heartbeat) -> Beat:
        """S1, S4: the session lives; which streams have gone on since its positions."""
        self._watch.see(_session(caller), self._now_s())
        self._heard_s = self._now_s()
        HEARTBEATS.inc()
        readable = await self._readable(caller, asked.positions, fresh=False)
        names = [name for name, error in readable.items() if error is None]
        newest = await self._heads(names)
        other = asked.epoch not in (None, newest.epoch)
        return Beat(
            now=self._clock(),
            interval_s=self._settings.heartbeat_interval.total_seconds(),
            timeout_s=self._settings.ping_timeout.total_seconds(),
            behind={name: head for name, head in newest.by_name.items() if other or head != asked.positions[name]},
            epoch=newest.epoch,
        )

    async def whoami(self, caller: Caller, _asked: Nothing = NOTHING) -> Me:
        """Whose session this is."""
        return Me(session=_session(caller), user=await self._people.person(caller.user_id), now=self._clock())

    def silent_s(self) -> tuple[float, float] | None:
        """Seconds since the last heartbeat of anybody, and since that of the session that is silent for longest.

        Null in a process where nobody was ever heard.
        """
        now_s = self._now_s()
        return None if self._heard_s is None else (now_s - self._heard_s, self._watch.longest_s(now_s))

    async def end_silent(self) -> int:
        """S2: tell each session that is overdue, and end it; how many. To be called every second or so."""
        ended = 0
        for session, silent_s in list(self._watch.take_overdue(self._now_s())):
            if session in self._watch:  # it was heard while others were ended
                continue
            last_seen = self._clock() - timedelta(seconds=silent_s)
            self._events.announce(
                SessionTimedOut(session, last_seen, self._settings.ping_timeout, retry_after_s=RETRY_AFTER_S)
            )
            try:
                await self._gate.drop(session, reason=CLOSE_PING_TIMEOUT, message="No heartbeat came for too long.")
                ended += 1
                TIMEOUTS.inc()
            except TutorwampError as error:  # the gate is away; the session is ended with the router, or next time
                self._watch.see(session, self._now_s() - silent_s)
                log.warning("could not end a silent session", session=session, error=str(error))
        return ended

    # What was missed

    async def resume(self, caller: Caller, asked: Resume) -> Resumed:
        """S5, S6: everything after the positions, or the word that it is too much; each stream by itself."""
        readable = await self._readable(caller, asked.positions, fresh=True)
        wanted = {name: asked.positions[name] for name, error in readable.items() if error is None}
        epoch, found = await self._store.missed(wanted, asked.epoch)
        streams = {
            name: ResumedStream(complete=False, head=0, error=error)
            for name, error in readable.items()
            if error is not None
        }
        _REFUSED.inc(len(streams))
        events_given = 0
        for name, (head, events) in found.items():
            given = None if events is None else [event.plain() for event in events]
            streams[name] = ResumedStream(complete=given is not None, events=given, head=head)
            (_TOO_MUCH if given is None else _COMPLETE).inc()
            events_given += len(given or ())
        RESUMED_EVENTS.observe(events_given)
        return Resumed(streams=streams, epoch=epoch)

    async def _heads(self, names: Sequence[str]) -> Heads:
        if not names and self._epoch is not None:
            return Heads(self._epoch, {})
        newest = await self._store.heads(names)
        self._epoch = newest.epoch
        return newest

    async def _readable(self, caller: Caller, names: Iterable[str], *, fresh: bool) -> dict[str, str | None]:
        """By stream the URI of the error that keeps the caller from it, or None."""
        readable: dict[str, str | None] = dict.fromkeys(names, NotFound.uri)
        known: dict[str, StreamName] = {}
        for name in readable:
            with suppress(NotFound):
                known[name] = stream_named(name)
        lessons = [one.owner_id for one in known.values() if one.whose == "lesson"]
        mine = {"lesson": await self._access.of_these(caller, lessons, fresh=fresh), "user": {caller.user_id}}
        return readable | {name: None for name, one in known.items() if one.owner_id in mine.get(one.whose, ())}


def _session(caller: Caller) -> int:
    if caller.session is None:
        raise Forbidden("This is asked over WAMP.")
    return caller.session
