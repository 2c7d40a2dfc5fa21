from __future__ import annotations

import pytest

from tutorwamp.client.errors import CallError, Disconnected
from tutorwamp.kernel.errors import Action


def test_a_problem_is_read_whole() -> None:
    problem = {
        "type": "tutorwamp.error.rate_limited",
        "status": 429,
        "title": "Too many",
        "detail": "Slowly, please.",
        "action": "retry",
        "details": {"retry_after_s": 2.5},
        "request_id": "r-1",
    }
    error = CallError.from_problem(429, problem)
    assert (error.uri, error.message, error.request_id) == ("tutorwamp.error.rate_limited", "Slowly, please.", "r-1")
    assert (error.action, error.retry_after_s, error.may_repeat) == (Action.RETRY, 2.5, True)


def test_the_details_of_an_invalid_request_are_a_list() -> None:
    details = [{"loc": ["body"], "msg": "too long"}]
    error = CallError.from_problem(422, {"type": "tutorwamp.error.invalid", "details": details})
    assert error.details == details
    assert error.retry_after_s == 0


@pytest.mark.parametrize(
    ("status", "uri", "action"),
    [
        (502, "tutorwamp.error.unavailable", Action.RETRY),
        (501, "tutorwamp.error.unavailable", Action.RETRY),
        (401, "tutorwamp.error.unauthenticated", Action.REAUTH),
        (418, "tutorwamp.error.internal", Action.STOP),
    ],
)
@pytest.mark.parametrize("body", [None, [], {"type": "about:blank"}, {"type": 7}])
def test_an_answer_of_a_proxy_is_known_by_its_status(status: int, uri: str, action: Action, body: object) -> None:
    error = CallError.from_problem(status, body)
    assert (error.uri, error.action) == (uri, action)


@pytest.mark.parametrize(
    ("uri", "action"),
    [
        ("wamp.error.not_authorized", Action.STOP),
        ("wamp.error.canceled", Action.RETRY),
        ("wamp.error.no_such_procedure", Action.RETRY),
        ("wamp.error.invalid_argument", Action.FIX),
        ("wamp.error.runtime_error", Action.STOP),
        ("tutorwamp.error.conflict", Action.RELOAD),
        ("tutorwamp.error.of_a_later_version", Action.STOP),
    ],
)
def test_an_error_without_an_action_is_known_by_its_name(uri: str, action: Action) -> None:
    assert CallError(uri).action is action


def test_an_action_of_a_later_version_does_not_break_the_client() -> None:
    error = CallError.from_fields("tutorwamp.error.conflict", "No.", {"action": "ponder", "details": "text"})
    assert (error.action, error.details) == (Action.RELOAD, {})


@pytest.mark.parametrize(
    ("reason", "action"),
    [
        ("wamp.close.transport_lost", Action.RETRY),
        ("wamp.close.system_shutdown", Action.RETRY),
        ("tutorwamp.close.draining", Action.RETRY),
        ("tutorwamp.close.ping_timeout", Action.RETRY),
        ("tutorwamp.error.unavailable", Action.RETRY),
        ("tutorwamp.error.unauthenticated", Action.REAUTH),
        ("tutorwamp.close.revoked", Action.REAUTH),
        ("wamp.close.normal", Action.STOP),
        ("wamp.error.no_such_realm", Action.STOP),
    ],
)
def test_the_reason_of_an_end_says_whether_to_come_back(reason: str, action: Action) -> None:
    assert Disconnected(reason).action is action
