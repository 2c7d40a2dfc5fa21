"""Crossbar's own check of the node's configuration, in a process that is begun before anything else is looked at."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Final

from tutorwamp.kernel.node_settings import NodeSettings
from tutorwamp.supervision.node import SPARED, config_file

AS_IT_CAME: Final = "4c988645c29707d2b40427efa126f866c542c67197abec1972c61dfffba55d32"
"""SHA-256 of ``crossbar/config.yaml``; tests/cli/test_check.py has Crossbar look at it, and says which it is now."""
ConfigCheck = Callable[[], tuple[bool, str]]
"""Waits for it: whether it is fine, and which one, or what is wrong."""


def begin_config_check(settings: NodeSettings, environment: Mapping[str, str]) -> ConfigCheck:
    """Begin Crossbar's own check of the configuration, in a folder of its own: it writes into it. What it finds.

    It takes two seconds, most of them to import Crossbar; meanwhile the rest is looked at. The configuration that comes
    with this version was looked at before it was given out.
    """
    config = settings.node_config or config_file()
    with contextlib.suppress(OSError):  # Crossbar says what is the matter
        if hashlib.sha256(config.read_bytes()).hexdigest() == AS_IT_CAME:
            return lambda: (True, f"{config}, as it came")
    folder = tempfile.TemporaryDirectory()
    command = [sys.executable, "-c", "import crossbar; crossbar.run()", "check"]
    checking = subprocess.Popen(  # noqa: S603  # our own arguments
        [*command, f"--cbdir={folder.name}", f"--config={config.absolute()}"],
        env={
            **environment,
            "TUTORWAMP_PORT": str(settings.port),
            "PYTHONPATH": os.pathsep.join([str(SPARED), *filter(None, [environment.get("PYTHONPATH")])]),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def found() -> tuple[bool, str]:
        with folder, checking:
            told = checking.communicate()[0]
        if checking.returncode == 0:
            return True, str(config)
        lines = told.strip().splitlines() or ["crossbar check failed"]
        return False, lines[-1].strip()

    return found
