"""The port to where bytes are stored, whatever serves it."""

from __future__ import annotations

import errno
import re
from datetime import datetime
from typing import BinaryIO, Final, Protocol

from tutorwamp.kernel.errors import Unavailable

NOBODYS: Final = "00000000-0000-0000-0000-000000000000"
"""A key that we never make."""
PORTION_BYTES: Final = 256 * 1024
"""What is copied at once: memory does not grow with what is stored."""
_KEY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class MissingBlobError(Exception):
    """Nothing is stored under this key."""


class BlobStore(Protocol):
    """Bytes under keys. A key is a UUID that we made, any other raises ValueError; what is under it never changes."""

    async def save(self, key: str, content: bytes, media_type: str) -> None:
        """Save the bytes; they are safe when this returns. Raises Unavailable."""

    async def save_file(self, key: str, file: BinaryIO, media_type: str) -> None:
        """Save a file from its beginning to its end, a portion at a time; as ``save``."""

    async def fetch(self, key: str) -> bytes:
        """The bytes. Raises MissingBlobError or Unavailable."""

    async def fetch_part(self, key: str, begin: int, count: int) -> bytes:
        """So many of the bytes from a place on; as ``fetch``."""

    async def delete(self, key: str) -> None:
        """Forget them; where there are none: fine. Raises Unavailable."""

    async def keys(self, after: str, before: datetime, limit: int) -> list[str]:
        """The first keys behind ``after``, in order, of what was stored before an instant. Raises Unavailable."""

    async def is_there(self) -> bool:
        """Whether it answers, asked for something that nobody has stored."""


def is_key(text: str) -> bool:
    """Whether this can be a key."""
    return _KEY.fullmatch(text) is not None


def checked(key: str) -> str:
    """The key, if it is one. Raises ValueError."""
    if not is_key(key):
        raise ValueError("a key is a UUID")  # without the key, whatever it was meant to do
    return key


def away(what: str) -> Unavailable:
    """What a caller is told where storage does not do what it was asked; ``what`` is in it."""
    return Unavailable(f"{what} cannot be kept or fetched just now.")


def refusal(what: str, error: OSError) -> Unavailable:
    """The same for a disk, which may be full: whoever runs the node has to make room first."""
    if error.errno in _FULL:
        return Unavailable(f"There is no room for {what.lower()} just now.", retry_after_s=60.0)
    return away(what)
