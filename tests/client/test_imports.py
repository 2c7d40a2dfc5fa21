from __future__ import annotations

import subprocess
import sys

from tests.support.node import ROOT


def test_the_client_needs_neither_the_router_nor_sql() -> None:
    program = (
        "import sys, tutorwamp.client.script; print(sorted({'crossbar', 'sqlalchemy', 'klein'} & set(sys.modules)))"
    )
    command = [sys.executable, "-Wignore", "-c", program]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"  # noqa: S603 - our own command
