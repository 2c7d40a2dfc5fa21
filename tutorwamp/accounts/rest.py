"""Accounts over REST: ``/api/auth/...``."""

from __future__ import annotations

from typing import Final

from tutorwamp.accounts.contracts import ChangeMe, ChangePassword, LogIn, LogOut, Refresh, Register, Tokens, User
from tutorwamp.accounts.recovery.contracts import ConfirmEmail, ForgotPassword, ResetPassword
from tutorwamp.accounts.recovery.service import RecoveryService
from tutorwamp.accounts.service import AccountsService
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.resource import Request, Route
from tutorwamp.kernel.log.audit import Origin


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


async def _change_me(accounts: AccountsService, caller: Caller, request: Request) -> User:
    """Change one's name."""
    return await accounts.change_me(caller, request.body(ChangeMe), _origin(request))


async def _change_password(accounts: AccountsService, caller: Caller, request: Request) -> Tokens:
    """Change one's password: all logins and live sessions end, and these tokens go on."""
    return await accounts.change_password(caller, request.known, request.body(ChangePassword), _origin(request))


async def _log_out_everywhere(accounts: AccountsService, caller: Caller, request: Request) -> None:
    """End all logins and live sessions, this one too: 204."""
    await accounts.log_out_everywhere(caller.user_id, _origin(request))


async def _forgot(recovery: RecoveryService, request: Request) -> None:
    """Have a mail sent by which a new password can be set: 202, whoever's address it is."""
    await recovery.forgot(request.body(ForgotPassword), _origin(request))


async def _reset(recovery: RecoveryService, request: Request) -> None:
    """Set a new password with the token of that mail: 204; all logins and live sessions end."""
    await recovery.reset(request.body(ResetPassword), _origin(request))


async def _ask_confirmation(recovery: RecoveryService, caller: Caller, request: Request) -> None:
    """Have the mail sent again by which one's own address is confirmed: 202."""
    await recovery.ask_confirmation(caller, request.known.email, _origin(request))


async def _confirm(recovery: RecoveryService, request: Request) -> None:
    """Mail reaches me: 204; notifications may go there from now on."""
    await recovery.confirm(request.body(ConfirmEmail), _origin(request))


def _origin(request: Request) -> Origin:
    return Origin(request.address, request.call.request_id)


ACCOUNTS_ROUTES: Final = (
    Route("POST", "/api/auth/register", _register, asks=Register, gives=User, status=201, public=True),
    Route("POST", "/api/auth/login", _log_in, asks=LogIn, gives=Tokens, public=True),
    Route("POST", "/api/auth/refresh", _refresh, asks=Refresh, gives=Tokens, public=True),
    Route("POST", "/api/auth/logout", _log_out, asks=LogOut, public=True),
    Route("GET", "/api/auth/me", _me, gives=User),
    Route("PATCH", "/api/auth/me", _change_me, asks=ChangeMe, gives=User),
    Route("POST", "/api/auth/password", _change_password, asks=ChangePassword, gives=Tokens),
    Route("POST", "/api/auth/logout-everywhere", _log_out_everywhere),
)

RECOVERY_ROUTES: Final = (
    Route("POST", "/api/auth/password/forgot", _forgot, asks=ForgotPassword, status=202, public=True),
    Route("POST", "/api/auth/password/reset", _reset, asks=ResetPassword, public=True),
    Route("POST", "/api/auth/email/confirmation", _ask_confirmation, status=202),
    Route("POST", "/api/auth/email/confirm", _confirm, asks=ConfirmEmail, public=True),
)
