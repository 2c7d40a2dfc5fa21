"""What the tests of the page share: packages of npm, installed once a session, and the browser's own tools of them."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NPM_AT_MOST_S = 300
"""A slow line takes a minute; one that hangs shall not hang us."""


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what ``package.json`` names, in the pinned versions. Skips where npm cannot get it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.getbasetemp().parent / "npm"  # all workers of one run have it together
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(  # noqa: S603  # npm, of our own list
                command, cwd=folder, capture_output=True, text=True, timeout=NPM_AT_MOST_S, check=False
            )
            if done.returncode:
                pytest.skip(f"npm cannot install what tests/web/package.json names: {done.stderr[-300:]}")
            (folder / "done").touch()
    return folder / "node_modules"


@pytest.fixture(scope="session")
def axe(node_modules: Path) -> str:
    """axe-core, as a script for ``Browser.faults``."""
    return (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
