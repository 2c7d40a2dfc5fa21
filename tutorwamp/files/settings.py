"""What can be tuned about files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class FilesSettings:
    """How much there is room for, who looks at it, and how long what nobody has sent on is kept.

    How large one file may be stands with the gate's settings: it is the gate that does not let larger ones in.
    """

    lesson_bytes: int = setting(
        "FILE_BYTES_A_LESSON",
        500 * 1024 * 1024,
        "Bytes of all files of a lesson: twenty of the largest. Above: tutorwamp.error.too_large.",
    )
    scanner: str | None = setting(
        "FILE_SCANNER",
        None,
        "clamd, as tcp://HOST:PORT or unix:///PATH: no file is kept that it has not looked at. Unset: nobody looks.",
    )
    unsent: timedelta = setting(
        "FILE_UNSENT_KEPT",
        timedelta(hours=24),
        "How long a file waits for its message: as long as a repeated request gets the first answer again.",
    )
