"""A connection that comes back: the same calls and subscriptions, over one session after another.

::

    connection = Connection("ws://127.0.0.1:8080/ws", login)
    await connection.open()
    await connection.subscribe(topic, lambda event: print(event.type, event["data"]))
    message = await connection.call("tutorwamp.chat.send", lesson_id=lesson_id, body="Good morning")

After a loss: a new session with a fresh ticket, then the *arrival steps* (a lesson is joined again here), then the
subscriptions, then the *return steps* (what was missed is fetched here), then ``connected``. All of it again, with
growing pauses, until it works or cannot work.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, Final, Literal, Protocol

from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.request import Subscription as Held
from autobahn.wamp.types import EventDetails, PublishOptions, SubscribeOptions
from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from tutorwamp.client.errors import CLOSED_BY_US, CallError, Disconnected
from tutorwamp.client.rules import Backoff, repeat
from tutorwamp.client.wamp import Event, Serializer, Session, answer_of, join
from tutorwamp.kernel.errors import Action

CALL_TIMEOUT_S: Final = 30.0
"""Long for anything a lesson does, short enough that a person still waits; a board's export is the slowest."""
STEADY_AFTER_S: Final = 10.0
"""A connection that lived this long starts the pauses afresh; one that dies at once goes on growing them."""
GOODBYE_TIMEOUT_S: Final = 5.0
"""How long ``close`` waits for the router's goodbye before it cuts the socket."""

Handler = Callable[[Event], object]
"""Called with each event, in order. May be a coroutine function; the next event does not wait for it."""
Arrival = Callable[[], Awaitable[object]]

_log = Logger()


class Tickets(Protocol):
    """Where access tokens come from; ``Login`` is one. Both raise CallError."""

    async def access_token(self) -> str:
        """A token that is not about to expire."""
        ...

    async def replace(self, refused: str) -> str:
        """Another token than the one that was refused."""
        ...


@dataclass(frozen=True)
class State:
    """What the connection is doing, and what led to it."""

    kind: Literal["connecting", "connected", "waiting", "closed"]
    reason: CallError | None = None
    """Why it is waiting or closed."""
    pause_s: float = 0.0
    """How long it is waiting before it tries again."""


class Subscription:
    """One handler on one topic, for as long as it is wanted, whatever session carries it."""

    def __init__(self, connection: Connection, topic: str, handler: Handler, revoked: Callable[[], object] | None):
        self.topic = topic
        self.revoked = revoked
        self.held: Held | None = None
        self._connection = connection
        self._handler = handler

    async def cancel(self) -> None:
        """Hear no more of it."""
        await self._connection.unsubscribe(self)

    def deliver(self, *, autobahns: EventDetails, values: dict[str, Any]) -> None:
        """Take an event from the session."""
        hand_over(Event(self.topic, values, autobahns.publisher_authid), self._handler)


def hand_over(event: Event, handler: Handler) -> None:
    """Call a handler. Its failure is logged and touches neither the other handlers nor the connection."""
    doing = Deferred.fromCoroutine(_handle(event, handler))
    doing.addErrback(lambda failure: _log.failure("A handler of {topic} failed", failure, topic=event.topic))


async def _handle(event: Event, handler: Handler) -> None:
    doing = handler(event)
    if inspect.isawaitable(doing):
        await doing


