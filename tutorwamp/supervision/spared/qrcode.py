"""In place of qrcode, with Pillow behind it: each worker of Crossbar draws its maker's key, which nobody reads."""

from __future__ import annotations

from typing import Any, Final

ERROR_CORRECT_L: Final = None


class QRCode:
    """One that stays empty."""

    def __init__(self, **_: Any) -> None:
        """Nothing of it matters."""

    def add_data(self, data: str) -> None:
        """Leave it empty."""

    def print_ascii(self, **_: Any) -> None:
        """Print nothing."""
