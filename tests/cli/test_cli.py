"""The command line: what it does, what it says, and one clear line where it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.supervision.test_holding import HOLDS
from tests.support.machine import set_stage
from tests.support.node import ROOT, free_port
from tests.support.postgres import Postgres
from tests.support.refused import refused
from tutorwamp.accounts.contracts import LogIn
from tutorwamp.cli.main import main
from tutorwamp.kernel.errors import Unauthenticated
from tutorwamp.kernel.sql import migrate
from tutorwamp.kernel.sql.database import make_engine

EMAIL, PASSWORD = "ada@school.example", "correct horse"


class Shell:
    """Runs commands on a data folder of their own."""

    def __init__(self, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data_dir = data_dir
        self.monkeypatch = monkeypatch
        for name in os.environ:
            if name.startswith("TUTORWAMP_"):
                monkeypatch.delenv(name)
        self.set("DATA_DIR", str(data_dir))

    def set(self, name: str, value: str) -> None:
        self.monkeypatch.setenv(f"TUTORWAMP_{name}", value)

    def run(self, *words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, words, input=typed)

    def refused(self, *words: str) -> str:
        """The one line of a command that could not."""
        done = self.run(*words)
        assert isinstance(done.exception, SystemExit), done.exception
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
        return done.stderr.removeprefix("Error: ").strip()

    def add(self, *more: str, email: str = EMAIL, password: str = PASSWORD, name: str = "Ada") -> tuple[str, ...]:
        return ("user", "add", email, "--name", name, "--password", password, *more)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(tmp_path / "data", monkeypatch)


# user


async def test_the_life_of_an_account(shell: Shell) -> None:
    added = shell.run(*shell.add("--role", "admin", email="Ada@School.example"))
    assert (added.exit_code, added.stderr) == (0, "")
    assert added.stdout.startswith(f"added admin {EMAIL} (")
    changed = shell.run("user", "password", "ADA@school.example", "--password", "a new horse")
    assert (changed.exit_code, changed.output) == (0, f"new password set for {EMAIL}; live sessions end\n")

    stage, stop = set_stage(shell.data_dir)
    try:
        tokens = await stage.machine.accounts.log_in(LogIn(email=EMAIL, password="a new horse"))
        assert (tokens.user.role, tokens.user.name) == ("admin", "Ada")
        closed = shell.run("user", "deactivate", "Ada@School.example")
        assert (closed.exit_code, closed.output) == (0, f"deactivated {EMAIL}; live sessions end\n")
        await refused(Unauthenticated, stage.machine.accounts.log_in(LogIn(email=EMAIL, password="a new horse")))
    finally:
        stop()


def test_a_password_can_be_typed(shell: Shell) -> None:
    typed = shell.run("user", "add", EMAIL, "--name", "Ada", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert typed.exit_code == 0
    assert PASSWORD not in typed.output


def test_a_password_is_a_line_of_standard_input(shell: Shell) -> None:
    assert shell.run("user", "add", EMAIL, "--name", "Ada", typed=f"{PASSWORD}\n").exit_code == 0
    assert shell.run("user", "password", EMAIL, typed="a new horse of a password").exit_code == 0
    assert "no password" in shell.run("user", "password", EMAIL, typed="").output


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"email": "ada"}, "email: not an e-mail address: An email address must have an @-sign."),
        ({"password": "short"}, "password: String should have at least 8 characters"),
        ({"name": " "}, "name: "),
        ({"name": "A\x1b[31m"}, "name: must not contain control characters"),
    ],
)
def test_what_is_no_account_is_one_line(shell: Shell, wrong: dict[str, Any], told: str) -> None:
    assert told in shell.refused(*shell.add(**wrong))
    assert not shell.data_dir.exists(), "nothing was touched"


def test_who_is_there_already_and_who_is_not(shell: Shell) -> None:
    shell.run(*shell.add())
    assert shell.refused(*shell.add(email=EMAIL.upper())) == "Somebody has registered with this e-mail address already."
    for words in (
        ("user", "password", "x@y.example", "--password", PASSWORD),
        ("user", "deactivate", "x@y.example"),
        ("user", "activate", "x@y.example"),
        ("user", "role", "x@y.example", "tutor"),
    ):
        assert shell.refused(*words) == "There is no account with this e-mail address."
    assert "password: " in shell.refused("user", "password", EMAIL, "--password", "short")
    assert "too easy to guess" in shell.refused(*shell.add(email="b@c.example", password="Password-1"))
    assert "too easy to guess" in shell.refused("user", "password", EMAIL, "--password", "Ada-2026")


async def test_accounts_are_listed_closed_opened_and_change_their_role(shell: Shell) -> None:
    shell.run(*shell.add())
    shell.run(*shell.add("--role", "admin", email="zoe@school.example", name="Zoë"))
    shell.run("user", "deactivate", EMAIL)
    listed = shell.run("user", "list")
    assert (listed.exit_code, listed.stderr) == (0, "")
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert [(row[0], row[1], row[2], row[4]) for row in rows] == [
        (EMAIL, "student", "deactivated", "Ada"),
        ("zoe@school.example", "admin", "active", "Zoë"),
    ]
    assert [json.loads(line)["active"] for line in shell.run("user", "list", "--json").stdout.splitlines()] == [
        False,
        True,
    ]
    assert shell.run("user", "activate", "Ada@school.example").output == f"activated {EMAIL}; a new login is needed\n"
    log_file = shell.data_dir / "log"
    shell.set("LOG_FILE", str(log_file))
    shell.set("LOG_FORMAT", "json")
    changed = shell.run("user", "role", "Ada@school.example", "tutor")
    assert (changed.exit_code, changed.stdout) == (0, f"{EMAIL} is tutor; live sessions of another role end\n")
    shell.run("user", "role", EMAIL, "tutor")
    audits = [one for one in map(json.loads, log_file.read_text().splitlines()) if one["event"] == "audit"]
    assert [(one["what"], one["before"], one["role"]) for one in audits] == [("role set", "student", "tutor")], "once"
    stage, stop = set_stage(shell.data_dir)
    try:
        tokens = await stage.machine.accounts.log_in(LogIn(email=EMAIL, password=PASSWORD))
        assert tokens.user.role == "tutor"
        shell.run("user", "role", EMAIL, "student")
        await refused(Unauthenticated, stage.machine.accounts.authenticate(tokens.access_token))
    finally:
        stop()


def test_a_role_that_is_none_is_a_mistake_of_usage(shell: Shell) -> None:
    assert shell.run("user", "role", EMAIL, "component").exit_code == 2
    assert shell.run(*shell.add("--role", "component")).exit_code == 2


# migrate


def test_migrate_says_where_it_was_and_is(shell: Shell) -> None:
    newest = migrate.newest_revision()
    first, second = shell.run("migrate"), shell.run("migrate")
    assert (first.exit_code, first.output) == (0, f"database at revision {newest} (was: empty)\n")
    assert (second.exit_code, second.output) == (0, f"database at revision {newest} (was: {newest})\n")


def test_migrate_sql_prints_and_touches_nothing(shell: Shell) -> None:
    for url in (None, "postgresql://somebody@127.0.0.1:1/x%20y"):
        if url:
            shell.set("DATABASE_URL", url)
        printed = shell.run("migrate", "--sql")
        assert (printed.exit_code, printed.stderr) == (0, "")
        assert "CREATE TABLE users" in printed.stdout
        assert "INSERT INTO alembic_version" in printed.stdout
    assert not shell.data_dir.exists()


@pytest.fixture
def on_both(shell: Shell, empty_database_url: str) -> Shell:
    shell.set("DATABASE_URL", empty_database_url)
    return shell


def test_migrate_sql_begins_where_the_database_is(on_both: Shell) -> None:
    assert "CREATE TABLE users" in on_both.run("migrate", "--sql").stdout
    on_both.run("migrate")
    newest = migrate.newest_revision()
    nothing = on_both.run("migrate", "--sql").stdout
    assert nothing.startswith(f"-- from revision {newest}\n")
    assert "alembic_version" not in nothing
    done = on_both.run("migrate", "--down-to", "0008")
    assert (done.exit_code, done.output) == (0, f"database at revision 0008 (was: {newest})\n")
    printed = on_both.run("migrate", "--sql").stdout
    assert printed.startswith("-- from revision 0008\n")
    assert "CREATE TABLE users" not in printed
    assert "CREATE TABLE write_probe" in printed
    back = on_both.run("migrate", "--sql", "--down-to", "0007").stdout
    assert "version_num='0007'" in back
    assert on_both.run("migrate").output == f"database at revision {newest} (was: 0008)\n"


def test_there_is_no_way_back_to_what_never_was(on_both: Shell) -> None:
    assert "which is before 0008" in on_both.refused("migrate", "--down-to", "0008")
    on_both.run("migrate")
    assert on_both.refused("migrate", "--down-to", "nonsense").startswith("there is no revision nonsense; ")
    assert on_both.run("migrate", "--down-to", "base").exit_code == 0


def test_a_database_of_a_newer_tutorwamp_is_one_line_with_the_way_on(on_both: Shell) -> None:
    for name in ("PORT", "REST_PORT"):
        on_both.set(name, str(free_port()))
    on_both.run("migrate")
    engine = make_engine(os.environ["TUTORWAMP_DATABASE_URL"])
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    newest = migrate.newest_revision()
    told = f"the database is at revision 9999, this tutorwamp knows up to {newest}: install the newer one"
    for words in (("up",), ("migrate",), ("migrate", "--sql"), ("migrate", "--down-to", "0008"), ("user", "list")):
        assert on_both.refused(*words).startswith(told)
    checked = on_both.run("check")
    assert (checked.exit_code, "run tutorwamp migrate\n" in checked.stdout) == (1, False)
    assert "install the newer one" in " ".join(checked.stdout.split())


def test_of_several_who_migrate_at_once_each_succeeds(on_both: Shell) -> None:
    def begin() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tutorwamp", "migrate"]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603  # our own command

    told = [one.communicate(timeout=120)[0] for one in [begin() for _ in range(3)]]
    newest = migrate.newest_revision()
    assert sorted(told) == sorted(
        [f"database at revision {newest} (was: empty)\n", *[f"database at revision {newest} (was: {newest})\n"] * 2]
    )


# what is wrong around us


@pytest.mark.parametrize("words", [("migrate",), ("user", "deactivate", EMAIL), ("up",)])
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PROT", "1", "Unknown setting TUTORWAMP_PROT. Did you mean TUTORWAMP_PORT?"),
        ("PORT", "99999", "TUTORWAMP_PORT='99999': expected a port number, 1 to 65535"),
        ("REVOCATION_POLL", "9999999999999999h", "TUTORWAMP_REVOCATION_POLL="),
        ("DATABASE_URL", "nonsense", "TUTORWAMP_DATABASE_URL: Could not parse"),
        ("DATABASE_URL", "sqlite://", "TUTORWAMP_DATABASE_URL: "),
        ("DATABASE_URL", "postgresql://ada:hunter2@db:54321x/x", "TUTORWAMP_DATABASE_URL: its port is no number"),
        ("DATABASE_URL", "postgresql://ada:hunter2@db:99999/x", "TUTORWAMP_DATABASE_URL: its port is none, expected 1"),
        ("DATABASE_URL", "postgresql://ada:p@hunter2@db/x", "TUTORWAMP_DATABASE_URL: it has more than one @"),
        ("DATABASE_URL", "postgresql://ada:p@hunter2:p@db/x", "in a user name or password @ is written %40"),
        ("DATABASE_URL", "postgresql://ada:p@hunter2/p@db/x", "in a user name or password @ is written %40"),
        ("DATABASE_URL", "postgresql://ada:hunter2@127.0.0.1:1/x", "Connection refused; see: tutorwamp check"),
        ("DATA_DIR", "/etc/hostname", "/etc/hostname"),
    ],
)
def test_what_is_wrong_around_us_is_one_line(
    shell: Shell, words: tuple[str, ...], name: str, value: str, told: str
) -> None:
    if name != "PORT":
        shell.set("PORT", str(free_port()))
    shell.set("REST_PORT", str(free_port()))
    shell.set(name, value)
    line = shell.refused(*words)
    assert told in line
    assert "hunter2" not in line


def test_a_part_that_cannot_be_made_stops_the_start(shell: Shell) -> None:
    """What the node's components are made of is tried before the node is started."""
    for name in ("PORT", "REST_PORT"):
        shell.set(name, str(free_port()))
    shell.set("BOARD_PICTURES_URL", "nonsense")
    assert shell.refused("up").startswith("TUTORWAMP_BOARD_PICTURES_URL: begins with neither")
    shell.set("BOARD_PICTURES_URL", "")
    (shell.data_dir / "pictures").write_text("in the way")
    assert "pictures" in shell.refused("up")
    (shell.data_dir / "pictures").unlink()
    shell.set("LOG_FILE", str(shell.data_dir))
    assert "Is a directory" in shell.refused("up")


