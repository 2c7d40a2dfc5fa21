"""Who may do what on the router: the table of grants and the one decision made from it.

Pure and quick: it runs for every call, subscription and publication of every client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from sys import intern
from typing import Any, Final, NamedTuple, TypedDict

from tutorwamp.gate.contracts import CONNECTION_DRAINING, CONNECTION_TIMEOUT, SAID_BY_MEMBERS, SessionId
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.errors import Invalid, RateLimited
from tutorwamp.kernel.limits import read_address
from tutorwamp.kernel.settings import Network

_NEVER_CALLED: Final = ("wamp.", "tutorwamp.gate.")
"""The router's own procedures and the gate's, whatever a component reports."""

# Everything else in the options is refused. Above all ``forward_for``, made for links between routers: Crossbar
# takes the caller's identity from it, so that a client who may send it is whoever it says. ``enc_algo`` would
# carry a payload past the arguments, ``eligible`` and ``exclude`` choose receivers, ``retain`` keeps an event.
_CALL_OPTIONS: Final = frozenset({"timeout", "receive_progress"})
_SUBSCRIBE_OPTIONS: Final = frozenset({"match", "get_retained"})
_PUBLISH_OPTIONS: Final = frozenset({"acknowledge", "exclude_me"})

_THIS_MACHINE: Final = (ip_network("127.0.0.1"), ip_network("::1"))


PUBLICATIONS_A_SECOND: Final = 30
"""Of one session, on all topics together: the client points at most 20 times a second, and types now and then."""


class Authorization(TypedDict):
    """What Crossbar asks of an authorizer."""

    allow: bool
    disclose: bool
    """Always: components must know who calls, members who draws. Crossbar needs the key in every answer."""
    cache: bool
    """Never: Crossbar's cache does not tell one person from another, nor an exact from a prefix subscription."""


@dataclass(frozen=True)
class Client:
    """A client's session, as the gate knows it."""

    session: SessionId
    user_id: str
    issued_at: datetime
    """Of the token it came with."""


class _Topics(NamedTuple):
    """Tuples of shared texts: there is one of these for every person in a lesson."""

    subscribe: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()


class Grants:
    """Which topics are open to which session, and under which key."""

    def __init__(self) -> None:
        self._topics: dict[SessionId, dict[str, _Topics]] = {}

    def __len__(self) -> int:
        """How many sessions hold any."""
        return len(self._topics)

    def open(self, session: SessionId, key: str, subscribe: Iterable[str], publish: Iterable[str]) -> None:
        """Add topics under a key to those already there."""
        keys = self._topics.setdefault(session, {})
        before = keys.get(key, _Topics())
        keys[intern(key)] = _Topics(_with(before.subscribe, subscribe), _with(before.publish, publish))

    def close(self, session: SessionId, key: str) -> frozenset[str]:
        """Close a key of a session; the topics it may not be subscribed to any longer."""
        keys = self._topics.get(session, {})
        closed = keys.pop(key, None)
        if not keys:
            self._topics.pop(session, None)
        if closed is None:
            return frozenset()
        return frozenset(topic for topic in closed.subscribe if not self.may_subscribe(session, topic))

    def silence(self, session: SessionId, key: str, topics: Collection[str]) -> None:
        """Close some topics of a key for publishing; what is heard on them goes on."""
        keys = self._topics.get(session, {})
        if key in keys:
            publish = tuple(topic for topic in keys[key].publish if topic not in topics)
            keys[key] = keys[key]._replace(publish=publish)

    def holders(self, key: str) -> list[SessionId]:
        """All sessions that hold a key."""
        return [session for session, keys in self._topics.items() if key in keys]

    def forget(self, session: SessionId) -> None:
        """Close everything of a session."""
        self._topics.pop(session, None)

    def may_subscribe(self, session: SessionId, topic: str) -> bool:
        """Whether the topic is open to the session for listening."""
        return any(topic in topics.subscribe for topics in self._topics.get(session, {}).values())

    def may_publish(self, session: SessionId, topic: str) -> bool:
        """Whether the topic is open to the session for speaking."""
        return any(topic in topics.publish for topics in self._topics.get(session, {}).values())


