"""Put push together from what is configured, and keep people's devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from email_validator import EmailNotValidError, validate_email

from tutorwamp.accounts.contracts import Addresses, Mailer
from tutorwamp.kernel.contracts import Caller, Clock
from tutorwamp.kernel.errors import Invalid, NotFound
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.notifications.contracts import Channel, Connected
from tutorwamp.notifications.push.addresses import require_endpoint
from tutorwamp.notifications.push.contracts import (
    Accounts,
    Provider,
    PushKey,
    Subscribe,
    Subscribed,
    Unsubscribe,
    to_base64url,
)
from tutorwamp.notifications.push.dispatcher import Dispatcher, LogProvider
from tutorwamp.notifications.push.mail import LogPost, Mail, Post, Relay, takes_utf8
from tutorwamp.notifications.push.queue import PushQueue
from tutorwamp.notifications.push.settings import PushSettings
from tutorwamp.notifications.push.web_push import WebPush, load_key, public_bytes

KEY_FILE = "vapid.pem"


def require_push(settings: PushSettings) -> None:
    """Raise SettingsError where something of it cannot be meant."""
    if settings.smtp_url is not None:
        Relay.from_url(settings.smtp_url)
    if settings.web_push_subject is not None and not _reaches_somebody(settings.web_push_subject):
        raise SettingsError("TUTORWAMP_WEB_PUSH_SUBJECT: mailto:ADDRESS or https://HOST is expected")


def asking_the_relay(settings: PushSettings) -> Callable[[], bool]:
    """How to ask whether mail is known to get to local parts that are not ASCII. Blocks."""
    relay = None if settings.smtp_url is None else Relay.from_url(settings.smtp_url)
    return lambda: relay is not None and takes_utf8(relay)


def _reaches_somebody(subject: str) -> bool:
    """RFC 8292 section 2.1. Push services refuse all that comes from somebody whom they cannot reach."""
    scheme, _, address = subject.partition(":")
    try:
        if scheme == "mailto":
            validate_email(address, check_deliverability=False)
        else:
            require_endpoint(subject)
    except (EmailNotValidError, Invalid):
        return False
    return True


def providers_of(settings: PushSettings, data_dir: Path, addresses: Addresses, reactor: Any) -> dict[Channel, Provider]:
    """What sends to each channel that is configured."""
    if settings.push_log:
        return {Channel.WEB_PUSH: LogProvider(), Channel.EMAIL: LogProvider()}
    providers: dict[Channel, Provider] = {}
    if settings.web_push_subject is not None:
        providers[Channel.WEB_PUSH] = WebPush(reactor, load_key(data_dir / KEY_FILE), settings.web_push_subject)
    if settings.smtp_url is not None:
        providers[Channel.EMAIL] = Mail(Post(reactor, Relay.from_url(settings.smtp_url)), addresses.address_of)
    return providers


def mailer_of(settings: PushSettings, reactor: Any) -> Mailer | None:
    """What sends mail about accounts, None where no mail is sent."""
    if settings.push_log:
        return LogPost()
    return None if settings.smtp_url is None else Post(reactor, Relay.from_url(settings.smtp_url))


class PushService:
    """``queue`` takes what is new, ``dispatcher`` sends it on."""

    def __init__(
        self,
        queue: PushQueue,
        providers: Mapping[Channel, Provider],
        connected: Connected,
        accounts: Accounts,
        data_dir: Path,
        clock: Clock,
    ) -> None:
        self._data_dir = data_dir
        self._providers = providers
        self._queue = queue
        self.dispatcher = Dispatcher(queue, providers, connected, accounts, clock=clock)

    def key(self) -> PushKey:
        """The application server's key. Raises NotFound where there is no Web Push."""
        if Channel.WEB_PUSH not in self._providers:
            raise NotFound("This server sends no Web Push.")
        return PushKey(key=to_base64url(public_bytes(load_key(self._data_dir / KEY_FILE))))

    async def subscribe(self, caller: Caller, asked: Subscribe) -> Subscribed:
        """Keep a device. Raises Invalid (endpoint), NotFound."""
        self.key()
        require_endpoint(asked.endpoint)
        return await self._queue.subscribe(caller.user_id, asked)

    async def unsubscribe(self, caller: Caller, asked: Unsubscribe) -> None:
        """Forget one's own device; one that is not there is no error."""
        await self._queue.unsubscribe(asked.endpoint, user_id=caller.user_id)