class Connection:
    """See the module. Every method raises CallError; what is lost with a connection raises Disconnected."""

    def __init__(
        self,
        url: str,
        tickets: Tickets,
        *,
        serializer: Serializer = "cbor",
        backoff: Backoff | None = None,
        call_timeout_s: float = CALL_TIMEOUT_S,
        chance: Callable[[], float] | None = None,
        clock: IReactorTime | None = None,
        reactor: Any = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self.url = url
        self.state = State("closed")
        self.session_id: int | None = None
        self._tickets = tickets
        self._serializer: Serializer = serializer
        self._backoff = backoff or Backoff()
        self._call_timeout_s = call_timeout_s
        self._reactor = reactor
        self.clock: IReactorTime = reactor if clock is None else clock
        """By which everything here and above waits."""
        self.chance = chance or SystemRandom().random
        """From 0 to 1, to spread what a crowd would else do together."""
        self._wanted = False
        """Between ``open`` and ``close``, or the reason not to come back."""
        self._living: Deferred[None] = Deferred()
        self._session: Session | None = None
        self._connected_at: float | None = None
        self._subscriptions: list[Subscription] = []
        self._arrivals: list[Arrival] = []
        self._returns: list[Arrival] = []
        self._watchers: list[Callable[[State], object]] = []
        self._waiting: list[Deferred[None]] = []

    # Opening and closing

    async def open(self) -> None:
        """Connect, and stay connected from now on. Returns with the first connection; raises when there can be none.

        An absent or unready server is waited for: set a limit with ``Deferred.addTimeout``, then ``close``.
        """
        if not self._wanted:
            self._wanted = True
            self._become(State("connecting"))
            self._living = Deferred.fromCoroutine(self._live())
            self._living.addErrback(lambda failure: failure.trap(CancelledError))  # by ``close``, during a pause
        await self.connected()

    async def close(self) -> None:
        """Say goodbye and stay away. Waits until the socket is gone."""
        if not self._wanted:
            return
        self._wanted = False
        living, session = self._living, self._session
        if session is not None and session.joined:
            session.leave()
            cutting = self.clock.callLater(GOODBYE_TIMEOUT_S, session.cut)
            await living
            if cutting.active():
                cutting.cancel()
        else:
            living.cancel()
        self._become(State("closed", Disconnected(CLOSED_BY_US)))

    async def connected(self) -> None:
        """Wait until there is a connection. Raises Disconnected when it is closed for good."""
        if self.state.kind == "closed":
            raise _copy(self.state.reason)
        if self.state.kind != "connected":
            waiter: Deferred[None] = Deferred()
            self._waiting.append(waiter)
            await waiter

    def watch(self, watcher: Callable[[State], object]) -> None:
        """Be told of each change of state."""
        self._watchers.append(watcher)

    def on_arrival(self, step: Arrival) -> None:
        """Do this in every new session before the subscriptions are renewed and anybody is told ``connected``.

        A step may ``call``, and handles its own refusals: whatever it raises ends the session, and the connection
        comes back after a pause if the error may be repeated, or else is closed for this reason.
        """
        self._arrivals.append(step)

    def on_return(self, step: Arrival) -> None:
        """The same, once the subscriptions are renewed: nothing is missed any more from here on."""
        self._returns.append(step)

    # Asking

    async def call(self, uri: str, /, **arguments: Any) -> Any:
        """Call a procedure once. A connection lost meanwhile raises Disconnected: it may have taken effect or not."""
        session = self._joined()
        return await self._request(lambda: session.call(uri, **arguments))

    async def call_until_answered(self, uri: str, /, **arguments: Any) -> Any:
        """Call, with the same arguments, until there is an answer: yes, or a no that would stay a no.

        Lost connections and errors with the action ``retry`` are repeated, with pauses. It takes effect exactly once
        where the procedure takes a ``client_id`` and one is among the arguments, or where a repetition is harmless.
        """

        async def attempt() -> Any:
            await self.connected()
            return await self.call(uri, **arguments)

        return await repeat(attempt, pause=self.pause, while_=lambda error: error.may_repeat)

    async def pause(self, tries: int, reason: CallError) -> None:
        """Wait as long as one should after so many failures, the last for this reason."""
        await deferLater(self.clock, self._pause_s(tries, reason))

    async def publish(self, topic: str, /, **values: Any) -> None:
        """Publish on a topic that is open to clients. Waits for the router, which would else refuse in silence."""
        session = self._joined()
        await self._request(lambda: session.publish(topic, options=PublishOptions(acknowledge=True), **values))

    async def subscribe(
        self, topic: str, handler: Handler, *, revoked: Callable[[], object] | None = None
    ) -> Subscription:
        """Hear a topic from now on, in this session and those that follow.

        ``revoked`` is called when the server takes it away, now or after a reconnect; it is not renewed then.
        """
        subscription = Subscription(self, topic, handler, revoked)
        await self._renew(subscription)
        self._subscriptions.append(subscription)
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Hear no more of it. One that is gone already is no error."""
        held, subscription.held = subscription.held, None
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        if held is not None and held.active and self._session is not None and held.session is self._session:
            try:
                await self._request(held.unsubscribe)
            except CallError as error:
                if error.uri != ApplicationError.NO_SUCH_SUBSCRIPTION:
                    raise

    # One session after another

    async def _live(self) -> None:
        tries = 0
        while True:
            self._connected_at = None
            try:
                reason: CallError = await self._one_session()
            except CallError as error:
                reason = error
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end in silence
                if not self._wanted:
                    return
                _log.failure("The connection to {url} broke", url=self.url)
                reason = Disconnected("tutorwamp.error.internal", repr(error), action=Action.STOP)
            if not self._wanted:
                return
            if not reason.may_repeat:
                self._wanted = False
                self._become(State("closed", reason))
                return
            tries = 1 if self._was_steady() else tries + 1
            pause_s = self._pause_s(tries, reason)
            self._become(State("waiting", reason, pause_s))
            await deferLater(self.clock, pause_s)

    async def _one_session(self) -> Disconnected:
        self._become(State("connecting", self.state.reason))
        ticket = await self._tickets.access_token()
        try:
            session = await self._join(ticket)
        except Disconnected as error:
            if error.action is not Action.REAUTH:
                raise
            # It looked fresh and was refused: revoked, or the server's key has changed. One other ticket, one more try.
            session = await self._join(await self._tickets.replace(ticket))
        try:
            for step in self._arrivals:
                await step()
            await self._renew_all()
            for step in self._returns:
                await step()
            if session.joined:
                self._connected_at = self.clock.seconds()
                self._become(State("connected"))
            return await session.over
        finally:
            self._session = self.session_id = None
            session.cut()

    async def _join(self, ticket: str) -> Session:
        session = Session(ticket, self._revoked)
        await join(session, self.url, serializer=self._serializer, reactor=self._reactor, clock=self.clock)
        self._session, self.session_id = session, session.session_id
        return session

    async def _renew(self, subscription: Subscription) -> None:
        session = self._joined()
        options = SubscribeOptions(details_arg="autobahns")
        subscription.held = await self._request(
            lambda: session.subscribe(subscription.deliver, subscription.topic, options)
        )

    async def _renew_all(self) -> None:
        renewing = [Deferred.fromCoroutine(self._renew_or_drop(one)) for one in self._subscriptions]
        try:
            await gatherResults(renewing, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()  # what it really was: mostly, that this session is lost as well

    async def _renew_or_drop(self, subscription: Subscription) -> None:
        try:
            await self._renew(subscription)
        except CallError as error:
            if error.may_repeat:
                raise
            _log.warn("{topic} is no longer open to us: {error}", topic=subscription.topic, error=error)
            self._drop(subscription)

    def _revoked(self, held: Held, reason: str) -> None:
        for subscription in [one for one in self._subscriptions if one.held is held]:
            _log.info("{topic} was taken away {reason}", topic=subscription.topic, reason=reason)
            self._drop(subscription)

    def _drop(self, subscription: Subscription) -> None:
        self._subscriptions.remove(subscription)
        subscription.held = None
        if subscription.revoked is not None:
            subscription.revoked()

    def _joined(self) -> Session:
        if self._session is None or not self._session.joined:
            raise _copy(self.state.reason) if self.state.kind == "closed" else Disconnected()
        return self._session

    async def _request(self, request: Callable[[], Deferred[Any]]) -> Any:
        return await answer_of(request, timeout_s=self._call_timeout_s, clock=self.clock)

    def _pause_s(self, tries: int, reason: CallError) -> float:
        return self._backoff.pause_s(tries, self.chance(), at_least_s=reason.retry_after_s)

    def _was_steady(self) -> bool:
        return self._connected_at is not None and self.clock.seconds() - self._connected_at >= STEADY_AFTER_S

    def _become(self, state: State) -> None:
        # Told in the reactor's next turn: whoever hears it may do anything, ``close`` included, which must not happen
        # in the middle of our own steps.
        self.state = state
        waiting: list[Deferred[None]] = []
        if state.kind in ("connected", "closed"):
            waiting, self._waiting = self._waiting, []
        self._reactor.callLater(0, self._notify, state, waiting)

    def _notify(self, state: State, waiting: list[Deferred[None]]) -> None:
        for watcher in list(self._watchers):
            try:
                watcher(state)
            except Exception:  # noqa: BLE001 - whatever a watcher raises
                _log.failure("A watcher of {url} failed", url=self.url)
        for waiter in waiting:
            if state.kind == "connected":
                waiter.callback(None)
            else:
                waiter.errback(_copy(state.reason))


def _copy(reason: CallError | None) -> Disconnected:
    # Each caller gets an exception of its own: tracebacks grow with every raise.
    if reason is None:
        return Disconnected(CLOSED_BY_US, "The connection is not open.")
    return Disconnected(reason.uri, reason.message, action=reason.action)
