"""``tutorwamp dependencies``: needs click and no other library, so that the check of the imports can run it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tutorwamp.reference.dependencies.page import RENEW, files, stale, write
from tutorwamp.reference.dependencies.parts import as_json, read_dependencies


@click.command()
@click.option("--json", "as_text", is_flag=True, help="Print JSON, with every import.")
@click.option("--write", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write page and picture.")
@click.option("--check", "old", type=click.Path(path_type=Path, file_okay=False), help="Exit 1 where they are old.")
def dependencies(as_text: bool, folder: Path | None, old: Path | None) -> None:  # click passes flags by name
    """Who needs whom in the code, and in which circles."""
    if folder is not None:
        write(folder)
    elif old is not None:
        names = stale(old)
        if names:
            raise click.ClickException(f"{', '.join(names)}: the imports have changed; run: {RENEW}")
    elif as_text:
        click.echo(json.dumps(as_json(read_dependencies()), indent=2))
    else:
        click.echo(files()["dependencies.md"])
