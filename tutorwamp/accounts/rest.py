"""Accounts over REST: ``/api/auth/...``."""

from __future__ import annotations

from typing import Final

from tutorwamp.accounts.audit import Origin
from tutorwamp.accounts.contracts import LogIn, LogOut, Refresh, Register, Tokens, User
from tutorwamp.accounts.service import AccountsService
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.resource import Request, Route


async def _register(accounts: AccountsService, request: Request) -> User:
    """Make an account: 201 and the user; who may is a setting."""
    return await accounts.register(request.body(Register), _origin(request))


async def _log_in(accounts: AccountsService, request: Request) -> Tokens:
    """Exchange credentials for tokens."""
    return await accounts.log_in(request.body(LogIn), _origin(request))


async def _refresh(accounts: AccountsService, request: Request) -> Tokens:
    """Exchange a refresh token for new tokens."""
    return await accounts.refresh(request.creation(Refresh), _origin(request))


async def _log_out(accounts: AccountsService, request: Request) -> None:
    """End this login, or all with ``everywhere``: 204."""
    await accounts.log_out(request.body(LogOut), _origin(request))


async def _me(_accounts: AccountsService, _caller: Caller, request: Request) -> User:
    """Who the access token belongs to."""
    user: User = request.known
    return user


def _origin(request: Request) -> Origin:
    return Origin(request.address, request.call.request_id)


ACCOUNTS_ROUTES: Final = (
    Route("POST", "/api/auth/register", _register, asks=Register, gives=User, status=201, public=True),
    Route("POST", "/api/auth/login", _log_in, asks=LogIn, gives=Tokens, public=True),
    Route("POST", "/api/auth/refresh", _refresh, asks=Refresh, gives=Tokens, public=True),
    Route("POST", "/api/auth/logout", _log_out, asks=LogOut, public=True),
    Route("GET", "/api/auth/me", _me, gives=User),
)
