"""Send what is due to people who are not there, as they want to be told."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, get_args

from prometheus_client import Counter, Gauge
from twisted.internet.defer import Deferred, DeferredList, DeferredLock, DeferredSemaphore
from twisted.internet.defer import TimeoutError as Late

from tutorwamp.kernel.contracts import Clock
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.notifications.contracts import Channel, Connected
from tutorwamp.notifications.push.batch import KEPT
from tutorwamp.notifications.push.contracts import (
    Accounts,
    Delivery,
    Doubtful,
    Gone,
    Later,
    Outcome,
    Provider,
    Refused,
    Sent,
)
from tutorwamp.notifications.push.queue import PushQueue

log = get_logger(__name__)

AT_ONCE: Final = 20
"""Under way together; push services answer in some hundred milliseconds."""
FIRST_PAUSE_S: Final = 30.0
"""After a failure, doubled with each further one, with jitter: RFC 8030 leaves it to us."""
PAUSE_AT_MOST_S: Final = 4 * 3600.0
DOUBTED_AT_MOST: Final = 4
"""Tries, over two minutes at least, of a device that nobody may be behind, while others were reached."""
DOUBTED_ALONE_AT_MOST: Final = 10
"""Where nobody was reached meanwhile it may be us: hours pass until we believe that it is all of them."""
FINISH_WITHIN_S: Final = 4.0
"""At stop. The supervisor kills after eight seconds, and the database has to finish after us."""

OUTCOMES: Final = Counter(
    "tutorwamp_push_deliveries", "Deliveries by channel and what became of them.", ["channel", "outcome"]
)

NOT_WANTED: Final = "not wanted"
_ALL_OUTCOMES: Final = (*(kind.__name__.lower() for kind in get_args(Outcome)), NOT_WANTED)
WAITING: Final = Gauge("tutorwamp_push_queue_length", "Deliveries that are due and have not been sent.")
OLDEST_S: Final = Gauge("tutorwamp_push_queue_oldest_seconds", "For how long the first of them has been due.")


class Dispatcher:
    """``providers``: by channel; what has none is not queued."""

    def __init__(
        self,
        queue: PushQueue,
        providers: Mapping[Channel, Provider],
        connected: Connected,
        accounts: Accounts,
        *,
        clock: Clock,
        chance: Any = random.random,
    ) -> None:
        self._queue = queue
        self._providers = providers
        self._connected = connected
        self._accounts = accounts
        self._clock = clock
        self._chance = chance
        self._turns = DeferredSemaphore(AT_ONCE)
        self._round = DeferredLock()
        self._stopping = False
        self._sent_at: dict[Channel, datetime] = {}
        for channel in providers:
            for outcome in _ALL_OUTCOMES:  # known from the beginning: Prometheus sees no growth in the first of a kind
                OUTCOMES.labels(channel.value, outcome)

    async def stop(self, reactor: Any) -> None:
        """Take nothing more; returns when what is under way is through, or after FINISH_WITHIN_S."""
        self._stopping = True
        with contextlib.suppress(Late):
            await self._round.acquire().addTimeout(FINISH_WITHIN_S, reactor)

    async def dispatch(self) -> int:
        """Send what is due; how many were looked at. To be called every second; returns when all are done with."""
        if self._stopping or not self._providers:
            return 0
        looked_at: int = await self._round.run(lambda: Deferred.fromCoroutine(self._dispatch()))
        return looked_at

    async def measure(self) -> None:
        """Note how much waits, for the metrics. To be called every so often."""
        if self._providers:
            due = await self._queue.due()
            WAITING.set(due.count)
            age = timedelta() if due.since is None else self._clock() - due.since
            OLDEST_S.set(max(0.0, age.total_seconds()))

    async def _dispatch(self) -> int:
        taken = await self._queue.take_due(AT_ONCE)
        if not taken:
            return 0
        try:
            wanted = await self._wanted(taken)
        except Exception as error:  # whatever it was, nothing of this round was sent
            if not isinstance(error, TutorwampError):
                log.exception("a round of push failed")
            await self._all(self._postponed(one, repr(error)) for one in taken)
            return len(taken)
        if self._stopping:  # nobody may wait for us any more: what has not begun is due again by itself
            return len(taken)
        await self._all(self._deliver(one) if one.delivery_id in wanted else self._pass_over(one) for one in taken)
        return len(taken)

    async def _wanted(self, taken: Sequence[Delivery]) -> set[str]:
        """Those for people who are not there, have not read it, want it, and have an account still.

        Mail goes only where its owner has shown that it reaches them (P10).
        """
        people = sorted({one.user_id for one in taken})
        there = await self._connected.connected(people)
        choices = await self._queue.choices(people)
        active = {one.id for one in await self._accounts.persons(people, active_only=True)}
        mailed = sorted({one.user_id for one in taken if one.channel is Channel.EMAIL})
        reachable = await self._accounts.reachable(mailed) if mailed else set()
        return {
            one.delivery_id
            for one in taken
            if (one.channel is not Channel.EMAIL or one.user_id in reachable)
            and one.read_at is None
            and one.user_id in active - there
            and choices[one.user_id][one.kind][one.channel]
        }

    async def _all(self, doing: Any) -> None:
        turns = [self._turns.run(Deferred.fromCoroutine, one) for one in doing]
        for through, result in await DeferredList(turns, consumeErrors=True):
            if not through:  # the database: as after a crash, it is due again where its sending had not begun
                log.warning("a delivery was left behind", error=repr(result.value))

    async def _deliver(self, delivery: Delivery) -> None:
        if await self._is_signed_out(delivery):
            await self._queue.unsubscribe(delivery.target)
            await self._finish(delivery, "gone")
            return
        if not await self._queue.begin(delivery):
            return  # it took us too long: who took it after us sends it
        outcome = await self._sent(delivery)
        if isinstance(outcome, Sent):
            self._sent_at[delivery.channel] = self._clock()
        if isinstance(outcome, Doubtful) and self._is_given_up(delivery):
            log.info("a device is given up", reason=outcome.reason)
            outcome = Gone()
        if isinstance(outcome, Later):
            await self._postponed(delivery, outcome.reason, outcome.after_s)
            return
        if isinstance(outcome, Gone):
            await self._queue.unsubscribe(delivery.target)
        if isinstance(outcome, Refused):
            log.warning("push was refused", channel=delivery.channel.value, reason=outcome.reason)
        await self._finish(delivery, type(outcome).__name__.lower())

    async def _is_signed_out(self, delivery: Delivery) -> bool:
        """P11: whether all logins of the person were ended since their device was registered."""
        if delivery.registered_at is None:
            return False
        ended_at = (await self._accounts.ended_at([delivery.user_id])).get(delivery.user_id)
        return ended_at is not None and delivery.registered_at <= ended_at

    def _is_given_up(self, delivery: Delivery) -> bool:
        sent_at = self._sent_at.get(delivery.channel)
        others_were_reached = sent_at is not None and sent_at >= delivery.created_at
        return delivery.tries + 1 >= (DOUBTED_AT_MOST if others_were_reached else DOUBTED_ALONE_AT_MOST)

    async def _sent(self, delivery: Delivery) -> Outcome:
        if delivery.channel is Channel.WEB_PUSH and not delivery.p256dh:
            return Refused("the device is not subscribed any more")
        try:
            return await self._providers[delivery.channel].send(delivery)
        except Exception as error:  # a provider's fault stops nobody else
            log.exception("a push provider failed", channel=delivery.channel.value)
            return Refused(repr(error))

    async def _postponed(self, delivery: Delivery, reason: str, after_s: float | None = None) -> None:
        pause_s = min(PAUSE_AT_MOST_S, FIRST_PAUSE_S * 2**delivery.tries) * (0.5 + self._chance() / 2)
        due_at = self._clock() + timedelta(seconds=min(max(pause_s, after_s or 0.0), KEPT.total_seconds()))
        log.info("push is tried again", channel=delivery.channel.value, reason=reason, due_at=due_at)
        OUTCOMES.labels(delivery.channel.value, "later").inc()
        await self._queue.later(delivery, due_at)

    async def _pass_over(self, delivery: Delivery) -> None:
        OUTCOMES.labels(delivery.channel.value, NOT_WANTED).inc()
        await self._queue.pass_over(delivery)

    async def _finish(self, delivery: Delivery, outcome: str) -> None:
        OUTCOMES.labels(delivery.channel.value, outcome).inc()
        await self._queue.done(delivery)


class LogProvider:
    """Writes into the log what would be sent."""

    async def send(self, delivery: Delivery) -> Outcome:
        """Nothing leaves."""
        log.info(
            "push", channel=delivery.channel.value, user_id=delivery.user_id, title=delivery.title, body=delivery.text
        )
        return Sent()
