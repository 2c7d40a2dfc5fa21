"""The table of docs/monitoring/README.md: ``python -m tests.monitoring.table`` writes it anew."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.monitoring.known import Known, known
from tests.support.machine import set_stage
from tests.support.node import ROOT

FOLDER: Final = ROOT / "docs" / "monitoring"
PAGE: Final = FOLDER / "README.md"
HEAD: Final = "| metric | kind | labels | meaning |\n|---|---|---|---|\n"


def table(metrics: Iterable[Known]) -> str:
    """A row for each, by name."""
    rows = sorted((one.shown, one.kind, one.labels - {"process"}, one.meaning) for one in metrics)
    return HEAD + "".join(
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in sorted(labels))} | {meaning} |\n"
        for name, kind, labels, meaning in rows
    )


def with_table(text: str, made: str) -> str:
    """The page with this table at its end."""
    return text.partition(HEAD)[0] + made


def main() -> None:
    """Write it."""
    with tempfile.TemporaryDirectory() as folder:
        stage, stop = set_stage(Path(folder))
        made = table(known(stage.machine).values())
        stop()
    PAGE.write_text(with_table(PAGE.read_text(), made))


if __name__ == "__main__":
    main()
