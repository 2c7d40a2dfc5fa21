"""The public door: what a client says is let in by its size, its kind, its state and its values, or not at all.

Only the public door's WebSockets are made of this class; components come over another socket. What Crossbar and
autobahn do with a message after it, and what was looked at, is in docs/security/router.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from autobahn.exception import PayloadExceededError
from autobahn.wamp import message
from autobahn.wamp.exception import ProtocolError, SerializationError
from autobahn.wamp.serializer import Serializer
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from crossbar.router.protocol import WampWebSocketServerProtocol

from tutorwamp.gate.contracts import STOPPING
from tutorwamp.gate.counts import REFUSED_AT_DOOR, traffic
from tutorwamp.gate.decoding import (
    CALL,
    HEAD_BYTES,
    PUBLISH,
    BrokenError,
    Head,
    Refused,
    is_publication,
    read,
    read_head,
)
from tutorwamp.gate.portions import Desk, is_portioned
from tutorwamp.gate.refusals import Refusals
from tutorwamp.gate.router import calls_waiting, forget_cancelled_calls, is_of_the_dead, is_waiting, was_given_up
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.edges.arguments import ARGUMENTS_BYTES_AT_MOST, ARGUMENTS_VALUES_AT_MOST
from tutorwamp.kernel.edges.plain import VALUES_AT_MOST
from tutorwamp.kernel.edges.refusals import wamp_error
from tutorwamp.kernel.errors import Internal, Invalid, RateLimited, TooLarge, TutorwampError, Unavailable
from tutorwamp.kernel.reactor import running_reactor

STRANGERS_BYTES_AT_MOST: Final = 64 * 1024
"""Of a message before WELCOME. An access token has some 500 bytes."""
STRANGERS_VALUES_AT_MOST: Final = 1_000
"""Values in such a message. A HELLO has some fifty."""
CALL_BYTES_AT_MOST: Final = ARGUMENTS_BYTES_AT_MOST * 6 // 5
"""1.2 MiB: the arguments a procedure takes at most, and what their writing adds."""
LARGE_CALL_BYTES_AT_MOST: Final = 4 * ARGUMENTS_BYTES_AT_MOST
"""Of calls full of numbers: a procedure counts five bytes for each, and JSON may write twenty. Only they may have more
than ``ARGUMENTS_VALUES_AT_MOST`` values, up to ``VALUES_AT_MOST``."""
LARGE_CALLS: Final = frozenset({"tutorwamp.board.submit", "tutorwamp.board.import"})
PUBLICATION_BYTES_AT_MOST: Final = 16 * 1024
"""The contract says 1 KiB of payload."""
OTHER_BYTES_AT_MOST: Final = STRANGERS_BYTES_AT_MOST
"""Of messages that name a topic or a request."""
MESSAGE_BYTES_AT_MOST: Final = 8 * 1024 * 1024
"""A call above its own limit is answered, and its bytes are let go of as they come; above this the connection ends."""
FRAMES_AT_MOST: Final = 1_000
"""Of one message. Clients send one; those that fragment do it by ten thousand bytes and more."""

_TOO_BIG, _PROTOCOL_ERROR = 1009, 1002
"""Close codes of RFC 6455."""
_WHAT_IS_PLAIN: Final = "Input should be as in JSON: finite numbers, integers within 2**53, text without NUL, no bytes"
_SO_MANY: Final = f"Input should have at most {ARGUMENTS_VALUES_AT_MOST} values, keys among them"

CALLS_AT_ONCE: Final = 1_000
"""Of one session, not answered yet; a burst is 200."""
CALL_BYTES_AT_ONCE: Final = 2 * LARGE_CALL_BYTES_AT_MOST
"""Of those that are large: the router keeps a call's arguments until it is answered."""
COUNTED_FROM_BYTES: Final = 16 * 1024
RETRY_AFTER_S: Final = 1.0
BACK_AFTER_S: Final = 2.0
"""A component that died is back after some five seconds; who is told to wait that long would wait too long mostly."""
LEAVES_WITHIN_S: Final = 1.0
"""After the last word that can be said, a connection is closed by whoever comes first."""

