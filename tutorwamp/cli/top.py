"""``tutorwamp top``: a node at work, in a terminal. It reads the node's ``/metrics``, twice for each page."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict
from typing import Final

import click
from rich.console import Console
from rich.live import Live

from tutorwamp.cli.figures import Figures, figures
from tutorwamp.cli.readings import Reading
from tutorwamp.cli.top_page import page
from tutorwamp.kernel.node_settings import NodeSettings
from tutorwamp.kernel.settings import gather, read

READ_WITHIN_S: Final = 5.0
"""A node gives its processes a second to tell what they count."""
EVERY_S: Final = 2.0
WIDTH_IN_A_FILE: Final = 120


@click.command()
@click.option("--url", metavar="URL", help="The node's metrics; else those of the settings' node on this machine.")
@click.option(
    "--every", "every_s", type=click.FloatRange(0.2, 300), default=EVERY_S, show_default=True, help="Seconds."
)
@click.option("--once", is_flag=True, help="One page, and an end; so it is where no terminal reads it.")
@click.option("--json", "as_json", is_flag=True, help="JSON, an object a line; null for what the node does not tell.")
def top(url: str | None, every_s: float, once: bool, as_json: bool) -> None:  # click passes flags by name
    """A running node: people, lessons, calls and how long they take, what waits, what fails."""
    node = MetricsOf(url or f"http://127.0.0.1:{read(NodeSettings, gather(os.environ)).rest_port}/metrics")
    before = node.read()
    with contextlib.suppress(KeyboardInterrupt):  # that is how one leaves it
        if as_json:
            _tell_lines(node, before, every_s, once=once)
        elif once or not sys.stdout.isatty():
            console = Console(width=None if sys.stdout.isatty() else WIDTH_IN_A_FILE)
            console.print(page(node.url, _next(node, before, every_s)[0]))
        else:
            _show(node, before, every_s)


class MetricsOf:
    """A node's metrics at an address."""

    def __init__(self, url: str) -> None:
        """Raises UsageError for what is no address."""
        if not url.startswith(("http://", "https://")):
            raise click.BadParameter("http://HOST:PORT/metrics is expected", param_hint="--url")
        self.url = url if url.rstrip("/").endswith("/metrics") else f"{url.rstrip('/')}/metrics"

    def read(self) -> Reading:
        """As they are now. Raises ClickException where nobody answers as a node does."""
        try:
            with urllib.request.urlopen(self.url, timeout=READ_WITHIN_S) as answer:  # noqa: S310  # it was looked at
                text = answer.read().decode()
            reading = Reading(text, time.monotonic())
        except (OSError, ValueError) as error:
            raise click.ClickException(f"{self.url} does not tell a node's metrics: {error}") from error
        if not reading.knows("tutorwamp_node_restarts"):
            raise click.ClickException(f"{self.url} does not tell a node's metrics; is a node there?")
        return reading


def _next(node: MetricsOf, before: Reading, every_s: float) -> tuple[Figures, Reading]:
    """The figures of the time until then, and the reading that ends it."""
    time.sleep(every_s)  # it is the time that is measured
    after = node.read()
    return figures(before, after), after


def _tell_lines(node: MetricsOf, before: Reading, every_s: float, *, once: bool) -> None:
    while True:
        told, before = _next(node, before, every_s)
        click.echo(json.dumps(asdict(told), ensure_ascii=False))
        sys.stdout.flush()
        if once:
            return


def _show(node: MetricsOf, before: Reading, every_s: float) -> None:
    """For ever; a node that does not answer for a while is waited for, and said to be away."""
    told = figures(before, before)
    with Live(page(node.url, told, "reading …"), screen=True, auto_refresh=False) as live:
        while True:
            noted = ""
            try:
                told, before = _next(node, before, every_s)
            except click.ClickException:
                noted = f"has not answered for {time.monotonic() - before.at_s:.0f} s"
            live.update(page(node.url, told, noted), refresh=True)
