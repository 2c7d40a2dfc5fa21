"""Where the media server is, and how we speak to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tutorwamp.kernel.settings import PREFIX, SettingsError, setting

SECRET_BYTES_AT_LEAST = 32
"""Of HS256, RFC 7518 section 3.2; ``livekit-server generate-keys`` makes longer ones."""
_BLANK: Final = re.compile(r"[\s\x00-\x1f]")


@dataclass(frozen=True)
class MediaSettings:
    """All three, or none: then lessons have no sound and pictures."""

    livekit_url: str | None = setting(
        "LIVEKIT_URL",
        None,
        "Unset: no media. Where people and this node reach the LiveKit server: wss://media.example.",
    )
    livekit_api_key: str | None = setting("LIVEKIT_API_KEY", None, "The key's name at the LiveKit server.")
    livekit_api_secret: str | None = setting(
        "LIVEKIT_API_SECRET", None, "The key's secret, 32 bytes at least; it signs who may enter."
    )


def require_media(settings: MediaSettings) -> None:
    """Raise SettingsError unless all is said or nothing, and the address is one."""
    said = {
        "LIVEKIT_URL": settings.livekit_url,
        "LIVEKIT_API_KEY": settings.livekit_api_key,
        "LIVEKIT_API_SECRET": settings.livekit_api_secret,
    }
    missing = [name for name, value in said.items() if not value]
    if len(missing) == len(said):
        return
    if missing:
        raise SettingsError(f"{PREFIX}{missing[0]} is missing: LIVEKIT_URL, _API_KEY and _API_SECRET belong together.")
    try:
        url = settings.livekit_url or ""
        parts = urlsplit(url)
        fits = parts.scheme in ("ws", "wss", "http", "https") and bool(parts.hostname) and parts.port != 0
        fits = fits and parts.username is None and not parts.query and not parts.fragment
        fits = fits and _BLANK.search(url) is None  # urlsplit passes over some of them
    except ValueError:
        fits = False
    if not fits:
        raise SettingsError(f"{PREFIX}LIVEKIT_URL: wss://HOST or ws://HOST:PORT is expected")
    if len((settings.livekit_api_secret or "").encode()) < SECRET_BYTES_AT_LEAST:
        raise SettingsError(f"{PREFIX}LIVEKIT_API_SECRET must have at least {SECRET_BYTES_AT_LEAST} bytes.")
