"""Passwords and opaque tokens: pure functions, no I/O, no clock."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP Password Storage Cheat Sheet: Argon2id, 19 MiB, 2 rounds, 1 lane (about 25 ms here)."""


def hash_password(password: str) -> str:
    """Hash a password. Slow on purpose: call it in a thread."""
    return _hasher.hash(_normal(password))


def password_fits(hashed: str, password: str) -> bool:
    """Whether this is the password. Slow on purpose: call it in a thread."""
    try:
        return _hasher.verify(hashed, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def new_refresh_token() -> str:
    """256 random bits; only their hash is kept."""
    return secrets.token_urlsafe(32)


def next_refresh_token(key: bytes, spent: str, client_id: str) -> str:
    """A11: the token that follows ``spent`` when it is asked for under this id: the same one each time.

    Nobody without our key can tell it, and who stole ``spent`` does not know the id.
    """
    made = hmac.digest(key, f"refresh {spent} {client_id}".encode(), "sha256")
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def token_hash(token: str) -> str:
    """What is kept of an opaque token. It has full entropy, so a quick hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def _normal(password: str) -> str:
    """The same password typed on another keyboard (NIST SP 800-63B section 5.1.1.2 asks for NFKC or NFKD)."""
    return unicodedata.normalize("NFKC", password)


NOBODYS_HASH = hash_password(secrets.token_urlsafe())
"""Verified against where there is no such account, so that both answers take the same time."""
