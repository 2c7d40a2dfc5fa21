"""Accounts over REST, on a site of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from twisted.internet import reactor
from twisted.internet.task import Clock

from tests.accounts.mailbox import Mailbox, token_in
from tests.kernel.edges.loopback import Answered, Loopback
from tests.support.machine import PASSWORD, HeardGate, Stage
from tutorwamp.accounts.login_throttle import LoginThrottle
from tutorwamp.app.assembly import assemble
from tutorwamp.app.settings import read_settings
from tutorwamp.app.site import make_site
from tutorwamp.gate.contracts import CLOSE_REVOKED
from tutorwamp.kernel.contracts import AuthRole
from tutorwamp.kernel.sql import migrate
from tutorwamp.kernel.tokens import GATE_HEADER, gate_word

ADA = {"email": "Ada@School.example", "password": PASSWORD, "name": "Ada", "role": "tutor"}
CREDENTIALS = {"email": "ada@school.example", "password": PASSWORD}


async def me(site: Loopback, access_token: str) -> Answered:
    return await site.ask("GET", "/api/auth/me", headers={"Authorization": f"Bearer {access_token}"})


def refused(answered: Answered, status: int, uri: str, action: str) -> None:
    assert (answered.status, answered.json["type"], answered.json["action"]) == (
        status,
        f"tutorwamp.error.{uri}",
        action,
    )


async def test_the_whole_way_from_registering_to_leaving(site: Loopback, stage_on_both: Stage) -> None:
    made = await site.ask("POST", "/api/auth/register", ADA)
    assert made.status == 201
    assert made.json == {
        "id": made.json["id"],
        "email": "ada@school.example",
        "name": "Ada",
        "role": "tutor",
        "created_at": "2026-11-23T09:00:00.000Z",
        "email_confirmed": False,
    }

    tokens = (await site.ask("POST", "/api/auth/login", CREDENTIALS)).json
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "user"}
    assert (tokens["token_type"], tokens["expires_in"], tokens["user"]) == ("Bearer", 900, made.json)
    answered = await me(site, tokens["access_token"])
    assert (answered.status, answered.json) == (200, made.json)

    stage_on_both.clock.turn(minutes=15)
    refused(await me(site, tokens["access_token"]), 401, "unauthenticated", "reauth")
    fresh = (await site.ask("POST", "/api/auth/refresh", {"refresh_token": tokens["refresh_token"]})).json
    assert set(fresh) == set(tokens)
    assert (await me(site, fresh["access_token"])).status == 200

    left = await site.ask("POST", "/api/auth/logout", {"refresh_token": fresh["refresh_token"]})
    assert (left.status, left.body) == (204, b"")
    refused(
        await site.ask("POST", "/api/auth/refresh", {"refresh_token": fresh["refresh_token"]}),
        401,
        "unauthenticated",
        "reauth",
    )
    assert stage_on_both.gate.heard == []


@pytest.mark.parametrize(
    ("setting", "student", "tutor"),
    [(None, 201, 403), ("students", 201, 403), ("open", 201, 201), ("closed", 403, 403)],
)
async def test_A3_who_may_register_is_a_setting(tmp_path: Path, setting: str | None, student: int, tutor: int) -> None:
    environment = {"TUTORWAMP_DATA_DIR": str(tmp_path)}
    if setting is not None:
        environment["TUTORWAMP_REGISTRATION"] = setting
    machine = assemble(read_settings(environment), reactor, gate=HeardGate())
    migrate.upgrade(machine.database.engine)
    machine.start()
    site = Loopback(make_site(machine))
    for role, status in (("student", student), ("tutor", tutor)):
        asked = {**ADA, "email": f"{role}@school.example", "role": role}
        answered = await site.ask("POST", "/api/auth/register", asked)
        if status == 403:
            refused(answered, 403, "forbidden", "stop")
            assert "tutorwamp user add" in answered.json["detail"]
            await machine.accounts.add_user(asked["email"], PASSWORD, "Ada", AuthRole(role))
        credentials = {"email": asked["email"], "password": PASSWORD}
        assert (await site.ask("POST", "/api/auth/login", credentials)).json["user"]["role"] == role
    await site.close()
    machine.stop()


async def test_A30_who_comes_in_and_who_is_refused_is_noted_with_address_and_request(
    site: Loopback, stage_on_both: Stage
) -> None:
    accounts = stage_on_both.machine.accounts

    async def noted(path: str, body: dict[str, Any]) -> tuple[Answered, list[tuple[Any, ...]]]:
        with capture_logs() as lines:
            answered = await site.ask("POST", f"/api/auth/{path}", body, headers={"X-Request-ID": "seen-by-proxy"})
        audits = [one for one in lines if one["event"] == "audit"]
        assert {(one["request_id"], one["address"]) for one in audits} <= {("seen-by-proxy", "127.0.0.1")}
        assert not any(secret in str(audits) for secret in (PASSWORD, "wrong", "ada@", "nobody@"))
        return answered, [(one["what"], one["user_id"], one.get("reason", one.get("role"))) for one in audits]

    made, lines = await noted("register", ADA)
    ada = made.json["id"]
    assert lines == [("registered", ada, "tutor")]
    taken, weak = "tutorwamp.error.account.email_taken", {**ADA, "password": "password"}
    assert (await noted("register", ADA))[1] == [("registration refused", None, taken)]
    assert (await noted("register", weak))[1] == [("registration refused", None, "tutorwamp.error.invalid")]
    entered, lines = await noted("login", CREDENTIALS)
    assert lines == [("login", ada, "tutor")]
    no = "tutorwamp.error.unauthenticated"
    assert (await noted("login", {**CREDENTIALS, "password": "wrong"}))[1] == [("login refused", ada, no)]
    unknown = {**CREDENTIALS, "email": "nobody@school.example"}
    for _ in range(10):
        assert (await noted("login", unknown))[1] == [("login refused", None, no)]
    assert (await noted("login", unknown))[1] == [("login refused", None, "tutorwamp.error.rate_limited")]
    first = {"refresh_token": entered.json["refresh_token"]}
    second = (await noted("refresh", first))[0].json["refresh_token"]
    assert (await noted("refresh", first))[1] == [("refresh refused", None, "reused")]
    assert (await noted("refresh", {"refresh_token": second}))[1] == [("refresh refused", None, "unknown")]
    entered, _ = await noted("login", CREDENTIALS)
    leaving = {"refresh_token": entered.json["refresh_token"], "everywhere": True}
    assert (await noted("logout", leaving))[1] == [("logged out everywhere", ada, None)]
    with capture_logs() as ours:
        await accounts.set_password(CREDENTIALS["email"], "another horse")
        head = await accounts.add_user("head@school.example", PASSWORD, "Head", AuthRole.ADMIN)
        await accounts.deactivate(CREDENTIALS["email"])
    audits = [(one["what"], one["user_id"], one.get("role"), one["address"]) for one in ours if one["event"] == "audit"]
    assert audits == [
        ("password set", ada, None, None),
        ("registered", head.id, "admin", None),
        ("deactivated", ada, None, None),
    ]


async def test_A15_leaving_everywhere_tells_the_gate(site: Loopback, stage_on_both: Stage) -> None:
    user = (await site.ask("POST", "/api/auth/register", ADA)).json
    tokens = (await site.ask("POST", "/api/auth/login", CREDENTIALS)).json
    leaving = {"refresh_token": tokens["refresh_token"], "everywhere": True}
    assert (await site.ask("POST", "/api/auth/logout", leaving)).status == 204
    assert stage_on_both.gate.heard == [("drop_user", user["id"], stage_on_both.clock(), CLOSE_REVOKED)]
    refused(await me(site, tokens["access_token"]), 401, "unauthenticated", "reauth")


async def test_what_is_refused(site: Loopback, stage_on_both: Stage) -> None:
    await site.ask("POST", "/api/auth/register", ADA)
    refused(await site.ask("POST", "/api/auth/register", ADA), 409, "account.email_taken", "fix")
    refused(await site.ask("POST", "/api/auth/register", {**ADA, "role": "admin"}), 422, "invalid", "fix")
    wrong: Any = {**CREDENTIALS, "password": "wrong"}
    refused(await site.ask("POST", "/api/auth/login", wrong), 401, "unauthenticated", "reauth")
    refused(await site.ask("GET", "/api/auth/me"), 401, "unauthenticated", "reauth")
    refused(await site.ask("POST", "/api/auth/login", {}), 422, "invalid", "fix")
    refused(await site.ask("GET", "/api/auth/login"), 405, "method_not_allowed", "fix")


def through_the_gate(stage: Stage, address: str) -> dict[str, Any]:
    """The headers of a request that the gate passes on."""
    return {"X-Forwarded-For": address, GATE_HEADER: gate_word(stage.machine.settings.node.signing_key())}


@pytest.mark.parametrize("path", ["register", "login"])
async def test_a_password_never_comes_back(site: Loopback, stage_on_both: Stage, path: str) -> None:
    answered = await site.ask("POST", f"/api/auth/{path}", {"email": "x", "password": "hunter2", "name": [], "role": 1})
    assert answered.status == 422
    assert b"hunter2" not in answered.body


async def test_A24_a_guesser_is_told_when_to_come_back(site: Loopback, stage_on_both: Stage) -> None:
    await site.ask("POST", "/api/auth/register", ADA)
    clock = Clock()
    stage_on_both.machine.accounts._throttle = LoginThrottle(stage_on_both.machine.settings.limits, clock.seconds)
    guesser, other = [through_the_gate(stage_on_both, address) for address in ("192.0.2.7", "192.0.2.8")]
    wrong: Any = {**CREDENTIALS, "password": "wrong"}
    for _ in range(11):
        refused(await site.ask("POST", "/api/auth/login", wrong, headers=guesser), 401, "unauthenticated", "reauth")
        clock.advance(1)
    answered = await site.ask("POST", "/api/auth/login", CREDENTIALS, headers=guesser)
    refused(answered, 429, "rate_limited", "retry")
    assert (answered.headers["retry-after"], answered.json["details"]) == ("1", {"retry_after_s": 1.0})
    assert (await site.ask("POST", "/api/auth/login", CREDENTIALS, headers=other)).status == 200


async def test_A27_looking_for_taken_addresses_is_bounded(site: Loopback, stage_on_both: Stage) -> None:
    await site.ask("POST", "/api/auth/register", ADA)
    throttle = LoginThrottle(stage_on_both.machine.settings.limits, Clock().seconds)
    stage_on_both.machine.accounts._throttle = throttle
    for _ in range(199):
        throttle.register("192.0.2.7")
    headers = through_the_gate(stage_on_both, "192.0.2.7")
    refused(await site.ask("POST", "/api/auth/register", ADA, headers=headers), 409, "account.email_taken", "fix")
    answered = await site.ask("POST", "/api/auth/register", ADA, headers=headers)
    refused(answered, 429, "rate_limited", "retry")
    assert (answered.headers["retry-after"], answered.json["details"]) == ("18", {"retry_after_s": 18.0})


async def test_A28_a_weak_password_is_invalid(site: Loopback, stage_on_both: Stage) -> None:
    answered = await site.ask("POST", "/api/auth/register", {**ADA, "password": "ada12345"})
    refused(answered, 422, "invalid", "fix")
    assert [fault["loc"] for fault in answered.json["details"]] == [["password"]]
    assert b"ada12345" not in answered.body


async def test_A32_A33_ones_own_account_over_rest(site: Loopback, stage_on_both: Stage) -> None:
    user = (await site.ask("POST", "/api/auth/register", ADA)).json

    async def asked(method: str, path: str, body: Any, token: str) -> Answered:
        return await site.ask(method, f"/api/auth/{path}", body, headers={"Authorization": f"Bearer {token}"})

    token = (await site.ask("POST", "/api/auth/login", CREDENTIALS)).json["access_token"]
    changed = await asked("PATCH", "me", {"name": " Grace "}, token)
    assert (changed.status, changed.json) == (200, {**user, "name": "Grace"})
    assert (await me(site, token)).json == changed.json
    for body in ({}, {"name": ""}, {"name": "a\nb"}, {"name": "x" * 101}, {"name": 1}, {"name": "A", "role": "admin"}):
        refused(await asked("PATCH", "me", body, token), 422, "invalid", "fix")
    new = "a battery staple"
    for body in (
        {},
        {"password": new},
        {"current_password": PASSWORD, "password": "short"},
        {"current_password": "x" * 129, "password": new},
    ):
        answered = await asked("POST", "password", body, token)
        refused(answered, 422, "invalid", "fix")
        assert new.encode() not in answered.body
    wrong = await asked("POST", "password", {"current_password": "wrong", "password": new}, token)
    refused(wrong, 422, "invalid", "fix")
    assert wrong.json["details"] == [{"loc": ["current_password"], "msg": "is another"}]
    stage_on_both.clock.turn(milliseconds=1)
    tokens = await asked("POST", "password", {"current_password": PASSWORD, "password": new}, token)
    assert (tokens.status, tokens.json["user"]) == (200, changed.json)
    refused(await me(site, token), 401, "unauthenticated", "reauth")
    token = tokens.json["access_token"]
    assert (await me(site, token)).status == 200
    stage_on_both.clock.turn(milliseconds=1)
    left = await asked("POST", "logout-everywhere", None, token)
    assert (left.status, left.body) == (204, b"")
    refused(await me(site, token), 401, "unauthenticated", "reauth")
    for method, path in (("PATCH", "me"), ("POST", "password"), ("POST", "logout-everywhere")):
        refused(await asked(method, path, {}, token), 401, "unauthenticated", "reauth")


async def test_A34_A38_what_goes_by_mail_over_rest(site: Loopback, stage_on_both: Stage) -> None:
    mailbox = Mailbox.of(stage_on_both)
    await site.ask("POST", "/api/auth/register", ADA)
    for email in (ADA["email"], "nobody@school.example"):
        answered = await site.ask("POST", "/api/auth/password/forgot", {"email": email})
        assert (answered.status, answered.body) == (202, b"")
    while await stage_on_both.machine.recovery.send_due():
        pass
    tokens = {subject: token_in(text) for _, subject, text in mailbox.mails}
    assert sorted(tokens) == ["Confirm your e-mail address", "Set a new password"]
    reset, new = tokens["Set a new password"], "a battery staple"
    for path, body in (
        ("password/forgot", {"email": "x"}),
        ("password/forgot", {}),
        ("password/reset", {"token": "ä", "password": new}),
        ("password/reset", {"token": "x" * 201, "password": new}),
        ("password/reset", {"token": reset, "password": "password"}),
        ("email/confirm", {"token": ""}),
    ):
        answered = await site.ask("POST", f"/api/auth/{path}", body)
        refused(answered, 422, "invalid", "fix")
        assert reset.encode() not in answered.body
    unknown = await site.ask("POST", "/api/auth/password/reset", {"token": "unknown", "password": new})
    refused(unknown, 404, "not_found", "stop")
    refused(await site.ask("POST", "/api/auth/email/confirm", {"token": reset}), 404, "not_found", "stop")
    confirmed = await site.ask("POST", "/api/auth/email/confirm", {"token": tokens["Confirm your e-mail address"]})
    assert (confirmed.status, confirmed.body) == (204, b"")
    done = await site.ask("POST", "/api/auth/password/reset", {"token": reset, "password": new})
    assert (done.status, done.body) == (204, b"")
    entered = await site.ask("POST", "/api/auth/login", {**CREDENTIALS, "password": new})
    assert entered.json["user"]["email_confirmed"]
    headers: Any = {"Authorization": f"Bearer {entered.json['access_token']}"}
    again = await site.ask("POST", "/api/auth/email/confirmation", headers=headers)
    assert (again.status, again.body) == (202, b"")
