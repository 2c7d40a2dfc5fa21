"""Passwords and opaque tokens: pure functions, no I/O, no clock."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import re
import secrets
import unicodedata
from collections.abc import Collection
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tutorwamp.accounts.contracts import PASSWORD_LENGTH_AT_LEAST
from tutorwamp.accounts.settings import Registration
from tutorwamp.kernel.contracts import AuthRole
from tutorwamp.kernel.errors import Forbidden

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP Password Storage Cheat Sheet: Argon2id, 19 MiB, 2 rounds, 1 lane (about 25 ms here)."""

PIECES_AT_LEAST: Final = 5
"""``password2024!`` has three; a well-known word with four characters of one's own passes."""
_WALK_AT_LEAST: Final = 3
_PERSONAL_AT_LEAST: Final = 3
"""Shorter names are in many words."""
_YEAR_OR_DAY: Final = re.compile(r"(?:18|19|20)[0-9]{2}|(?:[0-2][0-9]|3[01])(?:0[1-9]|1[0-2])")
_DISGUISES: Final = str.maketrans("013457@$!", "oieastasi")
_FORWARD: Final = (
    "abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщъыьэюя", "01234567890",
    "qwertyuiop", "qwertzuiopü", "azertyuiop", "asdfghjkl;", "asdfghjklöä", "qsdfghjklm", "zxcvbnm,.", "yxcvbnm,.",
    "wxcvbn", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю", "!@#$%^&*()", '!"§$%&/()=',
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik", "qazwsxedcrfvtgbyhnujmik", "1q2w3e4r5t6y7u8i9o0p", "1q2w3e4r5t6z7u8i9o0p",
)  # fmt: skip
_ROWS: Final = (*_FORWARD, *(row[::-1] for row in _FORWARD))
"""Alphabets, digits and keyboards, along their rows and down their columns, both ways."""
_WELL_KNOWN: Final = frozenset(
    re.findall(
        r"\w+",
        "tutorwamp password passwort kennwort passphrase motdepasse пароль secret geheim admin administrator root user "
        "guest test login letmein changeme default welcome willkommen bonjour hello hallo iloveyou love liebe schatz "
        "master dragon monkey shadow ninja superman batman starwars pokemon football fussball baseball princess "
        "sunshine freedom whatever trustno computer internet google summer sommer winter spring autumn herbst",
    )
)
"""The service's name, and what people choose everywhere; a list of our own, in the letters of ``_letters``."""


def require_open(registration: Registration, role: str) -> None:
    """A3: raise Forbidden unless somebody may register in this role."""
    if registration is Registration.CLOSED:
        raise Forbidden("Nobody registers here: the school adds people (tutorwamp user add).")
    if registration is Registration.STUDENTS and role != AuthRole.STUDENT:
        raise Forbidden("Only students register here: the school adds tutors (tutorwamp user add --role tutor).")


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


def weakness(password: str, *, email: str, name: str) -> str | None:
    """Why a password may not be chosen, None where it may (NIST SP 800-63B section 5.1.1.2).

    No kind of character is asked for. What counts is how many *pieces* it has: a character is one, and so is all that a
    guesser tries first: a run, a sequence, a walk on a keyboard, a year or day, what was there before, a well-known
    word, and what belongs to the person or to us.
    """
    if len(_normal(password)) < PASSWORD_LENGTH_AT_LEAST:
        return f"has fewer than {PASSWORD_LENGTH_AT_LEAST} characters"
    text = _normal(password).casefold()
    words = _WELL_KNOWN | _personal(email.rpartition("@")[0]) | _personal(name)
    squeezed = "".join(char for char, _ in itertools.groupby(text))  # 11223344 is 1234
    if not all(_has_pieces_enough(one, words) for one in (text, squeezed)):
        return "is too easy to guess: use something else than well-known words, your name, sequences and repetitions"
    return None


def _has_pieces_enough(text: str, words: Collection[str]) -> bool:
    """Whether the text falls into enough pieces, taking the longest at each place.

    The rest of it is not looked at: NFKC makes 2,304 characters of 128, and this is decided in the reactor.
    """
    plain = _letters(text)
    place = 0
    for _ in range(PIECES_AT_LEAST - 1):
        place += max(1, _known_at(text, place), *(len(word) for word in words if plain.startswith(word, place)))
        if place >= len(text):
            return False
    return True


def _known_at(text: str, place: int) -> int:
    """How many characters from here on are a run, a walk, part of a date, or what stands just before."""
    rest = text[place:]
    run = len(rest) - len(rest.lstrip(rest[0]))
    walk = _WALK_AT_LEAST
    while walk <= len(rest) and any(rest[:walk] in row for row in _ROWS):
        walk += 1
    walk = walk - 1 if walk > _WALK_AT_LEAST else 0
    date = 4 if _YEAR_OR_DAY.match(rest) else 0
    copies = (
        sum(1 for _ in itertools.takewhile(bool, map(str.__eq__, rest, text[place - n :])))  # as often as it goes on
        for n in range(2, place + 1)
        if rest.startswith(text[place - n : place])
    )
    return max(run, walk, date, *copies)


def _letters(text: str) -> str:
    """Without accents and disguises, character for character: ``p\u00e4$$w0rd`` is ``password``."""
    return "".join(unicodedata.normalize("NFD", char)[0] for char in text).translate(_DISGUISES)


def _personal(text: str) -> set[str]:
    """The words of a name or a local part, alone and together."""
    words = re.findall(r"[^\W_]+", _letters(_normal(text).casefold()))
    return {word for word in (*words, "".join(words)) if len(word) >= _PERSONAL_AT_LEAST}


NOBODYS_HASH = hash_password(secrets.token_urlsafe())
"""Verified against where there is no such account, so that both answers take the same time."""
