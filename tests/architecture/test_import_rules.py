"""Each import rule in setup.cfg bites: an import it forbids is put in, and the check fails."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUP = ROOT / "setup.cfg"
PROGRAM = Path(__file__).with_name("forbidden.py")

FORBIDDEN = [
    # rule, who, whom; "bookmarks" is a domain that is copied and not entered anywhere
    ("map", "kernel.text", "chat.contracts"),
    ("map", "lessons.roster", "chat.contracts"),
    ("map", "chat.service", "board.contracts"),
    ("map", "sessions.store", "notifications.contracts"),
    ("map", "reference.pages", "app.site"),
    ("map", "client.lesson", "lessons.contracts"),
    ("map", "bookmarks.contracts", "kernel.contracts"),
    ("rooms", "chat.contracts", "chat.rules"),
    ("rooms", "accounts.errors", "accounts.contracts"),
    ("rooms", "board.rules", "board.store"),
    ("rooms", "lessons.wamp", "lessons.rest"),
    ("rooms", "notifications.push.settings", "notifications.push.contracts"),
    ("rooms", "bookmarks.rules", "bookmarks.store"),
    ("circles", "lessons.roster", "lessons.presence"),
    ("circles", "notifications.push.turns", "notifications.push.batch"),
    ("circles", "board.excalidraw.geometry", "board.excalidraw.reading"),
    ("circles", "kernel.text", "kernel.contracts"),
    ("privacy", "lessons.roster", "accounts.login_throttle"),
    ("privacy", "chat.service", "lessons.roster"),
    ("privacy", "chat.store", "lessons.store"),
    ("privacy", "notifications.notifier", "lessons.presence"),
    ("privacy", "notifications.push.queue", "accounts.store"),
    ("privacy", "notifications.service", "board.writing"),
    ("privacy", "board.exchange", "lessons.settings"),
    ("privacy", "lessons.service", "gate.rules"),
    ("privacy", "reference.pages", "notifications.push.contracts"),
    ("privacy", "bookmarks.service", "lessons.access"),
    ("inside", "notifications.service", "notifications.push.queue"),
    ("inside", "notifications.writing", "notifications.push.tables"),
    ("inside", "board.exchange", "board.excalidraw.geometry"),
    ("edges", "lessons.rest", "lessons.roster"),
    ("edges", "chat.wamp", "chat.store"),
    ("edges", "notifications.rest", "notifications.push.queue"),
    ("edges", "bookmarks.rest", "bookmarks.store"),
    ("top", "lessons.roster", "lessons.service"),
    ("top", "notifications.push.turns", "notifications.service"),
    ("top", "chat.rules", "chat.wamp"),
    ("top", "bookmarks.counts", "bookmarks.service"),
    ("sql", "lessons.roster", "sqlalchemy"),
    ("sql", "notifications.push.service", "kernel.sql.database"),
    ("sql", "notifications.push.turns", "sqlalchemy"),
    ("sql", "chat.service", "kernel.sql.streams"),
    ("sql", "chat.rules", "kernel.sql.lanes"),
    ("sql", "board.contracts", "kernel.sql.database"),
    ("sql", "kernel.streams", "sqlalchemy"),
    ("sql", "bookmarks.service", "kernel.sql.groups"),
    ("http", "board.service", "kernel.edges.resource"),
    ("http", "chat.wamp", "kernel.edges.problems"),
    ("http", "notifications.push.web_push", "klein"),
    ("http", "bookmarks.service", "klein"),
    ("wamp", "lessons.roster", "autobahn"),
    ("wamp", "board.exchange", "kernel.edges.component"),
    ("wamp", "accounts.rest", "autobahn"),
    ("wamp", "bookmarks.service", "kernel.edges.component"),
    ("redis", "notifications.counts", "txredisapi"),
    ("redis", "kernel.memo", "txredisapi"),
    ("redis", "bookmarks.store", "txredisapi"),
    ("gate", "gate.arrivals", "sqlalchemy"),
    ("gate", "kernel.tokens", "kernel.sql.database"),
    ("kernel", "kernel.memo", "kernel.edges.deadline"),
    ("kernel", "kernel.contracts", "kernel.sql.database"),
    ("kernel", "kernel.edges.intake", "kernel.sql.probe"),
    ("kernel", "kernel.sql.groups", "kernel.edges.deadline"),
]


def rules() -> list[str]:
    setup = ConfigParser()
    setup.read(SETUP)
    return [section.rpartition(":")[2] for section in setup.sections() if section.startswith("importlinter:contract:")]


def _full(name: str) -> str:
    return f"tutorwamp.{name}" if "." in name else name


@pytest.fixture(scope="module")
def holds() -> dict[tuple[str, ...], bool]:
    """Whether a rule holds though its import was put in; under (): whether all hold as it is."""
    asked = [(rule, _full(who), _full(whom)) for rule, who, whom in FORBIDDEN]
    told = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, PROGRAM], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return dict(zip([(), *FORBIDDEN], json.loads(told.stdout), strict=True))


def test_the_rules_hold(holds: dict[tuple[str, ...], bool]) -> None:
    assert holds[()], "See: lint-imports --config setup.cfg"


def test_each_rule_is_tried() -> None:
    assert {rule for rule, _, _ in FORBIDDEN} == set(rules()), "Give each rule an import in FORBIDDEN that it refuses."


@pytest.mark.parametrize("forbidden", FORBIDDEN, ids=" ".join)
def test_a_forbidden_import_is_refused(holds: dict[tuple[str, ...], bool], forbidden: tuple[str, str, str]) -> None:
    rule, who, whom = forbidden
    assert not holds[forbidden], f"The rule {rule} of setup.cfg lets {who} import {whom}."


def test_the_command_refuses_them_in_files(tmp_path: Path) -> None:
    """As ``tox -e architecture`` runs it, on a copy of the source."""
    for path in (ROOT / "tutorwamp").rglob("*.py"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    put_in = {
        "lessons/roster.py": "from tutorwamp.kernel.sql.database import Database",
        "notifications/push/turns.py": "from tutorwamp.accounts.store import AccountsStore",
    }
    for file, line in put_in.items():
        with (tmp_path / "tutorwamp" / file).open("a") as module:
            module.write(f"{line}\n")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--config", str(SETUP), "--no-cache", "--no-logo"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603  # our own arguments
    assert told.returncode == 1, told.stdout + told.stderr
    broken = [line.partition(":")[0] for line in told.stdout.splitlines() if " BROKEN" in line]
    assert broken == ["Privacy", "One door to SQL"]
    assert "tutorwamp.lessons.roster -> tutorwamp.kernel.sql.database" in told.stdout
    assert "tutorwamp.notifications.push.turns -> tutorwamp.accounts.store" in told.stdout
