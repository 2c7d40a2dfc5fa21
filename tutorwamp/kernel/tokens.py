"""Access tokens: signed by accounts, checked by the gate and by REST.

A JWT (RFC 7519) signed with HS256. It is also the ticket of WAMP's ``ticket`` authentication.
Time is passed in, so that a test can turn it; PyJWT's own clock is not used.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from tutorwamp.kernel.contracts import AuthRole, from_ms, to_ms
from tutorwamp.kernel.errors import Unauthenticated

ALGORITHM = "HS256"
ISSUER = "tutorwamp"
AUDIENCE = "tutorwamp"


@dataclass(frozen=True)
class AccessToken:
    """What a checked token says."""

    user_id: str
    role: AuthRole
    family_id: str
    """The login this token descends from; refresh tokens of one login are one family."""
    issued_at: datetime
    expires_at: datetime


def sign(key: bytes, *, user_id: str, role: AuthRole, family_id: str, now: datetime, lifetime: timedelta) -> str:
    """Make the token's text. Times are kept in milliseconds, as fractions of a second."""
    issued_ms = to_ms(now)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user_id,
        "role": role,
        "fam": family_id,
        "iat": issued_ms / 1000,
        "exp": (issued_ms + lifetime // timedelta(milliseconds=1)) / 1000,
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM)


def verify(key: bytes, text: str, *, now: datetime) -> AccessToken:
    """Check signature, audience, issuer, form and expiry.

    Raises Unauthenticated, with the same words for a bad and a forged token and others for an expired one.
    Revocation is not checked here: the gate and accounts know who is revoked.
    """
    try:
        claims = jwt.decode(
            text,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={
                "require": ["iss", "aud", "sub", "role", "fam", "iat", "exp"],
                "verify_exp": False,  # checked below against the caller's clock
                "verify_iat": False,
            },
        )
        token = AccessToken(
            user_id=str(claims["sub"]),
            role=AuthRole(claims["role"]),
            family_id=str(claims["fam"]),
            issued_at=from_ms(round(claims["iat"] * 1000)),
            expires_at=from_ms(round(claims["exp"] * 1000)),
        )
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as error:
        raise Unauthenticated("This access token is not valid.") from error
    if token.expires_at <= now:
        raise Unauthenticated("This access token has expired.")
    return token


GATE_HEADER = "x-tutorwamp-gate"


def gate_word(key: bytes) -> bytes:
    """What the gate says with each request it passes on, so that REST believes it, and nobody else, about addresses."""
    return hmac.new(key, b"tutorwamp: a request that came through the gate", hashlib.sha256).hexdigest().encode()
