"""Run the Crossbar node in this process; it ends with the process that started it.

``tutorwamp up`` starts ``python -m tutorwamp.app.node`` and starts it again when it ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

from tutorwamp.app.assembly import read_settings
from tutorwamp.kernel.files import raise_open_files

PR_SET_PDEATHSIG: Final = 1
"""prctl(2), Linux only: the signal a process gets when its parent dies."""

OPTIONS: Final = ("--loglevel=warn", "--color=false")


def config_file() -> Path:
    """The node's configuration; ``tutorwamp/node`` is the top-level folder ``crossbar/``."""
    return Path(__file__).parents[1] / "node" / "config.yaml"


def end_with_parent(parent: int) -> None:
    """Have the kernel stop us when our parent is gone, however it went; now, if it has gone before we could ask."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the process that started this node is gone")


def main() -> None:
    """Run the node until it ends or is told to; the one argument is the process id of our parent."""
    end_with_parent(int(sys.argv[1]))
    raise_open_files()  # its workers inherit it
    import crossbar  # late: it takes a second

    settings = read_settings(os.environ)
    node_dir = settings.node.node_dir.absolute()
    node_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    # crossbar.run() reads the command line of its process.
    sys.argv = [
        "crossbar",
        "start",
        f"--cbdir={node_dir}",
        f"--config={settings.node.node_config or config_file()}",
        *OPTIONS,
    ]
    crossbar.run()


if __name__ == "__main__":
    main()
