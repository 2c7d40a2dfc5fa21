"""The package as somebody installs it, and the tutorial's project around it, in a folder of the test's own."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.support import npm
from tests.support.node import ROOT

CLIENT = ROOT / "tutorwamp" / "web" / "client"
PAGE = (ROOT / "docs" / "javascript.md").read_text()
TUTORIAL, BARE = PAGE.split("## Without the package", 1)
FILES = {
    name: text
    for _, name, text in re.findall(r"```(js|html)\n(?://|<!--) (\S+\.\w+)(?: -->)?\n(.*?)```", TUTORIAL, re.DOTALL)
}
"""The files of the tutorial, by name: the first line of each says it."""
PATIENCE_S = 120


def run(folder: Path, *command: str) -> str:
    """What a program in the folder says; it has to work."""
    done = subprocess.run(  # noqa: S603  # our own words
        command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def project(folder: Path, *beside: str) -> Path:
    """The folder with the package in it, packed and unpacked as npm does, and these others. Skips without npm."""
    modules = folder / "node_modules"
    modules.mkdir(parents=True)
    for name in beside:
        (modules / name).symlink_to(npm.folder() / "node_modules" / name)
    if not beside:
        npm.folder()
    packer = str(shutil.which("npm"))
    run(folder, packer, "pack", "--silent", "--pack-destination", str(folder), str(CLIENT))
    with tarfile.open(next(folder.glob("tutorwamp-*.tgz"))) as packed:
        packed.extractall(modules, filter="data")
    (modules / "package").rename(modules / "tutorwamp")
    return folder


def tool(name: str) -> list[str]:
    """A program of npm's, to be run by Node."""
    places = {"tsc": "typescript/bin/tsc", "vite": "vite/bin/vite.js"}
    return [npm.node(), str(npm.folder() / "node_modules" / places[name])]