class Publications:
    """What clients may publish: of the form their topic has, and so many a second.

    ``now_s`` is a clock that never goes back; without it they are not counted.
    """

    def __init__(self, now_s: Callable[[], float] | None) -> None:
        self._now_s = now_s
        self._made: dict[SessionId, deque[float]] = {}

    def check(self, session: SessionId, topic: str, positional: Sequence[Any] | None, said: Mapping[str, Any]) -> None:
        """Raises Invalid or RateLimited where nobody may be told; one that is told is counted."""
        if positional:
            raise Invalid("Publications go by keyword.", details=[{"loc": [], "msg": "positional arguments"}])
        check(SAID_BY_MEMBERS[_kind_of(topic)], said)
        if self._now_s is None:
            return
        now_s = self._now_s()
        made = self._made.setdefault(session, deque(maxlen=PUBLICATIONS_A_SECOND))
        if len(made) == PUBLICATIONS_A_SECOND and now_s - made[0] < 1.0:
            raise RateLimited("Too many publications.", retry_after_s=round(made[0] + 1.0 - now_s, 3))
        made.append(now_s)

    def forget(self, session: SessionId) -> None:
        """The session is gone."""
        self._made.pop(session, None)


def require_form(topic: str) -> None:
    """Raises Invalid for a topic of which nobody has said what clients may publish there."""
    if _kind_of(topic) not in SAID_BY_MEMBERS:
        known = ", ".join(SAID_BY_MEMBERS)
        raise Invalid("This topic has no form.", details=[{"loc": ["publish"], "msg": f"ends with none of {known}"}])


def _kind_of(topic: str) -> str:
    return topic.rpartition(".")[2]


def _with(topics: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*topics, *map(intern, more)]))


def decide(
    client: Client | None,
    action: str,
    uri: str,
    options: Mapping[str, Any],
    *,
    procedures: Collection[str],
    grants: Grants,
) -> Authorization:
    """May this session do this? ``client`` is None for one that is unknown or was told to go: it may do nothing.

    ``action`` is Crossbar's word: call, register, subscribe or publish. Anything not allowed here is refused.
    """
    allow = False
    if client is not None:
        match action:
            case "call":
                allow = uri in procedures and not uri.startswith(_NEVER_CALLED) and _only(options, _CALL_OPTIONS)
            case "subscribe":
                allow = _is_plain_subscription(options) and (
                    uri in (CONNECTION_TIMEOUT, CONNECTION_DRAINING, f"tutorwamp.user.{client.user_id}.notifications")
                    or grants.may_subscribe(client.session, uri)
                )
            case "publish":
                allow = _only(options, _PUBLISH_OPTIONS) and grants.may_publish(client.session, uri)
    return {"allow": allow, "disclose": True, "cache": False}


def address_of(peer: str, headers: Mapping[str, str], proxies: Collection[Network] = ()) -> str:
    """The address somebody comes from; behind a proxy that is believed, the one that proxy has seen.

    ``peer`` is Crossbar's: ``tcp4:127.0.0.1:51234``. A proxy adds to the end of ``X-Forwarded-For``; what stands before
    was said by whoever sent it the request, and counts where that is one of the ``proxies`` as well. Where none are
    named, a proxy on this machine is believed, in its last word only.
    """
    address = peer.partition(":")[2].rpartition(":")[0] or peer
    for word in reversed(headers.get("x-forwarded-for", "").split(",")):
        if not _is_in(address, proxies or _THIS_MACHINE) or not word.strip():
            break
        address = word.strip()
        if not proxies:
            break
    return address


def _is_in(address: str, networks: Collection[Network]) -> bool:
    known = read_address(address)
    return known is not None and any(known in network for network in networks)


def _only(options: Mapping[str, Any], allowed: frozenset[str]) -> bool:
    return allowed.issuperset(options)


def _is_plain_subscription(options: Mapping[str, Any]) -> bool:
    """Exactly this topic, and nothing kept from the past: pattern subscriptions see what was never granted."""
    return (
        _only(options, _SUBSCRIBE_OPTIONS)
        and options.get("match", "exact") == "exact"
        and not options.get("get_retained", False)
    )
