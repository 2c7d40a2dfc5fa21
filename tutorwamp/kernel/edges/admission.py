"""How large a request's body may be, by its head: whose it is, and what it is for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import unquote_to_bytes

from twisted.web.http_headers import Headers

from tutorwamp.kernel.errors import RateLimited, TooLarge, TutorwampError, Unauthenticated, UnsupportedMediaType
from tutorwamp.kernel.tokens import verify

BYTES_BEFORE_LOGIN: Final = 16_384
"""Of a body that comes without an access token, or to a route that gives them out; the longest such are below 4 KiB."""
FILES_AT_ONCE: Final = 20
"""Of one person, on their way; each waits on the disk until it is whole."""
FILES_BACK_AFTER_S: Final = 5.0
_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_FILES: Final = re.compile(rb"/api/lessons/[^/]{1,64}/(?:files|board/import)/?")
"""The addresses that take larger bodies, of any media type."""


@dataclass(frozen=True)
class Room:
    """How large a body may be."""

    bytes: int
    beyond: TutorwampError
    """What a larger one is told."""
    person: str | None = None
    """Whose file it is: only so many of one person's are on their way at once."""


class Admission:
    """Decides by a request's head how large its body may be.

    ``body_limit`` is bytes, for people with an access token signed with ``key``; ``file_limit`` the same for a lesson's
    files, where there are any. Whether the token has been revoked, and what it allows, is asked later; here it only
    keeps large bodies of strangers out.
    """

    def __init__(
        self, key: bytes, body_limit: int, clock: Callable[[], datetime], *, file_limit: int | None = None
    ) -> None:
        self._key = key
        self._body_limit = body_limit
        self._file_limit = body_limit if file_limit is None else file_limit
        self._clock = clock
        self._coming: Counter[str] = Counter()

    def body_limit(self, path: bytes) -> int:
        """The bytes of the largest body that this address takes, of whoever may send one there."""
        return self._file_limit if _is_for_files(path) else self._body_limit

    def begin(self, person: str) -> None:
        """One more file of somebody's is on its way. Raises RateLimited where that are too many."""
        if self._coming[person] >= FILES_AT_ONCE:
            raise RateLimited("Too many of your files are on their way.", retry_after_s=FILES_BACK_AFTER_S)
        self._coming[person] += 1

    def end(self, person: str) -> None:
        """It is here, or will not come."""
        self._coming[person] -= 1
        if not self._coming[person]:
            del self._coming[person]

    def admit(self, target: bytes, headers: Headers, length: int | None) -> Room:
        """The room for a body that comes; ``length`` in bytes, null: unknown.

        Raises TooLarge, Unauthenticated, or UnsupportedMediaType for a form or an encoded body.
        """
        room = self._room(target, headers, length)
        if length is not None and length > room.bytes:
            raise room.beyond
        if _text(headers, b"content-encoding").lower() not in ("", "identity"):
            raise UnsupportedMediaType("The body must not be compressed.")
        if (length is None or length > BYTES_BEFORE_LOGIN) and not _is_for_files(_path(target)):
            media_type = _text(headers, b"content-type").partition(";")[0].strip().lower()
            if media_type in _FORMS:
                raise UnsupportedMediaType("Forms are not read here.")
        return room

    def _room(self, target: bytes, headers: Headers, length: int | None) -> Room:
        path = _path(target)
        limit = self.body_limit(path)
        small = Room(BYTES_BEFORE_LOGIN, _too_large(BYTES_BEFORE_LOGIN))
        large = Room(limit, _too_large(limit))
        if not path.startswith(b"/api/") or path.startswith(b"/api/auth/"):
            return small
        if length is not None and not BYTES_BEFORE_LOGIN < length <= limit:
            return small if length <= BYTES_BEFORE_LOGIN else large
        scheme, _, token = _text(headers, b"authorization").partition(" ")
        if scheme.lower() != "bearer":
            return Room(
                BYTES_BEFORE_LOGIN, Unauthenticated("This needs an access token: Authorization: Bearer <token>.")
            )
        try:
            known = verify(self._key, token.strip(), now=self._clock())
        except Unauthenticated as error:
            return Room(BYTES_BEFORE_LOGIN, error)
        return replace(large, person=known.user_id) if _is_for_files(path) else large


def _path(target: bytes) -> bytes:
    return unquote_to_bytes(target.partition(b"?")[0])


def _is_for_files(path: bytes) -> bool:
    return _FILES.fullmatch(path) is not None


def _too_large(at_most: int) -> TooLarge:
    return TooLarge("The body is too large.", details={"bytes_at_most": at_most})


def _text(headers: Headers, name: bytes) -> str:
    return b",".join(headers.getRawHeaders(name, [])).decode("latin-1").strip()
