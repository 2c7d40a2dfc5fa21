"""Accounts over REST: ``/api/auth/...``."""

from __future__ import annotations

from tutorwamp.accounts.audit import Origin
from tutorwamp.accounts.contracts import LogIn, LogOut, Refresh, Register, Tokens, User
from tutorwamp.accounts.service import AccountsService
from tutorwamp.kernel.edges.resource import Answer, Request, route


class AccountsResource:
    """The REST door of accounts."""

    def __init__(self, accounts: AccountsService) -> None:
        self._accounts = accounts

    @route("/api/auth/register", "POST", asks=Register, gives=User, status=201)
    async def register(self, request: Request) -> Answer:
        """Make an account: 201 and the user; who may is a setting."""
        return Answer(await self._accounts.register(request.body(Register), _origin(request)), status=201)

    @route("/api/auth/login", "POST", asks=LogIn)
    async def log_in(self, request: Request) -> Tokens:
        """Exchange credentials for tokens."""
        return await self._accounts.log_in(request.body(LogIn), _origin(request))

    @route("/api/auth/refresh", "POST", asks=Refresh)
    async def refresh(self, request: Request) -> Tokens:
        """Exchange a refresh token for new tokens."""
        return await self._accounts.refresh(request.creation(Refresh), _origin(request))

    @route("/api/auth/logout", "POST", asks=LogOut)
    async def log_out(self, request: Request) -> None:
        """End this login, or all with ``everywhere``: 204."""
        await self._accounts.log_out(request.body(LogOut), _origin(request))

    @route("/api/auth/me", "GET")
    async def me(self, request: Request) -> User:
        """Who the access token belongs to."""
        _, user = await request.authenticated(self._accounts)
        return user


def _origin(request: Request) -> Origin:
    return Origin(request.address, request.id)
