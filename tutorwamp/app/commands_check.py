"""The command line's look at everything: ``tutorwamp check``."""

from __future__ import annotations

import os
import sys

import click

from tutorwamp.app.check import findings


@click.command()
def check() -> None:
    """Check settings, node configuration, database, migrations. Exit 1 where something is wrong."""
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "state", "detail or mend", box=None)
    found = findings(os.environ)
    for finding in found:
        table.add_row(finding.what, "ok" if finding.fine else "WRONG", finding.text)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    sys.exit(0 if all(finding.fine for finding in found) else 1)
