"""The REST side: who we are, and an access token that is never stale.

::

    login = Login("http://127.0.0.1:8080")
    await login.log_in("ada@example.org", "correct horse")
    token = await login.access_token()
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import Agent, RequestTransmissionFailed, ResponseFailed
from twisted.web.http_headers import Headers

from tutorwamp.client.errors import CallError
from tutorwamp.kernel.text import composed

REFRESH_AHEAD_S: Final = 60.0
"""Longer than a call's round trip and two clocks' disagreement, short beside the token's 15 minutes."""
REFRESH_AHEAD_SHARE: Final = 0.1
"""Tokens may live shorter by configuration; then the last tenth counts as stale."""
ANSWER_TIMEOUT_S: Final = 20.0
"""Logging in is the slowest request (a password hash, behind others'); nothing takes a quarter of this."""

UNAUTHENTICATED: Final = "tutorwamp.error.unauthenticated"

UNAVAILABLE: Final = "tutorwamp.error.unavailable"
_TOKENS: Final = frozenset({"access_token", "refresh_token", "expires_in", "user"})

NOT_ANSWERED: Final = (
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
    RequestTransmissionFailed,
    ResponseFailed,
    DeferredTimeout,
)
"""What a request ends with where nobody has answered it."""


@dataclass(frozen=True)
class _Tokens:
    access_token: str
    refresh_token: str
    refresh_key: str
    """So that a refresh whose answer was lost can be asked for again: a spent token looks stolen otherwise."""
    stale_at: float