def test_a_sqlite_file_belongs_to_one_node(shell: Shell, tmp_path: Path) -> None:
    """Also where each has a data folder of its own; the line says who holds it."""
    for name in ("PORT", "REST_PORT"):
        shell.set(name, str(free_port()))
    file = tmp_path / "shared.sqlite3"
    shell.set("DATABASE_URL", f"sqlite:///{file}")
    held = subprocess.Popen(  # noqa: S603  # our own command
        [sys.executable, "-c", HOLDS, f"{file}.lock", "running"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert held.stdout is not None
        held.stdout.readline()
        line = shell.refused("up")
    finally:
        held.communicate("")
    assert line == (
        f"another node (process {held.pid}, port 8080) uses the database {file}; "
        "choose another with TUTORWAMP_DATABASE_URL"
    )


def test_a_key_that_is_too_short_stops_the_start(shell: Shell) -> None:
    for name in ("PORT", "REST_PORT"):
        shell.set(name, str(free_port()))
    shell.set("SECRET_KEY", "short")
    for words in (("up",), shell.add()):
        assert shell.refused(*words) == "TUTORWAMP_SECRET_KEY must have at least 32 bytes."


def test_a_database_server_is_migrated_by_its_operator(shell: Shell, postgres: Postgres) -> None:
    for name in ("PORT", "REST_PORT"):
        shell.set(name, str(free_port()))
    url = postgres.create_database("operators")
    shell.set("DATABASE_URL", url)
    for words in (("up",), shell.add()):
        assert shell.refused(*words) == "the database is not at the newest revision; run: tutorwamp migrate"
    assert shell.run("migrate").exit_code == 0
    assert shell.run(*shell.add()).exit_code == 0


# check


def test_check_is_a_table_and_an_exit_code(shell: Shell) -> None:
    shell.run("migrate")
    fine = shell.run("check")
    assert (fine.exit_code, fine.stderr) == (0, "")
    assert "WRONG" not in fine.stdout
    rows = [line.split()[0] for line in fine.stdout.splitlines()]
    assert rows == ["what", "settings", "node", "database", "migrations"]


def test_check_with_settings_that_cannot_be_read(shell: Shell) -> None:
    shell.set("PROT", "1")
    done = shell.run("check")
    assert done.exit_code == 1
    assert "Did you mean TUTORWAMP_PORT?" in done.stdout


# as a process


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_what_needs_no_library_imports_none(word: str) -> None:
    """The time of a command is that of its imports: the version takes 0.2 s, with all of them 2 s."""
    asked = f"import sys; from tutorwamp.cli.main import main; main([{word!r}], standalone_mode=False); "
    heavy = "print({'twisted', 'sqlalchemy', 'pydantic', 'autobahn', 'alembic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked + heavy], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603  # our own command
    assert done.stdout.endswith("set()\n")


def test_a_database_that_goes_away_spills_nothing_of_ours(tmp_path: Path) -> None:
    with Postgres() as server:
        url = server.create_database("gone")
        engine = make_engine(url)
        migrate.upgrade(engine)
        # Our own trigger plays the server that dies while it is written to.
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION USING ERRCODE = '57P01'; END $$"
            )
            connection.exec_driver_sql("CREATE TRIGGER die BEFORE INSERT ON users EXECUTE FUNCTION die()")
        engine.dispose()
        done = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "-m", "tutorwamp", *Shell.add(None, password="hunter2 hunter2")],  # type: ignore[arg-type]  # needs no shell
            cwd=ROOT,
            env={**os.environ, "TUTORWAMP_DATA_DIR": str(tmp_path), "TUTORWAMP_DATABASE_URL": url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: The database cannot be reached just now.\n"
