"""A31: addresses whose local part is not ASCII, at each door, and with mail servers of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.accounts.relay import Relay, relay
from tests.cli.test_cli import Shell
from tests.kernel.edges.loopback import Loopback
from tests.support.machine import PASSWORD, set_stage
from tutorwamp.app.site import make_site

EVA = {"email": "Éva@münchen.example", "password": PASSWORD, "name": "Éva", "role": "student"}
KEPT = "éva@münchen.example"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(tmp_path / "data", monkeypatch)


@asynccontextmanager
async def site_with(school: Relay | None, tmp_path: Path) -> AsyncIterator[Loopback]:
    stage, stop = set_stage(tmp_path, **({} if school is None else {"TUTORWAMP_SMTP_URL": school.url}))
    site = Loopback(make_site(stage.machine))
    try:
        yield site
    finally:
        await site.close()
        stop()


async def registered(tmp_path: Path, school: Relay | None, *emails: str) -> list[tuple[int, str, object]]:
    """Over REST, one after the other: status, e-mail address or error, and the places of the error."""
    told: list[tuple[int, str, object]] = []
    async with site_with(school, tmp_path) as site:
        for email in emails:
            answered = await site.ask("POST", "/api/auth/register", {**EVA, "email": email})
            body = answered.json
            places = [fault["loc"] for fault in body.get("details", [])]
            told.append((answered.status, body.get("email") or body["type"], places))
    return told


REFUSED = (422, "tutorwamp.error.invalid", [["email"]])


async def test_A31_without_a_mail_server_it_is_refused_and_an_international_domain_is_not(tmp_path: Path) -> None:
    told = await registered(tmp_path, None, EVA["email"], "e\u0301va@school.example", "eva@münchen.example")
    assert told == [REFUSED, REFUSED, (201, "eva@münchen.example", [])]


async def test_A31_it_is_taken_where_the_mail_server_offers_it_which_is_asked_once(tmp_path: Path) -> None:
    with relay("8BITMIME", "SMTPUTF8") as school:
        told = await registered(tmp_path, school, EVA["email"], "用户@school.example", "eva@school.example")
        assert told == [(201, KEPT, []), (201, "用户@school.example", []), (201, "eva@school.example", [])]
        assert school.heard.count("EHLO") == 1


@pytest.mark.parametrize(
    ("offers", "closes_at"),
    [(["8BITMIME"], b""), ([], b""), (["SMTPUTF8"], b"EHLO"), (["SMTPUTF8", "STARTTLS"], b"STAR")],
)
async def test_A31_it_is_refused_where_that_is_not_known(tmp_path: Path, offers: list[str], closes_at: bytes) -> None:
    with relay(*offers, closes_at=closes_at) as school:
        assert await registered(tmp_path, school, EVA["email"]) == [REFUSED]
        assert "EHLO" in school.heard


async def test_A31_a_no_is_not_for_ever(tmp_path: Path) -> None:
    with relay() as school:
        async with site_with(school, tmp_path) as site:
            assert (await site.ask("POST", "/api/auth/register", EVA)).status == REFUSED[0]
            school.offers.append("SMTPUTF8")
            assert (await site.ask("POST", "/api/auth/register", EVA)).status == 201


def test_A31_the_command_line_asks_as_well(shell: Shell) -> None:
    assert "mail server" in shell.refused(*shell.add(email=EVA["email"]))
    with relay("SMTPUTF8") as school:
        shell.set("SMTP_URL", school.url)
        added = shell.run(*shell.add(email=EVA["email"]))
        assert (added.exit_code, KEPT in added.output) == (0, True)
    shell.set("SMTP_URL", "smtp://127.0.0.1:1?from=school@school.example")
    assert shell.run("user", "password", EVA["email"], "--password", "a new horse").exit_code == 0, "from before"
