"""The gate's one decision, without a router."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest

from tutorwamp.gate.rules import Client, Grants, address_of, decide
from tutorwamp.kernel.edges.ranges import one_range

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANNA = Client(session=1, user_id="anna", issued_at=NOON)
ANNAS_OTHER = Client(session=2, user_id="anna", issued_at=NOON)
PROCEDURES = {"tutorwamp.chat.send", "wamp.session.kill", "tutorwamp.gate.drop"}


def granted() -> Grants:
    grants = Grants()
    grants.open(ANNA.session, "one", ["one.chat", "one.typing"], ["one.typing"])
    return grants


def may(client: Client | None, action: str, uri: str, options: dict[str, Any] | None = None) -> bool:
    answer = decide(client, action, uri, options or {}, procedures=PROCEDURES, grants=granted())
    assert answer["disclose"] is True
    assert answer["cache"] is False
    return answer["allow"]


@pytest.mark.parametrize(
    ("action", "uri", "options"),
    [
        ("call", "tutorwamp.chat.send", {}),
        ("call", "tutorwamp.chat.send", {"timeout": 5, "receive_progress": True}),
        ("subscribe", "one.chat", {}),
        ("subscribe", "one.chat", {"match": "exact", "get_retained": False}),
        ("subscribe", "tutorwamp.user.anna.notifications", {}),
        ("subscribe", "tutorwamp.connection.timeout", {}),
        ("publish", "one.typing", {}),
        ("publish", "one.typing", {"acknowledge": True, "exclude_me": False}),
    ],
)
def test_allowed_and_only_while_here(action: str, uri: str, options: dict[str, Any]) -> None:
    assert may(ANNA, action, uri, options)
    assert not may(None, action, uri, options)


@pytest.mark.parametrize(
    ("action", "uri", "options"),
    [
        ("call", "tutorwamp.chat.unknown", {}),
        ("call", "tutorwamp.chat", {}),
        ("call", "wamp.session.kill", {}),
        ("call", "tutorwamp.gate.drop", {}),
        ("call", "tutorwamp.chat.send", {"forward_for": [{"session": 3, "authid": "ben", "authrole": "admin"}]}),
        ("call", "tutorwamp.chat.send", {"caller": 3}),
        ("call", "tutorwamp.chat.send", {"enc_algo": "cryptobox"}),
        ("register", "tutorwamp.chat.send", {}),
        ("register", "one.chat", {}),
        ("subscribe", "two.chat", {}),
        ("subscribe", "one.chat", {"match": "prefix"}),
        ("subscribe", "one.chat", {"match": "wildcard"}),
        ("subscribe", "", {"match": "prefix"}),
        ("subscribe", "one.chat", {"get_retained": True}),
        ("subscribe", "one.chat", {"forward_for": []}),
        ("subscribe", "tutorwamp.user.ben.notifications", {}),
        ("subscribe", "tutorwamp.user.anna.notifications", {"match": "prefix"}),
        ("subscribe", "tutorwamp.connection.timeout", {"match": "prefix"}),
        ("subscribe", "wamp.session.on_join", {}),
        ("publish", "one.chat", {}),
        ("publish", "two.typing", {}),
        ("publish", "one.typing", {"eligible": [1]}),
        ("publish", "one.typing", {"exclude_authid": ["ben"]}),
        ("publish", "one.typing", {"retain": True}),
        ("publish", "one.typing", {"forward_for": []}),
        ("publish", "tutorwamp.user.anna.notifications", {}),
        ("publish", "tutorwamp.connection.timeout", {}),
        ("cancel", "tutorwamp.chat.send", {}),
    ],
)
def test_refused(action: str, uri: str, options: dict[str, Any]) -> None:
    assert not may(ANNA, action, uri, options)


def test_a_grant_belongs_to_the_session_not_to_the_person() -> None:
    assert not may(ANNAS_OTHER, "subscribe", "one.chat")
    assert not may(ANNAS_OTHER, "publish", "one.typing")


def test_closing_names_what_is_not_open_under_another_key() -> None:
    grants = granted()
    grants.open(1, "two", ["one.chat"], [])
    assert grants.close(1, "one") == {"one.typing"}
    assert grants.may_subscribe(1, "one.chat")
    assert not grants.may_publish(1, "one.typing")
    assert grants.close(1, "two") == {"one.chat"}
    assert grants.close(1, "two") == frozenset()


def test_opening_again_adds() -> None:
    grants = granted()
    grants.open(1, "one", ["one.board"], [])
    assert grants.may_subscribe(1, "one.chat")
    assert grants.close(1, "one") == {"one.chat", "one.typing", "one.board"}


def test_holders_are_forgotten_with_their_session() -> None:
    grants = granted()
    grants.open(2, "one", [], [])
    assert sorted(grants.holders("one")) == [1, 2]
    grants.forget(1)
    assert grants.holders("one") == [2]
    assert not grants.may_subscribe(1, "one.chat")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("tcp4:203.0.113.7:51234", None, "203.0.113.7"),
        ("tcp6:2001:db8::7:51234", None, "2001:db8::7"),
        ("tcp4:127.0.0.1:51234", None, "127.0.0.1"),
        ("tcp4:127.0.0.1:51234", "", "127.0.0.1"),
        ("tcp4:127.0.0.1:51234", "203.0.113.7", "203.0.113.7"),
        ("tcp6:::1:51234", "203.0.113.7", "203.0.113.7"),
        ("tcp6:::ffff:127.0.0.1:51234", "203.0.113.7", "203.0.113.7"),
        # What stands before the proxy's own word was said by whoever sent the request.
        ("tcp4:127.0.0.1:51234", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("tcp4:127.0.0.1:51234", "198.51.100.1,2001:db8::7 ", "2001:db8::7"),
        ("tcp4:127.0.0.1:51234", "198.51.100.1, ", "127.0.0.1"),
        # Nobody else is believed.
        ("tcp4:203.0.113.7:51234", "198.51.100.1", "203.0.113.7"),
        ("tcp6:2001:db8::1:51234", "198.51.100.1", "2001:db8::1"),
        ("unknown", None, "unknown"),
    ],
)
def test_S7_H10_the_address_somebody_comes_from(peer: str, forwarded: str | None, address: str) -> None:
    assert address_of(peer, {} if forwarded is None else {"x-forwarded-for": forwarded}) == address


PROXIES = tuple(map(ip_network, ("10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("tcp4:10.1.2.3:51234", "203.0.113.7", "203.0.113.7"),
        ("tcp6:2001:db8:1::9:51234", "203.0.113.7", "203.0.113.7"),
        ("tcp6:::ffff:10.1.2.3:51234", "203.0.113.7", "203.0.113.7"),
        # One proxy behind another: the first address that is none of them; what stands before was said by anybody.
        ("tcp4:10.1.2.3:51234", "198.51.100.1, 203.0.113.7, 192.0.2.1, 10.9.9.9", "203.0.113.7"),
        ("tcp4:10.1.2.3:51234", "203.0.113.7:4711, 10.9.9.9:80", "203.0.113.7:4711"),
        ("tcp4:10.1.2.3:51234", "198.51.100.1, unknown", "unknown"),
        # Somebody inside asks, or nothing is said.
        ("tcp4:10.1.2.3:51234", "10.7.7.7", "10.7.7.7"),
        ("tcp4:10.1.2.3:51234", "", "10.1.2.3"),
        ("tcp4:10.1.2.3:51234", "198.51.100.1, ", "10.1.2.3"),
        # Nobody else is believed, this machine among them.
        ("tcp4:127.0.0.1:51234", "198.51.100.1", "127.0.0.1"),
        ("tcp4:203.0.113.7:51234", "198.51.100.1", "203.0.113.7"),
        ("unknown", "198.51.100.1", "unknown"),
    ],
)
def test_H10_the_address_behind_proxies_that_are_named(peer: str, forwarded: str, address: str) -> None:
    assert address_of(peer, {"x-forwarded-for": forwarded}, PROXIES) == address


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (b"bytes=0-0", (0, 0)),
        (b"bytes=0-", (0, 99)),
        (b"bytes= 90-200 ", (90, 99)),
        (b"bytes=-10", (90, 99)),
        (b"bytes=-200", (0, 99)),
        (b"bytes=0-9,10-19", (0, 19)),
        (b"bytes=50-59,,0-99,20-29", (0, 99)),
        (b"bytes=0-9,500-", (0, 9)),
        (b"bytes=500-", (500, 500)),
        (b"bytes=100-,200-", (100, 100)),
        (b"bytes=0-9,11-19", None),
        (b"bytes=9-0", None),
        (b"bytes=-", None),
        (b"bytes=", None),
        (b"bytes", None),
        (b"", None),
        (b"bytes=0-9;10-19", None),
        (b"bytes=+1-2", None),
        (b"bytes=1_0-20", None),
        ("bytes=\u0661-".encode(), None),
        (b"Bytes 0-9", None),
    ],
)
def test_H8_ranges_that_are_one(asked: bytes, given: tuple[int, int] | None) -> None:
    assert one_range(asked, 100) == given


def test_H8_nothing_has_no_range() -> None:
    assert one_range(b"bytes=0-", 0) is None


def test_silence_closes_a_topic_for_publishing_only_and_opening_again_opens_it() -> None:
    grants = Grants()
    grants.open(1, "one", ["one.typing"], ["one.typing", "one.cursor"])
    grants.silence(1, "one", ["one.typing"])
    grants.silence(2, "one", ["one.typing"])
    assert [grants.may_publish(1, topic) for topic in ("one.typing", "one.cursor")] == [False, True]
    assert grants.may_subscribe(1, "one.typing")
    assert len(grants) == 1
    grants.open(1, "one", [], ["one.typing"])
    assert grants.may_publish(1, "one.typing")
