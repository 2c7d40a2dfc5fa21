"""A command of ours as an operator runs it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from tests.support.node import ROOT, environment

WITHIN_S = 180.0
"""For a command to end, on a busy machine."""


def tutorwamp(*words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """``tutorwamp`` with these words and these settings, and none of those that the tests themselves run with."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "tutorwamp", *words],
        cwd=ROOT,
        env={**environment(), "PYTHONPATH": path, **(env or {})},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
