"""What the gate counts: who comes, who does not, who goes and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tutorwamp.gate.arrivals import SOCKETS, Arrivals
from tutorwamp.gate.contracts import CLOSE_PING_TIMEOUT, DropUser, Grant, ReportReady, RevokeGrants
from tutorwamp.gate.counts import GateCollector, gate_registry
from tutorwamp.gate.service import GateService
from tutorwamp.kernel.contracts import AuthRole, new_id
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.limits import Allowance, Limits
from tutorwamp.kernel.tokens import sign

KEY = b"a key that is known to the tests only"
ANNA = new_id()
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Counted:
    """What has come to a counter since this was made."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._before = self._all()

    def _all(self) -> dict[str, float]:
        return {
            next(iter(one.labels.values())): one.value
            for family in gate_registry.collect()
            for one in family.samples
            if one.name == self._name
        }

    def now(self) -> dict[str, float]:
        return {
            label: value - self._before[label] for label, value in self._all().items() if value != self._before[label]
        }


def _gate(sessions_at_most: int = 2) -> GateService:
    return GateService(
        key=KEY,
        expected=["lessons"],
        allowed_origins=[],
        clock=lambda: NOON,
        joins=Limits(Allowance(per_s=1, burst=6), lambda: 0.0),
        sessions_at_most=sessions_at_most,
    )


def _open(gate: GateService) -> None:
    gate.report_ready(ReportReady(component="lessons", procedures=[]), 100)


def _token(issued_at: datetime = NOON) -> str:
    return sign(KEY, user_id=ANNA, role=AuthRole.TUTOR, family_id=new_id(), now=issued_at, lifetime=timedelta(hours=1))


def test_who_is_refused_is_counted_by_the_reason() -> None:
    refusals, joins = Counted("tutorwamp_join_refusals_total"), Counted("tutorwamp_joins_total")
    gate = _gate()

    def refused(ticket: str, **headers: str) -> None:
        with pytest.raises(TutorwampError):
            gate.authenticate(ticket, headers)

    refused(_token())
    _open(gate)
    gate.authenticate(_token(), {})
    gate.joined(1, ANNA, "tutor", NOON)
    refused("no token")
    refused(_token(), origin="https://elsewhere.example", host="here")
    gate.drop_user(DropUser(user_id=ANNA, before=NOON - timedelta(minutes=1), reason="r", message="m"))
    refused(_token(NOON - timedelta(minutes=2)))
    for _ in range(2):
        gate.authenticate(_token(), {})
    refused(_token())
    gate.joined(2, new_id(), "student", NOON)
    refused(_token())
    gate.close()
    refused(_token())
    assert refusals.now() == dict.fromkeys(
        ("starting", "token", "origin", "revoked", "rate_limited", "full", "stopping"), 1
    )
    assert joins.now() == {"tutor": 1, "student": 1}


def test_sockets_that_are_too_many_are_counted_as_well() -> None:
    refusals = Counted("tutorwamp_join_refusals_total")
    arrivals = Arrivals(10_000, limited=True, now_s=lambda: 0.0)
    for number in range(SOCKETS.burst):
        network = arrivals.came("tcp4:192.0.2.1:80", {})
        arrivals.went(network, welcomed=False)
        assert number < SOCKETS.burst
    with pytest.raises(TutorwampError):
        arrivals.came("tcp4:192.0.2.1:80", {})
    assert refusals.now() == {"sockets": 1}


def test_who_goes_is_counted_by_the_reason_and_once() -> None:
    ends = Counted("tutorwamp_session_ends_total")
    gate = _gate(sessions_at_most=100)
    _open(gate)
    for session in range(1, 6):
        gate.joined(session, ANNA if session == 3 else new_id(), "student", NOON)
    gate.left(1)
    gate.left(1)
    gate.drop(2, CLOSE_PING_TIMEOUT)
    gate.left(2)
    gate.drop_user(DropUser(user_id=ANNA, before=NOON, reason="tutorwamp.close.revoked", message="m"))
    gate.drop(4, "a reason of nobody's")
    gate.left(100)
    gate.close()
    gate.left(5)
    assert ends.now() == {"left": 1, "ping_timeout": 1, "revoked": 1, "other": 1, "draining": 1}


def test_grants_are_counted_and_what_is_in_memory_is_shown() -> None:
    grants = Counted("tutorwamp_grants_total")
    gate = _gate()
    gate.joined(1, ANNA, "student", NOON)
    for session in (1, 2):
        gate.grant(Grant(session=session, key="k", subscribe=["a.b"], publish=[]))
    found = {family.name: family.samples[0].value for family in GateCollector(gate.status(), 2).collect()}
    assert found == {
        "tutorwamp_sessions": 1,
        "tutorwamp_sessions_granted": 1,
        "tutorwamp_sessions_limit": 2,
        "tutorwamp_components_missing": 1,
    }
    gate.revoke_grants(RevokeGrants(key="k"))
    assert grants.now() == {"opened": 1, "closed": 1}, "who is not there is granted nothing"
