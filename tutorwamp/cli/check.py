"""The command line's look at everything: ``tutorwamp check``."""

from __future__ import annotations

import contextlib
import os
import sys

import click

from tutorwamp.cli.config_check import begin_config_check
from tutorwamp.kernel.node_settings import NodeSettings
from tutorwamp.kernel.settings import SettingsError, gather, read


@click.command()
def check() -> None:
    """Check settings, node configuration, database, migrations. Exit 1 where something is wrong."""
    node = None
    with contextlib.suppress(SettingsError):  # findings() says which
        node = begin_config_check(read(NodeSettings, gather(os.environ)), os.environ)

    from rich.console import Console
    from rich.table import Table

    from tutorwamp.cli.findings import findings  # late: meanwhile Crossbar's check runs

    table = Table("what", "state", "detail or mend", box=None)
    found = findings(os.environ, node)
    for finding in found:
        table.add_row(finding.what, "ok" if finding.fine else "WRONG", finding.text)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    sys.exit(0 if all(finding.fine for finding in found) else 1)
