"""What the node's processes do not import: seen in a node that starts, by the files whose code each process runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.architecture.test_requirements import locked
from tests.support.node import ROOT
from tests.support.supervised import Supervised
from tutorwamp.supervision.spared.sitecustomize import ABSENT, LEFT_OUT

WATCHES = """
import os, sys
def noted(event, args):
    if event == "exec":
        os.write(file, (args[0].co_filename + chr(10)).encode())
folder = os.path.dirname(__file__)
file = os.open(f"{folder}/{os.getpid()}", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
sys.addaudithook(noted)
"""
"""A machine's own sitecustomize, for which ours makes room."""
OF_CROSSBAR = {name for name in LEFT_OUT | {*ABSENT, "aiohttp", "requests"} if "." not in name}
BY_THE_WAY = {"bjdata", "greenlet", "h2", "hpack", "hyperframe", "numpy", "passlib", "priority"}
"""What the supervisor imports where it is there, and does without."""
NOT_IMPORTED = {
    "supervisor": {"crossbar", "PIL", "typst", "minio"},
    "controller": OF_CROSSBAR | {"sqlalchemy", "alembic", "PIL", "typst", "minio", "emoji"},
    "router": OF_CROSSBAR | {"sqlalchemy", "alembic", "PIL", "typst", "minio", "emoji"},
    "container": OF_CROSSBAR | {"alembic", "PIL", "typst"},
}
"""By process; each is megabytes that stay and time of every start."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """The libraries whose code has run in each process of a node that is ready."""
    folder = tmp_path_factory.mktemp("watches")
    (folder / "sitecustomize.py").write_text(WATCHES)
    with Supervised(env={"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}) as up:
        pids = {"supervisor": up.process.pid, **up.pids()}
        yield {name: _libraries(folder / str(pid)) for name, pid in pids.items() if name in NOT_IMPORTED}


def _libraries(noted: Path) -> set[str]:
    """The folders and files right in a site-packages, of those whose code has run."""
    found = set()
    for line in noted.read_text().splitlines():
        _, in_packages, rest = line.rpartition("/site-packages/")
        if in_packages:
            found.add(rest.partition("/")[0].removesuffix(".py"))
    return found


@pytest.mark.parametrize("process", NOT_IMPORTED)
def test_a_process_imports_only_what_it_needs(imported: dict[str, set[str]], process: str) -> None:
    assert "twisted" in imported[process], "nothing was seen"
    assert imported[process] & NOT_IMPORTED[process] == set()


def test_all_that_a_process_imports_is_in_the_lock(imported: dict[str, set[str]]) -> None:
    """By which a node is installed without what Crossbar requires beyond it."""
    of = packages_distributions()
    not_ours = {"tutorwamp", "_virtualenv", "sitecustomize"}
    for process, libraries in imported.items():
        without = {
            name for name in libraries if not {canonicalize_name(one) for one in of.get(name, ())} & set(locked())
        }
        assert without - not_ours - BY_THE_WAY == set(), process


def test_who_migrates_nothing_imports_no_alembic() -> None:
    asked = "import sys, tutorwamp.cli.commands as c; c.schema.newest_revision(); print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)  # noqa: S603  # ours
    assert done.stdout == "False\n"
