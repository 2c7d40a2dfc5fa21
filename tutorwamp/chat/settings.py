"""What can be tuned about chat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class ChatSettings:
    """How long what was said can be mended."""

    edit_window: timedelta = setting(
        "CHAT_EDIT_WINDOW", timedelta(hours=24), "A slip is noticed within a day; after that others rely on the text."
    )
