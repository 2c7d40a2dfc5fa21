"""Packages of npm for the tests, as tests/web/package-lock.json pins them; installed once for all runs."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

NAMED_IN = Path(__file__).parents[1] / "web"
FILES = ("package.json", "package-lock.json", ".npmrc")
INSTALLS_WITHIN_S = 300
"""A slow line takes a minute; one that hangs shall not hang us."""
REQUIRED = "TUTORWAMP_REQUIRE_NPM"
"""Set where a missing package is a failure: then nobody skips in silence what they meant to test."""


def why_not() -> str:
    """Why there are no packages here; nothing where there are."""
    reason = _installed()[1]
    assert not (reason and os.environ.get(REQUIRED)), reason
    return reason


def folder() -> Path:
    """Where ``node_modules`` is. Skips where npm cannot get it."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    return _installed()[0]


def node() -> str:
    """The machine's Node.js. Skips where there is none, as ``folder`` does."""
    folder()
    return str(shutil.which("node"))


@functools.cache
def _installed() -> tuple[Path, str]:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return NAMED_IN, "Node.js and npm are not installed"
    digest = hashlib.sha256(b"".join((NAMED_IN / name).read_bytes() for name in FILES)).hexdigest()[:12]
    place = Path(tempfile.gettempdir()) / f"tutorwamp-npm-{os.getuid()}-{digest}"
    place.mkdir(mode=0o700, exist_ok=True)
    if place.stat().st_uid != os.getuid():
        return NAMED_IN, f"{place} is somebody else's"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other workers of this run wait until it is there
        reason = "" if (place / "done").exists() else _install(npm, place)
    return place, reason


def _install(npm: str, place: Path) -> str:
    for name in FILES:
        shutil.copy(NAMED_IN / name, place)
    command = [npm, "ci", "--ignore-scripts", "--prefer-offline"]
    try:
        done = subprocess.run(  # noqa: S603  # npm, with our own list
            command, cwd=place, capture_output=True, text=True, timeout=INSTALLS_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired:
        return "npm could not install the packages in time"
    if done.returncode:
        return f"npm cannot install the packages: {done.stderr.strip()[-300:]}"
    (place / "done").touch()
    return ""
