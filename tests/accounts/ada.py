"""Somebody with an account, for the tests of accounts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.machine import PASSWORD, Stage, set_stage
from tutorwamp.accounts.contracts import LogIn, LogOut, Refresh, Register, Tokens, User
from tutorwamp.accounts.service import AccountsService
from tutorwamp.kernel.errors import Unauthenticated
from tutorwamp.kernel.log.audit import Origin

EMAIL = "ada@school.example"


class Ada:
    """A tutor and what she does with her account."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.accounts: AccountsService = stage.machine.accounts
        self.user: User

    @classmethod
    async def registered(cls, stage: Stage) -> Ada:
        ada = cls(stage)
        ada.user = await ada.accounts.register(Register(email=EMAIL, password=PASSWORD, name="Ada", role="tutor"))
        return ada

    async def log_in(self, password: str = PASSWORD, email: str = EMAIL, address: str | None = None) -> Tokens:
        self.stage.clock.turn(milliseconds=1)
        return await self.accounts.log_in(LogIn(email=email, password=password), Origin(address))

    async def refresh(self, tokens: Tokens) -> Tokens:
        self.stage.clock.turn(milliseconds=1)
        return await self.accounts.refresh(Refresh(refresh_token=tokens.refresh_token))

    async def log_out(self, tokens: Tokens, *, everywhere: bool = False) -> None:
        await self.accounts.log_out(LogOut(refresh_token=tokens.refresh_token, everywhere=everywhere))

    async def is_let_in(self, tokens: Tokens) -> bool:
        """Whether REST takes the access token."""
        try:
            await self.accounts.authenticate(tokens.access_token)
        except Unauthenticated:
            return False
        return True

    async def stays(self, tokens: Tokens) -> bool:
        """Whether the refresh token buys something; it is spent afterwards."""
        try:
            await self.refresh(tokens)
        except Unauthenticated:
            return False
        return True

    def drops(self) -> list[Any]:
        """What the gate was told of her: until when her tokens are worth nothing, and why."""
        return [heard[2:] for heard in self.stage.gate.heard if heard[:2] == ("drop_user", self.user.id)]


class Elsewhere:
    """A second machine on the same database, with the same clock: another process, such as the command line."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        url = stage.machine.database.engine.url.render_as_string(hide_password=False)
        self.stage, self.stop = set_stage(folder, url)
        self.accounts = self.stage.machine.accounts
        self.stage.clock.now = stage.clock.now
