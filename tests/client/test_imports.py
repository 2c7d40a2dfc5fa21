from __future__ import annotations

import subprocess
import sys

from tests.support.node import ROOT


def test_the_client_needs_neither_the_router_nor_sql() -> None:
    program = "import sys, tutorwamp.client.script; print({'crossbar', 'klein', 'sqlalchemy'} & set(sys.modules))"
    command = [sys.executable, "-Wignore", "-c", program]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - ours
    assert output == "set()\n"
