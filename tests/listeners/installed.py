"""Other people's WAMP clients for JavaScript, where npm can install them."""

from __future__ import annotations

from pathlib import Path

from tests.support import npm


def javascript() -> tuple[str, Path]:
    """The machine's Node.js and a folder in which ``require`` finds the clients; skips where there are none."""
    return npm.node(), npm.folder()


def why_no_javascript() -> str:
    """Why there are no clients here; nothing where there are."""
    return npm.why_not()