class Login:
    """One person's way in. All methods raise CallError."""

    def __init__(
        self, base_url: str = "http://127.0.0.1:8080", *, clock: IReactorTime | None = None, reactor: Any = None
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self.base_url = base_url.rstrip("/")
        self.user: dict[str, Any] | None = None
        """Who is logged in, as the server said at the last login or refresh."""
        self.clock: IReactorTime = reactor if clock is None else clock
        self.http = HTTPClient(Agent(reactor, connectTimeout=ANSWER_TIMEOUT_S))
        self._tokens: _Tokens | None = None
        self._waiting: list[Deferred[str]] = []

    async def register(self, email: str, password: str, *, name: str, role: str) -> dict[str, Any]:
        """Make an account (``student`` or ``tutor``) and answer its user. Does not log in."""
        return await self._exchange(
            "POST", "/api/auth/register", {"email": email, "password": password, "name": composed(name), "role": role}
        )

    async def log_in(self, email: str, password: str) -> dict[str, Any]:
        """Start a login and answer the user. The password is not kept."""
        return self._take(await self._exchange("POST", "/api/auth/login", {"email": email, "password": password}))

    async def log_out(self, *, everywhere: bool = False) -> None:
        """End this login, or all of this person's with their live sessions, and forget the tokens.

        Not being logged in is no error.
        """
        if self._waiting:
            await self._next_token()
        tokens, self._tokens = self._tokens, None
        if tokens is not None:
            body = {"refresh_token": tokens.refresh_token, "everywhere": everywhere}
            await self._exchange("POST", "/api/auth/logout", body)

    async def me(self) -> dict[str, Any]:
        """The user as the server knows them now."""
        return await self.request("GET", "/api/auth/me")

    async def change_name(self, name: str) -> dict[str, Any]:
        """Be called otherwise, and answer the user."""
        self.user = await self.request("PATCH", "/api/auth/me", {"name": composed(name)})
        return self.user

    async def change_password(self, current_password: str, password: str) -> dict[str, Any]:
        """Set another password; all logins and live sessions end but this one. ``Client`` has one that reconnects."""
        body = {"current_password": current_password, "password": password}
        return self._take(await self.request("POST", "/api/auth/password", body))

    async def log_out_everywhere(self) -> None:
        """End all of this person's logins and live sessions, this one too, and forget the tokens."""
        await self.request("POST", "/api/auth/logout-everywhere")
        self._tokens = None

    async def forgot_password(self, email: str) -> None:
        """Have a mail sent by which a new password can be set, where there is such an account: nobody is told."""
        await self._exchange("POST", "/api/auth/password/forgot", {"email": email})

    async def reset_password(self, token: str, password: str) -> None:
        """Set a new password with the token of that mail; all logins and live sessions end. Does not log in."""
        await self._exchange("POST", "/api/auth/password/reset", {"token": token, "password": password})

    async def ask_confirmation(self) -> None:
        """Have the mail sent again by which one's e-mail address is confirmed."""
        await self.request("POST", "/api/auth/email/confirmation")

    async def confirm_email(self, token: str) -> None:
        """Confirm one's e-mail address with the token of that mail: notifications may go there."""
        await self._exchange("POST", "/api/auth/email/confirm", {"token": token})

    async def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask any REST route as this person; a refused token is replaced once and the request made again."""
        token = await self.access_token()
        try:
            return await self._exchange(method, path, body, token=token)
        except CallError as error:
            if error.uri != UNAUTHENTICATED:
                raise
        return await self._exchange(method, path, body, token=await self.replace(token))

    async def access_token(self) -> str:
        """A token with some life left in it."""
        if self._tokens is not None and self.clock.seconds() < self._tokens.stale_at:
            return self._tokens.access_token
        return await self._next_token()

    async def replace(self, refused: str) -> str:
        """Another token than the one that was refused."""
        if self._tokens is not None and self._tokens.access_token != refused:
            return self._tokens.access_token
        return await self._next_token()

    def _next_token(self) -> Deferred[str]:
        # One refresh at a time, for everybody who waits: two at once would spend the same refresh token twice, which
        # looks like a theft and revokes the login. It goes on when a waiter gives up, for the same reason: the server
        # may have rotated already, and nobody would keep the new one.
        waiter: Deferred[str] = Deferred()
        self._waiting.append(waiter)
        if len(self._waiting) == 1:
            Deferred.fromCoroutine(self._refresh()).addBoth(self._answer_waiting)
        return waiter

    async def _refresh(self) -> str:
        if self._tokens is None:
            raise CallError(UNAUTHENTICATED, "Not logged in.")
        try:
            body = {"refresh_token": self._tokens.refresh_token, "client_id": self._tokens.refresh_key}
            answer = await self._exchange("POST", "/api/auth/refresh", body)
        except CallError as error:
            if error.uri == UNAUTHENTICATED:
                self._tokens = None
            elif not error.may_repeat:  # a proxy's word, or a fault: it passes, and a connection comes back
                raise CallError(UNAVAILABLE, error.message) from error
            raise
        if not answer.keys() >= _TOKENS:
            raise CallError(UNAVAILABLE, f"{self.base_url} has answered with no tokens.")
        self._take(answer)
        return self._tokens.access_token

    def _answer_waiting(self, outcome: str | Failure) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(outcome)

    def _take(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        lifetime_s = float(answer["expires_in"])
        ahead_s = min(REFRESH_AHEAD_S, lifetime_s * REFRESH_AHEAD_SHARE)
        stale_at = self.clock.seconds() + lifetime_s - ahead_s
        self._tokens = _Tokens(answer["access_token"], answer["refresh_token"], uuid4().hex, stale_at)
        self.user = dict(answer["user"])
        return self.user

    async def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str | None = None
    ) -> dict[str, Any]:
        answering = Deferred.fromCoroutine(self._request(method, path, body, token))
        try:
            status, content = await answering.addTimeout(ANSWER_TIMEOUT_S, self.clock)
        except NOT_ANSWERED as error:
            raise CallError(UNAVAILABLE, f"{self.base_url} does not answer.") from error
        try:
            answer = json.loads(content) if content else {}
        except ValueError:  # not JSON, or not UTF-8
            answer = None
        if status >= 400 or not isinstance(answer, dict):
            raise CallError.from_problem(status, answer)
        return answer

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, token: str | None
    ) -> tuple[int, bytes]:
        headers = Headers({"Accept": ["application/json, application/problem+json"]})
        if token is not None:
            headers.addRawHeader("Authorization", f"Bearer {token}")
        if body is None:
            response = await self.http.request(method, self.base_url + path, headers=headers)
        else:
            response = await self.http.request(method, self.base_url + path, headers=headers, json=dict(body))
        return response.code, await response.content()