_STRANGER: Final = frozenset({message.Hello.MESSAGE_TYPE, message.Abort.MESSAGE_TYPE})
_WAITING: Final = frozenset({message.Abort.MESSAGE_TYPE})
_CHALLENGED: Final = frozenset({message.Authenticate.MESSAGE_TYPE, message.Abort.MESSAGE_TYPE})
_JOINED: Final = frozenset(
    {
        message.Goodbye.MESSAGE_TYPE,
        message.Call.MESSAGE_TYPE,
        message.Cancel.MESSAGE_TYPE,
        message.Publish.MESSAGE_TYPE,
        message.Subscribe.MESSAGE_TYPE,
        message.Unsubscribe.MESSAGE_TYPE,
    }
)
_GONE: Final[frozenset[int]] = frozenset()
# Of calls, subscriptions and publications the authorizer is asked about options; of these nobody is.
_OPTIONS: Final = {message.Cancel.MESSAGE_TYPE: frozenset({"mode"}), message.Unsubscribe.MESSAGE_TYPE: frozenset()}
_OPTIONS_AT: Final = {message.Cancel.MESSAGE_TYPE: 2, message.Unsubscribe.MESSAGE_TYPE: 3}
_AFTER_HEARING: Final = {
    message.Hello.MESSAGE_TYPE: _WAITING,
    message.Authenticate.MESSAGE_TYPE: _WAITING,
    message.Abort.MESSAGE_TYPE: _GONE,
    message.Goodbye.MESSAGE_TYPE: _GONE,
}
_AFTER_SAYING: Final[dict[type[Any], frozenset[int]]] = {
    message.Challenge: _CHALLENGED,
    message.Welcome: _JOINED,
    message.Abort: _GONE,
}


