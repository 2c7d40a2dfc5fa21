"""What happens to accounts: registering, logging in, refreshing tokens, logging out, being closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from tutorwamp.accounts import rules
from tutorwamp.accounts.contracts import (
    ChangeMe,
    ChangePassword,
    LogIn,
    LogOut,
    Refresh,
    Register,
    Tokens,
    User,
)
from tutorwamp.accounts.login_throttle import LoginThrottle
from tutorwamp.accounts.people import KnownPeople
from tutorwamp.accounts.settings import AccountsSettings
from tutorwamp.accounts.store import AccountsStore, RefreshToken, Spent
from tutorwamp.accounts.writing import Account
from tutorwamp.gate.contracts import CLOSE_REVOKED, Gate
from tutorwamp.kernel import tokens
from tutorwamp.kernel.contracts import AuthRole, Caller, Clock, new_id
from tutorwamp.kernel.errors import Invalid, NotFound, RateLimited, TutorwampError, Unauthenticated, Unavailable
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.log import timed
from tutorwamp.kernel.log.audit import OURS, Origin, audit
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.memo import Memo

log = get_logger(__name__)

HASHING_THREADS: Final = 2
"""Argon2 releases the interpreter's lock; more threads than cores would only slow each other down."""
_NOT_REACHED: Final = (
    "has letters before the @ that the school's mail server is not known to take: a to z and digits are safe"
)
_NO_MATCH: Final = "E-mail address and password do not match."
HASHING_AT_MOST: Final = 200
"""Waiting or under way: about three seconds of two threads at 25 ms each."""
LISTED_AT_ONCE: Final = 1_000
"""Accounts in one query of a list of all."""


