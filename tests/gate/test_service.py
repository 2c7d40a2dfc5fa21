"""The gate's memory: readiness, origins, revocations and what becomes of them in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import jwt
import pytest
from twisted.internet.task import Clock

from tutorwamp.gate.contracts import DropUser, Grant, ReportReady, RevokeGrants
from tutorwamp.gate.service import REVOCATIONS_AT_MOST, REVOCATIONS_KEPT_FOR, GateService, Revocations
from tutorwamp.kernel.contracts import AuthRole, new_id
from tutorwamp.kernel.errors import Forbidden, Invalid, RateLimited, Unauthenticated, Unavailable
from tutorwamp.kernel.limits import Allowance, Limits
from tutorwamp.kernel.tokens import sign

KEY = b"a key that is known to the tests only"
ANNA = new_id()
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class TurnedClock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def gate(clock: TurnedClock) -> GateService:
    """An open gate that waits for two components, both hosted by session 100."""
    gate = GateService(key=KEY, expected=["lessons", "chat"], allowed_origins=["https://a.test"], clock=clock)
    for component in ("lessons", "chat"):
        gate.report_ready(ReportReady(component=component, procedures=[f"tutorwamp.{component}.go"]), 100)
    return gate


def token(at: datetime, lifetime: timedelta = timedelta(days=7)) -> str:
    return sign(KEY, user_id=ANNA, role=AuthRole.TUTOR, family_id=new_id(), now=at, lifetime=lifetime)


def drop(gate: GateService, before: datetime, user_id: str = ANNA) -> list[int]:
    return gate.drop_user(DropUser(user_id=user_id, before=before, reason="r", message="m"))


def test_the_token_says_who_comes(gate: GateService) -> None:
    who = gate.authenticate(token(NOON), {})
    assert (who.user_id, who.role) == (ANNA, AuthRole.TUTOR)


def test_a_token_ends_with_its_lifetime(gate: GateService, clock: TurnedClock) -> None:
    text = token(NOON, timedelta(minutes=15))
    clock.now = NOON + timedelta(minutes=14, seconds=59)
    gate.authenticate(text, {})
    clock.now = NOON + timedelta(minutes=15)
    with pytest.raises(Unauthenticated):
        gate.authenticate(text, {})


@pytest.mark.parametrize("claim", ["iss", "aud"])
def test_a_token_of_another_issuer_or_for_another_audience_or_of_none_is_refused(gate: GateService, claim: str) -> None:
    said = jwt.decode(token(NOON), options={"verify_signature": False})
    assert gate.authenticate(jwt.encode(said, KEY), {}).user_id == ANNA
    without = {name: value for name, value in said.items() if name != claim}
    for claims in ({**without, claim: "another"}, without):
        with pytest.raises(Unauthenticated):
            gate.authenticate(jwt.encode(claims, KEY), {})


def test_not_ready_comes_before_a_bad_token(clock: TurnedClock) -> None:
    gate = GateService(key=KEY, expected=["lessons"], allowed_origins=[], clock=clock)
    with pytest.raises(Unavailable):
        gate.authenticate("nonsense", {"origin": "https://evil.test"})


def test_several_processes_may_run_one_component(gate: GateService) -> None:
    gate.report_ready(ReportReady(component="chat", procedures=["tutorwamp.chat.go"]), 101)
    gate.left(100)
    assert gate.missing() == {"lessons"}
    gate.report_ready(ReportReady(component="lessons", procedures=[]), 102)
    gate.left(101)
    assert gate.missing() == {"chat"}


def test_what_a_component_served_may_be_called_after_its_death(gate: GateService) -> None:
    # The router then says that nobody serves it, and the caller tries again; "not allowed" would be final.
    gate.joined(1, ANNA, "student", NOON)
    gate.left(100)
    assert gate.missing() == {"lessons", "chat"} == set(gate.expected())
    assert gate.authorize(1, "call", "tutorwamp.chat.go", {})["allow"]


def test_an_unexpected_component_is_a_mistake_in_the_configuration(gate: GateService) -> None:
    with pytest.raises(Invalid, match="chatt"):
        gate.report_ready(ReportReady(component="chatt", procedures=[]), 101)


def test_a_closing_gate_lets_nobody_in_and_says_who_is_left(gate: GateService) -> None:
    gate.joined(1, ANNA, "student", NOON)
    assert gate.close() == [1]
    with pytest.raises(Unavailable):
        gate.authenticate(token(NOON), {})
    assert not gate.closed_and_empty
    gate.left(1)
    assert gate.closed_and_empty


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "tutor.test"),
        ("https://tutor.test", "tutor.test"),
        ("https://tutor.test", "tutor.test:443"),
        ("http://tutor.test", "TUTOR.test:80"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("https://a.test", "tutor.test"),
    ],
)
def test_pages_that_may_connect(gate: GateService, origin: str | None, host: str) -> None:
    gate.authenticate(token(NOON), {"host": host} | ({"origin": origin} if origin else {}))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.test", "tutor.test"),
        ("https://tutor.test.evil.test", "tutor.test"),
        ("https://tutor.test:8443", "tutor.test"),
        ("http://localhost:8080", "127.0.0.1:8080"),
        ("http://127.0.0.1:9999", "127.0.0.1:8080"),
        ("https://a.test:444", "tutor.test"),
        ("http://a.test", "tutor.test"),
        ("null", "tutor.test"),
        ("null", ""),
        ("", ""),
        ("http://", ""),
        ("http://x:port", "x:port"),
        ("file://", ""),
        ("chrome-extension://tutor.test", "tutor.test"),
    ],
)
def test_pages_that_may_not(gate: GateService, origin: str, host: str) -> None:
    with pytest.raises(Forbidden):
        gate.authenticate(token(NOON), {"origin": origin, "host": host})


def test_what_was_issued_until_the_revocation_is_refused(gate: GateService) -> None:
    drop(gate, NOON)
    with pytest.raises(Unauthenticated, match="revoked"):
        gate.authenticate(token(NOON), {})
    gate.authenticate(token(NOON + timedelta(milliseconds=1)), {})


def test_an_earlier_revocation_does_not_undo_a_later_one(gate: GateService) -> None:
    drop(gate, NOON)
    drop(gate, NOON - timedelta(hours=1))
    with pytest.raises(Unauthenticated):
        gate.authenticate(token(NOON), {})


def test_a_forgotten_revocation_still_holds(gate: GateService, clock: TurnedClock) -> None:
    drop(gate, NOON)
    clock.now = NOON + REVOCATIONS_KEPT_FOR + timedelta(hours=1)
    with pytest.raises(Unauthenticated):
        gate.authenticate(token(NOON), {})
    gate.authenticate(token(NOON + timedelta(seconds=1)), {})


def test_revocations_are_bounded_and_the_oldest_become_the_floor() -> None:
    revocations = Revocations()
    for number in range(REVOCATIONS_AT_MOST + 5):
        revocations.add(str(number), NOON + timedelta(milliseconds=number), now=NOON)
    assert len(revocations) == REVOCATIONS_AT_MOST

    def covers(user_id: str, milliseconds: int) -> bool:
        at = NOON + timedelta(milliseconds=milliseconds)
        return revocations.covers(user_id, at, now=NOON)

    assert covers("0", 0)
    assert covers("nobody", 4)
    assert not covers("nobody", 5)
    assert covers(str(REVOCATIONS_AT_MOST), REVOCATIONS_AT_MOST)


def test_dropping_a_user_tells_each_session_once(gate: GateService) -> None:
    gate.joined(1, ANNA, "student", NOON)
    gate.joined(2, ANNA, "student", NOON)
    gate.joined(3, new_id(), "student", NOON)
    gate.joined(4, ANNA, "component", NOON)
    assert gate.drop(2)
    assert not gate.drop(2)
    assert drop(gate, NOON) == [1]
    assert drop(gate, NOON) == []
    assert not gate.drop(4)


def test_grants_are_for_those_who_are_here(gate: GateService) -> None:
    grant = Grant(session=1, key="one", subscribe=["one.chat"], publish=[])
    gate.grant(grant)
    gate.joined(1, ANNA, "student", NOON)
    assert not gate.authorize(1, "subscribe", "one.chat", {})["allow"]
    gate.grant(grant)
    assert gate.authorize(1, "subscribe", "one.chat", {})["allow"]
    assert gate.revoke_grants(RevokeGrants(key="one", user_id=new_id())) == {}
    assert gate.revoke_grants(RevokeGrants(key="one", session=2)) == {}
    assert gate.revoke_grants(RevokeGrants(key="one", session=1, user_id=ANNA)) == {1: {"one.chat"}}


def test_a_newer_login_survives_an_older_revocation(gate: GateService) -> None:
    gate.joined(1, ANNA, "student", NOON)
    gate.joined(2, ANNA, "student", NOON + timedelta(seconds=1))
    assert drop(gate, NOON) == [1]
    assert drop(gate, NOON + timedelta(seconds=1)) == [2]


def test_who_was_revoked_while_being_let_in_does_not_stay(gate: GateService) -> None:
    assert drop(gate, NOON) == []
    assert not gate.joined(1, ANNA, "student", NOON)
    assert not gate.authorize(1, "call", "tutorwamp.chat.go", {})["allow"]
    assert gate.joined(2, ANNA, "student", NOON + timedelta(milliseconds=1))


HERE, THERE = "tcp4:203.0.113.7:1", "tcp4:203.0.113.8:1"


@pytest.fixture
def narrow(clock: TurnedClock) -> tuple[GateService, Clock]:
    """A gate through which two come at once from one address, and one a second."""
    seconds = Clock()
    joins = Limits(Allowance(per_s=1, burst=2), seconds.seconds)
    return GateService(key=KEY, expected=[], allowed_origins=[], clock=clock, joins=joins), seconds


def test_S7_an_address_that_comes_too_often_waits_and_others_do_not(narrow: tuple[GateService, Clock]) -> None:
    gate, seconds = narrow
    for peer in ("tcp4:203.0.113.7:1", "tcp4:203.0.113.7:2"):  # another port is the same address
        gate.authenticate(token(NOON), {}, peer)
    with pytest.raises(RateLimited) as refused:
        gate.authenticate(token(NOON), {}, HERE)
    assert refused.value.details == {"retry_after_s": 1.0}
    gate.authenticate(token(NOON), {}, THERE)
    seconds.advance(1)
    gate.authenticate(token(NOON), {}, HERE)


def test_S7_bad_tokens_and_foreign_pages_count_and_a_closed_gate_does_not(narrow: tuple[GateService, Clock]) -> None:
    gate, _ = narrow
    with pytest.raises(Unauthenticated):
        gate.authenticate("nonsense", {}, HERE)
    with pytest.raises(Forbidden):
        gate.authenticate(token(NOON), {"origin": "https://evil.test"}, HERE)
    with pytest.raises(RateLimited):
        gate.authenticate(token(NOON), {}, HERE)
    gate.close()
    for _ in range(3):
        with pytest.raises(Unavailable):
            gate.authenticate(token(NOON), {}, THERE)


def test_S7_behind_a_proxy_everybody_is_counted_where_they_come_from(narrow: tuple[GateService, Clock]) -> None:
    gate, _ = narrow
    for number in range(4):
        gate.authenticate(token(NOON), {"x-forwarded-for": f"198.51.100.{number}"}, "tcp4:127.0.0.1:1")
    # Whoever is not the proxy gains nothing by claiming another address each time.
    for number in range(2):
        gate.authenticate(token(NOON), {"x-forwarded-for": f"198.51.100.{number}"}, HERE)
    with pytest.raises(RateLimited):
        gate.authenticate(token(NOON), {"x-forwarded-for": "198.51.100.9"}, HERE)


def test_S7_all_addresses_of_one_subscriber_are_one(narrow: tuple[GateService, Clock]) -> None:
    gate, _ = narrow
    for peer in ("tcp6:2001:db8:0:1::7:1", "tcp6:2001:db8:0:1::8:1"):
        gate.authenticate(token(NOON), {}, peer)
    with pytest.raises(RateLimited):
        gate.authenticate(token(NOON), {}, "tcp6:2001:db8:0:1::9:1")
    gate.authenticate(token(NOON), {}, "tcp6:2001:db8:0:2::7:1")


def test_S7_without_a_limit_nobody_waits(gate: GateService) -> None:
    for _ in range(2_000):
        gate.authenticate(token(NOON), {}, HERE)


def test_H10_everybody_behind_a_named_proxy_is_counted_where_they_come_from(clock: TurnedClock) -> None:
    proxies, joins = (ip_network("10.0.0.0/8"),), Limits(Allowance(per_s=1, burst=1), Clock().seconds)
    gate = GateService(key=KEY, expected=[], allowed_origins=[], clock=clock, joins=joins, proxies=proxies)
    for number in range(3):
        gate.authenticate(token(NOON), {"x-forwarded-for": f"198.51.100.{number}"}, "tcp4:10.1.2.3:1")
    with pytest.raises(RateLimited):
        gate.authenticate(token(NOON), {"x-forwarded-for": "1.2.3.4, 198.51.100.1"}, "tcp4:10.1.2.3:1")