class Door(WampWebSocketServerProtocol):  # type: ignore[misc]  # Crossbar ships no types
    """One client's WebSocket, as the router's process hears it."""

    desk: Desk
    """Of this process, as is the next; set by ``stand_at_the_door``."""
    refusals: Refusals | None = None
    """Null where calls are not limited."""
    stopping: Callable[[], bool]
    """Whether the node lets nobody in any more; set with the desk."""
    _expects: frozenset[int] = _STRANGER
    """The kinds of messages that belong into its state; all others end the connection."""
    _heard = bytearray()
    """Of the message that is coming."""
    _heard_size = _heard_frames = 0
    """What its frames say of their length, and how many they are."""
    _heard_at_most: int | None = None
    """Bytes it may have; None until that has to be known."""
    _passed_over = False
    """It was answered before it was there; the rest of it is nothing to us."""
    _suppressed_until_s = 0.0
    """See ``suppress``; 0: never."""
    _large: Mapping[int, int] = MappingProxyType({})
    """Bytes of large calls by request, those among them that may not be answered yet."""
    _asked: dict[int, str] | None = None
    """The procedures of calls that are not answered yet, by request."""

    def onConnect(self, request: ConnectionRequest) -> Any:  # noqa: N802  # autobahn's name, as are those below
        """Refuse who speaks no serialization of ours; Crossbar would log a traceback and go on without one."""
        if not set(self.factory.protocols).intersection(request.protocols):
            raise ConnectionDeny(ConnectionDeny.BAD_REQUEST, "None of these subprotocols is spoken here.")
        return super().onConnect(request)

    def onClose(self, wasClean: bool, code: int, reason: str | None) -> None:  # noqa: N802, N803  # as above
        """The connection is gone, and with it what was waited for."""
        self._heard = bytearray()
        if self._session is not None:
            forget_cancelled_calls(self._session)
        super().onClose(wasClean, code, reason)

    # what comes, piece by piece

    def onMessageBegin(self, isBinary: bool) -> None:  # noqa: N802, N803  # as above
        """A message begins."""
        self.message_is_binary = isBinary
        self._heard, self._heard_size, self._heard_frames = bytearray(), 0, 0
        self._heard_at_most, self._passed_over = None, False

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802  # as above
        """One of its frames, with so many bytes to come."""
        self._heard_size += length
        self._heard_frames += 1
        at_most = MESSAGE_BYTES_AT_MOST if self._expects is _JOINED else STRANGERS_BYTES_AT_MOST
        if self._heard_size > at_most or self._heard_frames > FRAMES_AT_MOST:
            self._end("too large", _TOO_BIG)

    def onMessageFrameData(self, payload: bytes) -> None:  # noqa: N802  # as above
        """Some of its bytes."""
        if self.failedByMe or self._passed_over:
            return
        self._heard += payload
        if self._heard_size > PUBLICATION_BYTES_AT_MOST and self._expects is _JOINED:
            self._judge()

    def onMessageFrameEnd(self) -> None:  # noqa: N802  # as above
        """All bytes of a frame were here."""

    def onMessageEnd(self) -> None:  # noqa: N802  # as above
        """All of it is here."""
        payload, self._heard = bytes(self._heard), bytearray()
        if not (self.failedByMe or self._passed_over):
            self.onMessage(payload, self.message_is_binary)

    def _judge(self) -> None:
        """Ask a large message what it is as soon as it can say so, and pass over what is too large of its kind."""
        begin = bytes(self._heard[: 2 * HEAD_BYTES])
        if self._heard_at_most is None:
            if len(begin) < min(self._heard_size, HEAD_BYTES):
                return
            self._heard_at_most = _bytes_at_most(read_head(self._serializer.SERIALIZER_ID, begin))
        if self._heard_size <= self._heard_at_most:
            return
        head = read_head(self._serializer.SERIALIZER_ID, begin)
        if head is None:
            self._end("too large", _TOO_BIG)
        else:
            self._passed_over, self._heard = True, bytearray()
            self._refuse(head, TooLarge("The call is too large."))

    # what it says

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803  # as above
        """Hear a whole payload. Whatever is no message, or does not belong here, ends the connection."""
        if self._suppressed_until_s and self._is_suppressed(payload):
            return
        try:
            for said in self._read(payload, isBinary):
                if isinstance(said, Refused):
                    self._refuse(said.head, self._error_of(said))
                else:
                    self._hear(said, len(payload))
        except (BrokenError, ProtocolError) as error:
            self._end(str(error))
        except Exception:  # noqa: BLE001  # autobahn's readers raise what they like over what has not their shape
            self._end("not a message")

    def suppress(self, seconds: float) -> None:
        """So long it publishes for nobody, and that is passed over unread: reading it costs more than half of all."""
        self._suppressed_until_s = time.monotonic() + seconds

    def _is_suppressed(self, payload: bytes) -> bool:
        if time.monotonic() >= self._suppressed_until_s:
            self._suppressed_until_s = 0.0
            return False
        return self._expects is _JOINED and is_publication(self._serializer.SERIALIZER_ID, payload)

    def _read(self, payload: bytes, binary: bool) -> list[list[Any] | Refused]:
        if binary != self._serializer._serializer.BINARY:  # noqa: SLF001  # as autobahn's own reading does
            raise BrokenError("the other kind of frame belongs to this subprotocol")
        return read(self._serializer.SERIALIZER_ID, payload, self._values_at_most())

    def _error_of(self, said: Refused) -> TutorwampError:
        if not said.too_large:
            return Invalid("The arguments are not plain values.", details=[{"loc": [], "msg": _WHAT_IS_PLAIN}])
        if self._values_at_most() == ARGUMENTS_VALUES_AT_MOST:
            return Invalid("No procedure of this kind takes so many values.", details=[{"loc": [], "msg": _SO_MANY}])
        return TooLarge("The call is too large.")

    def _values_at_most(self) -> int:
        """In the message that is here; of a small one nobody has asked what it is."""
        if self._expects is not _JOINED:
            return STRANGERS_VALUES_AT_MOST
        return VALUES_AT_MOST if self._heard_at_most == LARGE_CALL_BYTES_AT_MOST else ARGUMENTS_VALUES_AT_MOST

    def _hear(self, said: list[Any], size: int) -> None:
        kind = self._expected(said[0] if said else None)
        if kind in _OPTIONS and any(not _OPTIONS[kind].issuperset(options) for options in said[_OPTIONS_AT[kind] :]):
            raise BrokenError("options that are not a client's")
        traffic.heard += 1
        traffic.heard_bytes += size
        form: Any = Serializer.MESSAGE_TYPE_MAP[kind]
        heard = form.parse(said)
        if kind == CALL and (refused := self._refused(heard.request, heard.procedure, size)):
            self._refuse(Head(kind, heard.request, {}, heard.procedure), refused)
            return
        self._expects = _AFTER_HEARING.get(kind, self._expects)
        if not self._expects:
            forget_cancelled_calls(self._session)
            self._leave_soon()
        self._session.onMessage(heard)

    def _expected(self, kind: Any) -> int:
        if type(kind) is not int or kind not in self._expects or self._session is None:
            raise BrokenError("a message that does not belong here")
        return kind

    def _refused(self, request: int, procedure: str, size: int) -> TutorwampError | None:
        """Why a call is not let in; else it is remembered until it is answered."""
        if not self._has_room(request, size):
            return RateLimited("Too many calls wait for their answers.", retry_after_s=RETRY_AFTER_S)
        if self.refusals is not None:
            try:
                self.refusals.require_patience(self._session._authid, procedure)  # noqa: SLF001  # as Crossbar's own protocol does
            except RateLimited as error:
                return error
            if self._asked is None:
                self._asked = {}
            self._asked[request] = procedure
        return None

    def _answered(self, msg: message.Result | message.Error) -> None:
        """A call has its answer; where it was too many, that is remembered."""
        procedure = self._asked.pop(msg.request, None) if self._asked else None
        if procedure is None or self.refusals is None or getattr(msg, "error", None) != RateLimited.uri:
            return
        details = (msg.kwargs or {}).get("details")
        retry_after_s = details.get("retry_after_s") if isinstance(details, dict) else None
        if isinstance(retry_after_s, int | float):
            self.refusals.heard(self._session._authid, procedure, retry_after_s)  # noqa: SLF001  # as above

    def _has_room(self, request: int, size: int) -> bool:
        """Whether one more call may wait for its answer. Raises BrokenError for a request that waits already."""
        if is_waiting(self._session, request):
            raise BrokenError("a request id that is in use")
        if size > COUNTED_FROM_BYTES:
            waiting = {one: of for one, of in self._large.items() if is_waiting(self._session, one)}
            if sum(waiting.values()) + size > CALL_BYTES_AT_ONCE:
                return False
            self._large = {**waiting, request: size}
        return calls_waiting(self._session) < CALLS_AT_ONCE

    def _refuse(self, head: Head, error: TutorwampError) -> None:
        """Answer what cannot be let in. A publication is dropped, unless somebody asks what became of it."""
        self._expected(head.kind)
        REFUSED_AT_DOOR[error.uri,].inc()
        if head.kind == CALL or head.options.get("acknowledge") is True:
            self.send(_answer(head.kind, head.request, error))

    # what is said

    def send(self, msg: Any) -> None:
        """Send a message. What this client's serializer cannot write, or its WebSocket not carry, is only its own loss.

        Crossbar gives an event to one subscriber after the other: where this raises, those after it do not hear of it.
        """
        if not self.is_there():
            return
        if isinstance(msg, message.Result | message.Error):
            self._answered(msg)
        if isinstance(msg, message.Abort) and self.stopping():
            # The gate goes before the port does; then Crossbar says that there is no such procedure, role or realm.
            msg = message.Abort(Unavailable.uri, STOPPING)
        if is_of_the_dead(msg):
            given_up, instead = was_given_up(self._session, msg.request)
            if given_up and instead is None:  # Crossbar answers a second time, for which autobahn ends the connection
                return
            msg = instead or _answer(CALL, msg.request, _component_gone())
        if is_portioned(msg):
            self.desk.add(self, msg, self._serializer)
            return
        try:
            super().send(msg)
        except PayloadExceededError:
            self._say_instead(msg, _answer_too_large())
        except SerializationError:
            self._say_instead(msg, Internal())
        self._expects = _AFTER_SAYING.get(type(msg), self._expects)
        if not self._expects:
            self._leave_soon()

    def is_there(self) -> bool:
        """Whether there is anybody to be told."""
        return self.state == self.STATE_OPEN and self._session is not None

    def put_together(self, said: Any, payload: bytes | None) -> None:
        """Send a large answer, which is whole now; None: it cannot be written."""
        if payload is None:
            self._say_instead(said, Internal())
            return
        try:
            self.sendMessage(payload, self._serializer._serializer.BINARY)  # noqa: SLF001  # as autobahn's own sending does
        except PayloadExceededError:
            self._say_instead(said, _answer_too_large())

    def turn_away(self, said: Any) -> None:
        """Too many large answers wait already."""
        self._say_instead(said, Unavailable("Too many ask for this just now.", retry_after_s=RETRY_AFTER_S))

    def _say_instead(self, msg: Any, error: TutorwampError) -> None:
        self.log.error("a message could not be sent: {kind}", kind=type(msg).__name__)
        if isinstance(msg, message.Result | message.Error):
            super().send(_answer(getattr(msg, "request_type", CALL), msg.request, error))

    # the end

    def _end(self, reason: str, code: int = _PROTOCOL_ERROR) -> None:
        if not self.failedByMe:
            self._heard = bytearray()
            self._fail_connection(code, reason)

    def _leave_soon(self) -> None:
        running_reactor().callLater(LEAVES_WITHIN_S, self._leave)

    def _leave(self) -> None:
        if self.state == self.STATE_OPEN:
            self.sendClose(self.CLOSE_STATUS_CODE_NORMAL)


def _bytes_at_most(head: Head | None) -> int:
    if head is None:
        return OTHER_BYTES_AT_MOST
    if head.kind == PUBLISH:
        return PUBLICATION_BYTES_AT_MOST
    return LARGE_CALL_BYTES_AT_MOST if head.uri in LARGE_CALLS else CALL_BYTES_AT_MOST


def _answer_too_large() -> TutorwampError:
    return TooLarge("The answer is too large for this connection.")


def _component_gone() -> TutorwampError:
    return Unavailable(
        "A part of the node has gone away. It may still have done it; ask again.", retry_after_s=BACK_AFTER_S
    )


def _answer(kind: int, request: int, error: TutorwampError) -> message.Error:
    told = wamp_error(error, new_id())
    return message.Error(kind, request, told.error, kwargs=told.kwargs)
