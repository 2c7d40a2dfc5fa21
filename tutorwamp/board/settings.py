"""What can be tuned about the board."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class BoardSettings:
    """How changes are gathered, and where pictures are kept."""

    tick: timedelta = setting(
        "BOARD_TICK",
        timedelta(milliseconds=33),
        "Changes within it leave as one event: 30 a second are enough for the eye. 0: nothing is waited for.",
    )
    pictures_url: str | None = setting(
        "BOARD_PICTURES_URL",
        None,
        "Pictures, and files in chat. Unset: the data folder. S3: s3+https://ACCESS:SECRET@HOST/BUCKET?region=REGION.",
    )
    picture_limit: int = setting(
        "BOARD_PICTURE_LIMIT",
        5 * 1024 * 1024,
        "Bytes of one picture: a photo of a telephone. REQUEST_BODY_LIMIT must let it through.",
    )
    worksheet_limit: int = setting(
        "BOARD_WORKSHEET_LIMIT",
        25 * 1024 * 1024,
        "Bytes of one PDF: forty scanned pages. FILE_BYTES must let it through.",
    )
