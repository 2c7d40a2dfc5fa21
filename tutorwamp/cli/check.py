"""The command line's look at everything: ``tutorwamp check``."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import click

from tutorwamp.cli.config_check import begin_config_check
from tutorwamp.kernel.node_settings import NodeSettings
from tutorwamp.kernel.settings import SettingsError, gather, read

if TYPE_CHECKING:
    from tutorwamp.cli.findings import Finding


def _address(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    if given is not None and not given.startswith(("http://", "https://")):
        raise click.BadParameter("http://HOST:PORT or https://HOST is expected")
    return given


@click.command()
@click.option("--live", is_flag=True, help="Ask the node that runs, by all the ways to it.")
@click.option("--url", metavar="URL", callback=_address, help="With --live: where people reach it.")
def check(live: bool, url: str | None) -> None:  # click passes flags by name
    """Check settings, node configuration, database, migrations. Exit 1 where something is wrong.

    With --live: a running node's health, a WAMP session that is refused as it should be, and on its own machine each of
    its processes, what it stands on, and which version runs.
    """
    if url is not None and not live:
        raise click.UsageError("--url is for --live.")
    found = _found_live(url) if live else _found()

    from rich.console import Console  # late, as all that takes time to import
    from rich.table import Table

    table = Table("what", "state", "detail or mend", box=None)
    for finding in found:
        table.add_row(finding.what, "ok" if finding.fine else "WRONG", finding.text)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    sys.exit(0 if all(finding.fine for finding in found) else 1)


def _found() -> list[Finding]:
    node = None
    with contextlib.suppress(SettingsError):  # findings() says which
        node = begin_config_check(read(NodeSettings, gather(os.environ)), os.environ)

    from tutorwamp.cli.findings import findings  # late: meanwhile Crossbar's check runs

    return findings(os.environ, node)


def _found_live(url: str | None) -> list[Finding]:
    from tutorwamp.cli.live import live_findings  # late: only this needs it

    return live_findings(os.environ, url)
