"""A push service's host has several addresses, and not each of them can be reached from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError as RefusedByHost
from twisted.internet.error import TimeoutError as NoAnswer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from tests.notifications.push.devices import Browser, PushServer
from tests.notifications.push.test_web_push import delivery
from tutorwamp.notifications.push.addresses import ADDRESSES_AT_MOST, CONNECT_WITHIN_S, CheckedEndpoint
from tutorwamp.notifications.push.contracts import Doubtful, Later, Sent
from tutorwamp.notifications.push.web_push import WebPush, load_key

HOST = "push.example"


class Names:
    """A resolver for which every name means ``addresses``."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    def resolveHostName(self, receiver: Any, _host: str, port: int = 0, *_: Any, **__: Any) -> Any:
        receiver.resolutionBegan(self)
        for one in self._addresses:
            receiver.addressResolved((IPv6Address if ":" in one else IPv4Address)("TCP", one, port))
        receiver.resolutionComplete()
        return self


@pytest.fixture
def named() -> Iterator[Callable[..., None]]:
    """Says what names mean to the reactor."""
    real: Any = cast("Any", reactor).nameResolver

    def name(*addresses: str) -> None:
        cast("Any", reactor).installNameResolver(Names(*addresses))

    yield name
    cast("Any", reactor).installNameResolver(real)


async def test_P6_where_an_address_cannot_be_reached_the_next_one_is_tried(
    named: Callable[..., None], tmp_path: Path
) -> None:
    server, looked_at = PushServer(), []
    named("::1", "127.0.0.2", "127.0.0.1")  # it listens on the last one only

    def allowed(address: str) -> bool:
        looked_at.append(address)
        return True

    provider = WebPush(reactor, load_key(tmp_path / "vapid.pem"), "mailto:a@b.example", allowed=allowed)
    target = server.url.replace("127.0.0.1", HOST)
    assert await provider.send(delivery(target, Browser().keys)) == Sent()
    assert len(server.pushed) == 1
    assert looked_at == ["::1", "127.0.0.2", "127.0.0.1"]
    named("::1", "127.0.0.2")
    assert isinstance(await provider.send(delivery(target, Browser().keys)), Later)
    await server.close()


async def test_P5_a_host_that_no_name_leads_to_is_doubted(named: Callable[..., None], tmp_path: Path) -> None:
    provider = WebPush(reactor, load_key(tmp_path / "vapid.pem"), "mailto:a@b.example")
    for addresses in ((), ("127.0.0.1",)):
        named(*addresses)
        assert isinstance(await provider.send(delivery(f"https://{HOST}/1", Browser().keys)), Doubtful)


class Outside(MemoryReactorClock):
    """A reactor whose connections a test fails or leaves alone."""

    def __init__(self, *addresses: str) -> None:
        cast("Any", super()).__init__()
        self.nameResolver: Any = Names(*addresses)  # Twisted's name

    def connect(self, allowed: Callable[[str], bool] = lambda _: True) -> Deferred[Any]:
        endpoint = CheckedEndpoint(self, HOST, 443, secure=False, allowed=allowed)
        connecting = endpoint.connect(Factory.forProtocol(Protocol))
        connecting.addErrback(lambda failure: failure.value)
        return connecting

    def fail_last(self, error: Exception) -> None:
        _host, _port, factory, _timeout_s, _bind = cast("Any", self).tcpClients[-1]
        factory.clientConnectionFailed(None, Failure(error))

    @property
    def tried(self) -> list[str]:
        return [client[0] for client in cast("Any", self).tcpClients]


async def test_P6_a_family_that_is_broken_costs_one_attempt_and_all_together_have_one_limit() -> None:
    outside = Outside(*(f"2606:4700::{number}" for number in range(1, 6)), "192.0.2.1", "192.0.2.2", "192.0.2.3")
    connecting = outside.connect()
    for tried in range(1, ADDRESSES_AT_MOST + 1):
        assert len(outside.tried) == tried
        outside.fail_last(NoAnswer())
    assert isinstance(await connecting, NoAnswer)
    assert outside.tried == ["2606:4700::1", "192.0.2.1", "2606:4700::2", "192.0.2.2"]
    assert sum(client[3] for client in cast("Any", outside).tcpClients) <= CONNECT_WITHIN_S


def test_P6_one_address_that_leads_inside_is_enough_for_none_to_be_tried() -> None:
    outside = Outside("192.0.2.1", "10.0.0.1")
    connecting = outside.connect(lambda address: address != "10.0.0.1")
    assert connecting.called
    assert outside.tried == []


def test_who_gives_up_meanwhile_has_no_further_address_tried() -> None:
    outside = Outside("192.0.2.1", "192.0.2.2")
    connecting = outside.connect()
    connecting.cancel()
    assert outside.tried == ["192.0.2.1"]


def test_the_address_that_answers_is_the_last_one() -> None:
    outside = Outside("192.0.2.1", "192.0.2.2")
    connecting = outside.connect()
    outside.fail_last(RefusedByHost())
    assert outside.tried == ["192.0.2.1", "192.0.2.2"]
    made = cast("Any", outside).tcpClients[-1][2].buildProtocol(None)
    made.makeConnection(cast("Any", object()))
    assert connecting.called
