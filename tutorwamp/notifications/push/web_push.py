"""Web Push: a message that only the browser can read (RFC 8291), signed by us (VAPID, RFC 8292), over RFC 8030."""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from treq.client import HTTPClient
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.protocol import Protocol
from twisted.web.client import URI, Agent
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from tutorwamp.kernel.private_files import write_new_private
from tutorwamp.notifications.contracts import Kind
from tutorwamp.notifications.push.addresses import Allowed, CheckedEndpoint, is_public
from tutorwamp.notifications.push.contracts import (
    Delivery,
    Doubtful,
    Gone,
    Later,
    Outcome,
    Refused,
    Sent,
    from_base64url,
    to_base64url,
)

RECORD_BYTES: Final = 4096
"""RFC 8291 section 4: push services take no more."""
PLAIN_BYTES_AT_MOST: Final = RECORD_BYTES - 86 - 16 - 1
"""Without header, authentication tag and padding delimiter."""
TTL_S: Final = 12 * 3600
"""How long the push service keeps it for a device that is off."""
TTL_OF_A_START_S: Final = 30 * 60
"""A lesson that has begun is not about to start."""
TOKEN_LIFETIME_S: Final = 12 * 3600
"""RFC 8292 section 2: 24 hours at most."""
ANSWER_WITHIN_S: Final = 20.0


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The application server's key, made and kept (mode 0600) on first use. With another one no subscription works."""
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.parent.mkdir(parents=True, exist_ok=True)
        write_new_private(path, made.private_bytes(*form))
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no elliptic curve key")
    return key


def public_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public point, uncompressed."""
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def encrypt(
    plain: bytes,
    p256dh: bytes,
    auth: bytes,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """One aes128gcm record for a browser (RFC 8291 section 3.4, RFC 8188). ``key``, ``salt``: for test vectors only."""
    key = ec.generate_private_key(ec.SECP256R1()) if key is None else key
    salt = secrets.token_bytes(16) if salt is None else salt
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)
    ours = public_bytes(key)
    shared = key.exchange(ec.ECDH(), theirs)
    secret = _derive(auth, shared, b"WebPush: info\0" + p256dh + ours, 32)
    content_key = _derive(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(salt, secret, b"Content-Encoding: nonce\0", 12)
    sealed = AESGCM(content_key).encrypt(nonce, plain + b"\x02", None)
    return salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(ours)]) + ours + sealed


def _derive(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def payload(delivery: Delivery) -> bytes:
    """What the page's service worker gets: JSON, its texts shortened where they do not fit."""
    data = delivery.data | ({"more": delivery.more} if delivery.more else {})
    for length in (None, 200, 50, 0):
        told = {"id": delivery.notification_id, "kind": str(delivery.kind), "title": delivery.title[:length]}
        made = json.dumps({**told, "body": delivery.text[:length], "data": data}, ensure_ascii=False).encode()
        if len(made) <= PLAIN_BYTES_AT_MOST:
            return made
    return json.dumps({"id": delivery.notification_id, "kind": str(delivery.kind)}).encode()


@implementer(IAgentEndpointFactory)
class _CheckedEndpoints:
    def __init__(self, reactor: Any, allowed: Allowed) -> None:
        self._reactor = reactor
        self._allowed = allowed

    def endpointForURI(self, uri: URI) -> CheckedEndpoint:  # noqa: N802  # Twisted's name
        secure = uri.scheme == b"https"
        host = uri.host.decode().strip("[]")
        return CheckedEndpoint(self._reactor, host, uri.port, secure=secure, allowed=self._allowed)


class _Unread(Protocol):
    """Closes the connection: nobody needs the body, and a hostile one could be endless, in size or in time."""

    def connectionMade(self) -> None:  # noqa: N802  # Twisted's name
        # Not loseConnection, which over TLS waits for the other side to agree.
        cast("Any", self.transport).stopProducing()


class WebPush:
    """A provider. ``allowed``: which addresses it may connect to; tests let it talk to loopback."""

    def __init__(
        self, reactor: Any, key: ec.EllipticCurvePrivateKey, subject: str, *, allowed: Allowed = is_public
    ) -> None:
        self._reactor = reactor
        self._key = key
        self._subject = subject
        self._http = HTTPClient(Agent.usingEndpointFactory(reactor, _CheckedEndpoints(reactor, allowed)))
        self.public_key = to_base64url(public_bytes(key))

    async def send(self, delivery: Delivery) -> Outcome:
        """See Provider. What may have arrived is not sent again."""
        body = encrypt(payload(delivery), from_base64url(delivery.p256dh), from_base64url(delivery.auth))
        try:
            response = await self._http.post(
                delivery.target,
                data=body,
                headers=self._headers(delivery),
                allow_redirects=False,
                timeout=ANSWER_WITHIN_S,
            )
        except DNSLookupError as error:
            return Doubtful(f"cannot be found: {error}")
        except ConnectError as error:
            return Later(f"cannot be reached: {error}")
        except Exception as error:  # noqa: BLE001  # lost or late after it was sent: it may have arrived
            return Refused(f"no answer: {error!r}")
        response.deliverBody(_Unread())
        return _outcome(response.code, response.headers.getRawHeaders("retry-after", [""])[0])

    def _headers(self, delivery: Delivery) -> dict[bytes | str, bytes | str]:
        parts = urlsplit(delivery.target)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(time.time()) + TOKEN_LIFETIME_S,
            "sub": self._subject,
        }
        starts = delivery.kind is Kind.LESSON_STARTING
        return {
            "TTL": str(TTL_OF_A_START_S if starts else TTL_S),
            "Urgency": "high" if starts else "normal",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "Authorization": f"vapid t={jwt.encode(claims, self._key, 'ES256')}, k={self.public_key}",
        }


def _outcome(status: int, retry_after: str) -> Outcome:
    """RFC 8030: 201 is taken; 404 and 410 mean that the subscription is over.

    403 is for who subscribed with another key than ours (RFC 8292 section 4.2), or for all of ours where our clock or
    our subject is wrong.
    """
    if 200 <= status < 300:
        return Sent()
    if status in (404, 410):
        return Gone()
    if status == 403:
        return Doubtful("the push service answered 403")
    if status == 429 or status >= 500:
        return Later(f"the push service answered {status}", _seconds(retry_after))
    return Refused(f"the push service answered {status}")


def _seconds(retry_after: str) -> float | None:
    """Retry-After is a number of seconds or a date (RFC 9110 section 10.2.3); None where it is neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