class AccountsService(KnownPeople):
    """Everything that happens to accounts."""

    def __init__(
        self,
        store: AccountsStore,
        gate: Gate,
        events: Events,
        key: bytes,
        *,
        settings: AccountsSettings,
        throttle: LoginThrottle,
        clock: Clock,
        reactor: IReactorThreads,
        mail_takes_utf8: Callable[[], bool] = lambda: False,
        sends_mail: bool = False,
    ) -> None:
        """``mail_takes_utf8``: whether mail is known to get to addresses that are not ASCII. May block.

        ``sends_mail``: whether a new account is sent the mail by which its address is confirmed.
        """
        super().__init__(store, events, clock)
        self._gate = gate
        self._key = key
        self._settings = settings
        self._throttle = throttle
        self._reactor = reactor
        self._hashing = ThreadPool(0, HASHING_THREADS, "argon2")
        self._asking = ThreadPool(0, 1, "mail")
        self._mail_takes_utf8 = mail_takes_utf8
        self._reached: Memo[str, bool] = Memo(self._ask_mail, at_most=1)
        self._sends_mail = sends_mail
        self._told: dict[str, datetime] = {}
        self._hashing_now = 0

    def start(self) -> None:
        """Start the threads for what is slow."""
        self._hashing.start()
        self._asking.start()

    def stop(self) -> None:
        """Give the threads back."""
        self._hashing.stop()
        self._asking.stop()

    async def register(self, asked: Register, origin: Origin = OURS) -> User:
        """Make an account. Raises Forbidden, RateLimited, EmailTaken, or Invalid.

        Invalid is a password too easy to guess, and an address that no mail is known to get to.
        ``origin``: where it is asked for; our own code is not counted.
        """
        try:
            rules.require_open(self._settings.registration, asked.role)
            _refuse_weak(asked.password, asked.email, asked.name)
            self._throttle.register(origin.address)
            return await self._add(asked.email, asked.password, asked.name, AuthRole(asked.role), origin)
        except TutorwampError as error:
            audit("registration refused", origin, None, reason=error.uri)
            raise

    async def add_user(self, email: str, password: str, name: str, role: AuthRole) -> User:
        """Make an account of any role; the command line's door. Raises Invalid or EmailTaken."""
        _refuse_weak(password, email, name)
        return await self._add(email, password, name, role, OURS)

    async def _add(self, email: str, password: str, name: str, role: AuthRole, origin: Origin) -> User:
        if not email.rpartition("@")[0].isascii():
            await self._reached.get("")
        user = User(id=new_id(), email=email, name=name, role=role, created_at=self._clock())
        await self._store.add(user, await self._hash(rules.hash_password, password), mailed=self._sends_mail)
        audit("registered", origin, user.id, role=str(role))
        return user

    async def _ask_mail(self, _: str) -> bool:
        """A31. Only a yes is remembered."""
        if not await deferToThreadPool(self._reactor, self._asking, self._mail_takes_utf8):
            raise Invalid(f"This e-mail address {_NOT_REACHED}.", details=[{"loc": ["email"], "msg": _NOT_REACHED}])
        return True

    async def log_in(self, asked: LogIn, origin: Origin = OURS) -> Tokens:
        """Begin a new login. Raises Unauthenticated, the same for an unknown address and a wrong password; RateLimited.

        ``origin`` as in ``register``. A login given up before its answer counts as a failed one.
        """
        try:
            self._throttle.begin(asked.email, origin.address)
        except RateLimited as error:
            audit("login refused", origin, None, reason=error.uri)
            raise
        try:
            issued = await self._checked_login(asked, origin)
        except Unavailable:
            self._throttle.take_back(asked.email, origin.address)
            raise
        self._throttle.succeeded(asked.email, origin.address)
        audit("login", origin, issued.user.id, role=str(issued.user.role))
        return issued

    async def _checked_login(self, asked: LogIn, origin: Origin) -> Tokens:
        account = await self._store.by_email(asked.email)
        hashed = account.password_hash if account is not None else rules.NOBODYS_HASH
        fits = await self._hash(rules.password_fits, hashed, asked.password)
        if account is None or not fits or not account.active:
            audit("login refused", origin, _id_of(account), reason=Unauthenticated.uri)
            raise Unauthenticated(_NO_MATCH)
        now = self._clock()
        secret = rules.new_refresh_token()
        token = RefreshToken(
            rules.token_hash(secret), new_id(), account.user.id, now + self._settings.refresh_token_lifetime
        )
        if not await self._store.add_refresh_token(token, account, now):
            audit("login refused", origin, account.user.id, reason=Unauthenticated.uri)
            raise Unauthenticated(_NO_MATCH)  # a new password, while the old one was checked
        return self._tokens(account, token.family_id, secret, now)

    async def refresh(self, asked: Refresh, origin: Origin = OURS) -> Tokens:
        """Exchange a refresh token for new tokens. Raises Unauthenticated; a reuse revokes the login.

        The same request with the same ``client_id`` is no reuse: its answer was lost on the way.
        """
        now = self._clock()
        secret = (
            rules.new_refresh_token()
            if asked.client_id is None
            else rules.next_refresh_token(self._key, asked.refresh_token, asked.client_id)
        )
        expires_at = now + self._settings.refresh_token_lifetime
        bought = await self._store.spend(
            rules.token_hash(asked.refresh_token), rules.token_hash(secret), expires_at, now
        )
        account = None if isinstance(bought, Spent) else await self._store.by_id(bought.user_id)
        if isinstance(bought, Spent) or account is None or not account.active:
            reason = bought.name.lower() if isinstance(bought, Spent) else "closed"
            audit("refresh refused", origin, _id_of(account), reason=reason)
            raise Unauthenticated("This refresh token is not valid. Log in again.")
        return self._tokens(account, bought.family_id, secret, now)

    async def log_out(self, asked: LogOut, origin: Origin = OURS) -> None:
        """End a login, or all of them. An unknown token is no error: the caller is logged out either way."""
        user_id = await self._store.revoke_family_of(rules.token_hash(asked.refresh_token), self._clock())
        if user_id is not None and asked.everywhere:
            await self.log_out_everywhere(user_id, origin)

    async def log_out_everywhere(self, user_id: str, origin: Origin = OURS) -> None:
        """End all logins and live sessions of a user."""
        audit("logged out everywhere", origin, user_id)
        await self._revoke(user_id, "You have logged out everywhere.")

    async def change_me(self, caller: Caller, asked: ChangeMe, origin: Origin = OURS) -> User:
        """Another name; others see it from now on, also on what was said before. Raises NotFound."""
        await self._store.rename(caller.user_id, asked.name, self._clock())
        audit("name changed", origin, caller.user_id)
        account = await self._store.by_id(caller.user_id)
        if account is None:
            raise NotFound("There is no such person.")
        self._have_changed(account.user.person)
        return account.user

    async def change_password(self, caller: Caller, user: User, asked: ChangePassword, origin: Origin = OURS) -> Tokens:
        """Set another password of one's own; all logins and live sessions end, and these tokens begin a new login.

        Raises Invalid where the old one is wrong or the new one weak, RateLimited: tries count as logins do.
        """
        self._throttle.begin(user.email, origin.address)
        try:
            issued = await self._checked_change(caller, asked)
        except TutorwampError:  # a weak new password among it: the old one was right
            self._throttle.take_back(user.email, origin.address)
            raise
        if issued is None:
            audit("password change refused", origin, user.id)
            raise Invalid("This is not your password.", details=[{"loc": ["current_password"], "msg": "is another"}])
        self._throttle.succeeded(user.email, origin.address)
        audit("password changed", origin, user.id)
        return issued

    async def _checked_change(self, caller: Caller, asked: ChangePassword) -> Tokens | None:
        account = await self._store.by_id(caller.user_id)
        if account is None or not await self._hash(rules.password_fits, account.password_hash, asked.current_password):
            return None
        hashed = await self.new_hash(asked.password, account.user)
        secret, expires_at = rules.new_refresh_token(), self._clock() + self._settings.refresh_token_lifetime
        token = RefreshToken(rules.token_hash(secret), new_id(), account.user.id, expires_at)
        revoked_at = await self._store.change_password(account, hashed, token, self._clock)
        if revoked_at is None:
            return None  # another one was set, while the old one was checked
        await self.end_sessions(account.user.id, revoked_at, "Your password was changed.")
        changed = replace(account, revoked_at=revoked_at)
        return self._tokens(changed, token.family_id, secret, self._clock())

    async def new_hash(self, password: str, user: User) -> str:
        """See Passwords."""
        _refuse_weak(password, user.email, user.name)
        hashed: str = await self._hash(rules.hash_password, password)
        return hashed

    async def set_password(self, email: str, password: str) -> User:
        """Set a new password; all logins and live sessions end. Raises NotFound or Invalid."""
        user = await self._user_by_email(email)
        hashed = await self.new_hash(password, user)
        await self._revoke(user.id, "Your password was changed.", password_hash=hashed)
        audit("password set", OURS, user.id)
        return user

    async def deactivate(self, email: str) -> User:
        """Close an account; all logins and live sessions end. Raises NotFound."""
        user = await self._user_by_email(email)
        await self._revoke(user.id, "Your account was deactivated.", deactivate=True)
        audit("deactivated", OURS, user.id)
        self._forget(user.id)
        return user

    async def close_account(self, user_id: str) -> None:
        """Close an account by its id; all logins and live sessions end. Raises NotFound."""
        account = await self._store.by_id(user_id)
        if account is None:
            raise NotFound("There is no such person.")
        await self.deactivate(account.user.email)

    async def activate(self, email: str) -> User:
        """Open a closed account again, for a new login. Raises NotFound."""
        user = await self._user_by_email(email)
        await self._store.activate(user.id)
        audit("activated", OURS, user.id)
        return user

    async def confirm_address(self, email: str) -> User:
        """The school knows that mail to this address reaches its owner. Raises NotFound."""
        user = await self._user_by_email(email)
        await self._store.confirm_address(user.id, self._clock())
        audit("address confirmed", OURS, user.id)
        return user.model_copy(update={"email_confirmed": True})

    async def set_role(self, email: str, role: AuthRole) -> User:
        """Make somebody something else; all logins and live sessions end, for they say what one is. Raises NotFound."""
        user = await self._user_by_email(email)
        if user.role is not role:
            await self._revoke(user.id, "Your role was changed.", role=role)
            audit("role set", OURS, user.id, role=str(role), before=str(user.role))
            self._forget(user.id)
        return user.model_copy(update={"role": role})

    async def accounts(self) -> AsyncIterator[Account]:
        """All of them, by e-mail address."""
        after = ""
        while found := await self._store.all(after, LISTED_AT_ONCE):
            for account in found:
                yield account
            after = found[-1].user.email

    async def authenticate(self, access_token: str) -> tuple[Caller, User]:
        """Who holds this access token (REST). Raises Unauthenticated."""
        token = tokens.verify(self._key, access_token, now=self._clock())
        account = await self._store.by_id(token.user_id)
        if (
            account is None
            or not account.active
            or (account.revoked_at is not None and token.issued_at <= account.revoked_at)
        ):
            raise Unauthenticated("This access token was revoked.")
        return Caller(account.user.id, account.user.role), account.user

    async def tell_gate_of_revocations(self) -> None:
        """Tell the gate of every revocation that unexpired tokens could still ignore and it has not heard of.

        Called when the component joins (the gate has forgotten everything) and from then on regularly, for
        revocations made by other processes, such as the command line.
        """
        now = self._clock()
        recent = await self._store.revoked_since(now - self._settings.access_token_lifetime)
        for user_id, revoked_at in recent.items():
            if self._told.get(user_id) != revoked_at:
                await self._drop_sessions(user_id, revoked_at, "Your sessions were ended.")
        kept_since = now - self._settings.access_token_lifetime
        self._told = {user_id: at for user_id, at in self._told.items() if at >= kept_since}

    async def _revoke(
        self,
        user_id: str,
        message: str,
        *,
        deactivate: bool = False,
        password_hash: str | None = None,
        role: AuthRole | None = None,
    ) -> None:
        revoked_at = await self._store.revoke_user(
            user_id, self._clock, deactivate=deactivate, password_hash=password_hash, role=role
        )
        await self._drop_sessions(user_id, revoked_at, message)

    async def end_sessions(self, user_id: str, revoked_at: datetime, message: str) -> None:
        """See Passwords. Where the gate does not answer, it is told when it does: see tell_gate_of_revocations."""
        try:
            await self._drop_sessions(user_id, revoked_at, message)
        except Unavailable as error:
            log.warning("sessions are ended later", user_id=user_id, error=str(error))

    async def _drop_sessions(self, user_id: str, revoked_at: datetime, message: str) -> None:
        await self._gate.drop_user(user_id, before=revoked_at, reason=CLOSE_REVOKED, message=message)
        self._told[user_id] = revoked_at

    async def _user_by_email(self, email: str) -> User:
        account = await self._store.by_email(email)
        if account is None:
            raise NotFound("There is no account with this e-mail address.")
        return account.user

    def _tokens(self, account: Account, family_id: str, refresh_token: str, now: datetime) -> Tokens:
        user, lifetime = account.user, self._settings.access_token_lifetime
        if account.revoked_at is not None:  # A16: also where the clock was set back since
            now = max(now, account.revoked_at + timedelta(milliseconds=1))
        return Tokens(
            access_token=tokens.sign(
                self._key, user_id=user.id, role=user.role, family_id=family_id, now=now, lifetime=lifetime
            ),
            expires_in=round(lifetime.total_seconds()),
            refresh_token=refresh_token,
            user=user,
        )

    @timed("hash")
    async def _hash(self, function: Callable[..., Any], *args: str) -> Any:
        """Run a slow function of the rules in a thread. Raises Unavailable while too many wait for that."""
        if self._hashing_now >= HASHING_AT_MOST:
            raise Unavailable("Too many people are logging in just now.")
        self._hashing_now += 1
        try:
            return await deferToThreadPool(self._reactor, self._hashing, function, *args)
        finally:
            self._hashing_now -= 1


def _id_of(account: Account | None) -> str | None:
    return None if account is None else account.user.id


def _refuse_weak(password: str, email: str, name: str) -> None:
    weakness = rules.weakness(password, email=email, name=name)
    if weakness is not None:
        raise Invalid(f"This password {weakness}.", details=[{"loc": ["password"], "msg": weakness}])
