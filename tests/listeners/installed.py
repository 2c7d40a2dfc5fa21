"""Other people's WAMP clients for JavaScript, where npm can install them."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSTALLS_WITHIN_S = 120
REQUIRED = "TUTORWAMP_REQUIRE_NPM"
"""Set where a missing package is a failure: then nobody skips in silence what they meant to test."""


def javascript() -> tuple[str, Path]:
    """The machine's Node.js and a folder in which ``require`` finds the clients; skips where there are none."""
    missing = why_no_javascript()
    if missing:
        pytest.skip(missing)
    return _installed()[:2]


def why_no_javascript() -> str:
    """Why there are no clients here; nothing where there are."""
    why_not = _installed()[2]
    assert not (why_not and os.environ.get(REQUIRED)), why_not
    return why_not


@functools.cache
def _installed() -> tuple[str, Path, str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "", HERE, "Node.js and npm are not installed"
    folder = Path(tempfile.mkdtemp(prefix="tw-npm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copy(HERE / "package.json", folder)
    install = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline"]
    try:
        done = subprocess.run(  # noqa: S603  # npm, with our own list
            install, cwd=folder, capture_output=True, text=True, timeout=INSTALLS_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired:
        return "", HERE, "npm could not install the clients in time"
    if done.returncode:
        return "", HERE, f"npm cannot install the clients: {done.stderr.strip()[-300:]}"
    return node, folder, ""
