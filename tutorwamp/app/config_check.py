"""Crossbar's own check of the node's configuration, in a process that is begun before anything else is looked at."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping

from tutorwamp.app.node import config_file
from tutorwamp.kernel.settings import NodeSettings

ConfigCheck = Callable[[], tuple[bool, str]]
"""Waits for it: whether it is fine, and which one, or what is wrong."""


def begin_config_check(settings: NodeSettings, environment: Mapping[str, str]) -> ConfigCheck:
    """Begin Crossbar's own check of the configuration, in a folder of its own: it writes into it. What it finds.

    It takes two seconds, most of them to import Crossbar; meanwhile the rest is looked at.
    """
    config = settings.node_config or config_file()
    folder = tempfile.TemporaryDirectory()
    command = [sys.executable, "-c", "import crossbar; crossbar.run()", "check"]
    checking = subprocess.Popen(  # noqa: S603  # our own arguments
        [*command, f"--cbdir={folder.name}", f"--config={config.absolute()}"],
        env={**environment, "TUTORWAMP_PORT": str(settings.port)},
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
