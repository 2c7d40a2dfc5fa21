"""A new password by mail for who has forgotten the old one, and an address that is confirmed by a mail to it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

from twisted.internet.defer import Deferred, DeferredLock, gatherResults

from tutorwamp.accounts.contracts import Mailer, MailPurpose, Posted
from tutorwamp.accounts.login_throttle import LoginThrottle
from tutorwamp.accounts.recovery import rules
from tutorwamp.accounts.recovery.contracts import ConfirmEmail, ForgotPassword, Passwords, ResetPassword
from tutorwamp.accounts.recovery.store import RecoveryStore, TakenMail
from tutorwamp.accounts.rules import token_hash
from tutorwamp.kernel.contracts import Caller, Clock
from tutorwamp.kernel.errors import NotFound, RateLimited
from tutorwamp.kernel.log.audit import OURS, Origin, audit
from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)

AT_ONCE: Final = 20
"""Mails under way together."""
_WORTHLESS: Final = "This link does not hold any more. Ask for a new one."


class RecoveryService:
    """What a person does about their account by mail. ``mailer`` null: this node sends none."""

    def __init__(
        self,
        store: RecoveryStore,
        passwords: Passwords,
        mailer: Mailer | None,
        throttle: LoginThrottle,
        *,
        page_url: str,
        clock: Clock,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._mailer = mailer
        self._throttle = throttle
        self._page_url = page_url
        self._clock = clock
        self._round = DeferredLock()

    # What people ask

    async def forgot(self, asked: ForgotPassword, origin: Origin = OURS) -> None:
        """Have a mail sent. Raises RateLimited, by the address of who asks; says nothing of the e-mail address.

        Whose it is, if anybody's, is looked up when the mail is sent: until then nothing depends on it.
        """
        self._throttle.ask(origin.address)
        audit("password forgotten", origin, None)
        with suppress(RateLimited):  # nobody hears that: it would say that somebody else has asked
            self._throttle.mail(asked.email)
            await self._store.ask(asked.email, MailPurpose.RESET, self._clock())

    async def reset(self, asked: ResetPassword, origin: Origin = OURS) -> None:
        """Set a new password; all logins and live sessions end. Raises NotFound (token), Invalid, RateLimited."""
        self._throttle.ask(origin.address)
        hashed = token_hash(asked.token)
        user = await self._store.bearer(hashed, MailPurpose.RESET, self._clock())
        if user is None:
            audit("password reset refused", origin, None)
            raise NotFound(_WORTHLESS)
        password_hash = await self._passwords.new_hash(asked.password, user)
        revoked_at = await self._store.reset(hashed, user, password_hash, self._clock)
        if revoked_at is None:
            audit("password reset refused", origin, user.id)
            raise NotFound(_WORTHLESS)
        audit("password reset", origin, user.id)
        self._throttle.forgive(user.email, origin.address)
        await self._passwords.end_sessions(user.id, revoked_at, "Your password was changed.")

    async def ask_confirmation(self, caller: Caller, email: str, origin: Origin = OURS) -> None:
        """Have the mail sent again by which one's own address is confirmed. Raises RateLimited."""
        self._throttle.mail(email)
        audit("confirmation asked for", origin, caller.user_id)
        await self._store.ask(email, MailPurpose.CONFIRM, self._clock())

    async def confirm(self, asked: ConfirmEmail, origin: Origin = OURS) -> None:
        """Mail reaches somebody; twice is once. Raises NotFound (token), RateLimited."""
        self._throttle.ask(origin.address)
        user = await self._store.confirm(token_hash(asked.token), self._clock())
        if user is None:
            audit("confirmation refused", origin, None)
            raise NotFound(_WORTHLESS)
        audit("address confirmed", origin, user.id)

    # What is sent

    async def send_due(self) -> int:
        """Send mails that are due; how many were looked at. To be called every second or two."""
        looked_at: int = await self._round.run(lambda: Deferred.fromCoroutine(self._send_due()))
        return looked_at

    async def _send_due(self) -> int:
        taken = await self._store.take_due(AT_ONCE, self._clock())
        await gatherResults([Deferred.fromCoroutine(self._send(one)) for one in taken], consumeErrors=True)
        return len(taken)

    async def _send(self, mail: TakenMail) -> None:
        token, now = rules.new_token(), self._clock()
        user = await self._store.issue(mail, token_hash(token), now + rules.HOLDS[mail.purpose])
        if user is None:
            return
        posted = await self._posted(mail, user.id, token, now)
        if posted is Posted.LATER:
            due_at = rules.next_try(mail.purpose, mail.queued_at, mail.tries, self._clock())
            if due_at is not None:
                await self._store.later(mail, due_at)
                return
        audit("mail sent" if posted is Posted.SENT else "mail given up", OURS, user.id, purpose=mail.purpose.value)
        await self._store.finish(mail)

    async def _posted(self, mail: TakenMail, user_id: str, token: str, now: datetime) -> Posted:
        if self._mailer is None:
            log.warning(
                "no mail is sent, for TUTORWAMP_SMTP_URL is not set; a password is set with: tutorwamp user password",
                user_id=user_id, purpose=mail.purpose.value,
            )  # fmt: skip
            return Posted.REFUSED
        text = rules.text_of(mail.purpose, rules.link_of(self._page_url, mail.purpose, token))
        try:
            return await self._mailer.post(mail.email, rules.subject_of(mail.purpose), text, now)
        except Exception:  # a mailer's fault stops nobody else's mail
            log.exception("a mail could not be handed over", purpose=mail.purpose.value)
            return Posted.LATER
