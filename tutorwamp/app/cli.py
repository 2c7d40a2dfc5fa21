"""The command line: ``tutorwamp up``, ``check``, ``migrate``, ``user``, ``catalogue``, ``bench``."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import click
from sqlalchemy.exc import SQLAlchemyError

from tutorwamp.accounts.contracts import OneAccount, Register, SetPassword
from tutorwamp.app import migrate as schema
from tutorwamp.app.assembly import Machine, Settings, engine_for, read_settings
from tutorwamp.app.check import findings, reason_of
from tutorwamp.app.data_folder import make_private, remember_database, require_folders, require_remembered, sqlite_path
from tutorwamp.app.demo import prepare as prepare_demo
from tutorwamp.app.holding import FOLDER, HeldError, Hold, Holder
from tutorwamp.app.offline import run_offline
from tutorwamp.app.processes import end_left_behind, who_listens
from tutorwamp.kernel.arguments import check as check_arguments
from tutorwamp.kernel.contracts import AuthRole
from tutorwamp.kernel.errors import Invalid, TutorwampError
from tutorwamp.kernel.settings import PRIVATE, Port, SettingsError

Result = TypeVar("Result")


class _OneLine(click.Group):
    """What can go wrong outside of us becomes one line and exit 1, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (TutorwampError, SettingsError) as error:
            raise click.ClickException(str(error)) from error
        except SQLAlchemyError as error:
            raise click.ClickException(f"database: {reason_of(error)}; see: tutorwamp check") from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever reads us has gone: click knows what to do
                raise
            raise click.ClickException(
                f"{error.strerror}: {error.filename}" if error.filename else str(error)
            ) from error


@click.group(cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tutorwamp")
def main() -> None:
    """Run and look after a tutorwamp node. Settings are TUTORWAMP_... variables; see docs/settings.md."""


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), help="The public port (TUTORWAMP_PORT, 8080).")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The data folder (TUTORWAMP_DATA_DIR).")
@click.option("--demo", is_flag=True, help="Add a tutor, two students and a live lesson.")
def up(port: int | None, data: Path | None, demo: bool) -> None:  # click passes flags by name
    """Run the whole node, supervised, until Ctrl-C or SIGTERM."""
    settings = _settings(port=port, data=data)
    with _hold(settings) as hold:
        _run(settings, hold, demo=demo)


def _run(settings: Settings, hold: Hold, *, demo: bool) -> None:
    _require_free_port(settings.node.port, "--port or TUTORWAMP_PORT")
    _require_free_port(settings.node.rest_port, "TUTORWAMP_REST_PORT")
    settings.node.signing_key()
    require_folders(settings)
    # All that the node's components are made of is made once here, where what is wrong with it is one line.
    welcome = _on_machine(settings, prepare_demo if demo else _nothing)

    from twisted.internet import reactor  # late: only this command needs it

    from tutorwamp.app.output import Teller
    from tutorwamp.app.service_manager import tell
    from tutorwamp.app.supervisor import Supervisor, run

    async def ready() -> None:
        if welcome:
            click.echo(welcome)
        click.echo(f"ready http://127.0.0.1:{settings.node.port}/")
        sys.stdout.flush()
        tell("READY=1")

    teller = Teller()
    teller.tell("starting the node ...")
    supervisor = Supervisor(reactor, settings, teller.tell, hold, lambda: _prepare_again(settings))
    run(supervisor, ready, teller)


@main.command()
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


@main.command()
@click.option("--sql", is_flag=True, help="Print the statements instead of running them.")
def migrate(sql: bool) -> None:  # click passes flags by name
    """Bring the database to the newest revision."""
    settings = _settings()
    if sql:
        click.echo(schema.upgrade_sql(settings.database.url_in(settings.node.data_dir)))
        return
    require_remembered(settings)
    engine = engine_for(settings)
    before = schema.current_revision(engine)
    schema.upgrade(engine)
    engine.dispose()
    remember_database(settings)
    click.echo(f"database at revision {schema.newest_revision()} (was: {before or 'empty'})")


@main.command()
def restored() -> None:
    """Say that the database was restored from a backup: clients read everything afresh.

    A node notices most restores by itself, but not a snapshot of the whole machine.
    """

    async def declare(machine: Machine) -> str:
        return await machine.nodes.declare_restored()

    click.echo(f"the database has a new epoch: {_on_machine(_settings(), declare)}")


@main.command("catalogue")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every schema.")
@click.option("--write", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write the reference pages.")
def show_catalogue(as_json: bool, folder: Path | None) -> None:  # click passes flags by name
    """Every procedure, topic, route and error."""
    from tutorwamp.app import catalogue, reference  # late: only this command needs every domain's doors

    if folder is not None:
        reference.write(folder)
    elif as_json:
        click.echo(json.dumps(catalogue.as_json(), indent=2, ensure_ascii=False))
    else:
        for name, page in reference.pages().items():
            if name.endswith(".md"):
                click.echo(page)


@main.group()
def bench() -> None:
    """Measure, on a node of its own; see docs/performance/."""


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@bench.command("chat")
@click.option("--rounds", default=5, show_default=True, help="Of each contender, after one to warm up.")
@click.option("--calls", default=2_000, show_default=True, help="In each round; a tenth of it one by one.")
@_as_json
def bench_chat(rounds: int, calls: int, as_json: bool) -> None:  # click passes flags by name
    """chat.send beside the same router without a database."""
    from tutorwamp.app.bench import as_rows, lines, run

    rows = as_rows(run(rounds, calls))
    _tell(rows, lines(rows), as_json=as_json)


@bench.command("board")
@click.option("--writers", default=30, show_default=True, type=click.IntRange(2, 31), help="One is the tutor.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(0.1))
@click.option("--hz", default=20.0, show_default=True, type=click.FloatRange(0.1), help="Submits of each, per second.")
@click.option("--processes", default=2, show_default=True, type=click.IntRange(1), help="That the writers share.")
@_as_json
def bench_board(writers: int, seconds: float, hz: float, processes: int, as_json: bool) -> None:  # as above
    """Everybody draws on one board, and hears everybody."""
    from tutorwamp.app.bench_board import lines, run

    result = run(writers, seconds, hz, min(processes, writers))
    _tell(asdict(result), lines(result), as_json=as_json)


@bench.command("board-lesson")
@click.option("--people", default=30, show_default=True, type=click.IntRange(2, 31), help="One is the tutor.")
@click.option("--minutes", default=120.0, show_default=True, type=click.FloatRange(0.01), help="Of the lesson.")
@_as_json
def bench_board_lesson(people: int, minutes: float, as_json: bool) -> None:  # as above
    """All that a lesson draws, as fast as it goes, and what becomes of the node meanwhile."""
    from tutorwamp.app.bench_lesson import lines, run

    result = run(people, minutes * 60)
    _tell(asdict(result), lines(result), as_json=as_json)


@bench.command("unread")
@click.option("--people", default=1_000, show_default=True, type=click.IntRange(16), help="Asked about in a round.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="After one to warm up.")
@_as_json
def bench_unread(people: int, rounds: int, as_json: bool) -> None:  # as above
    """The unread count over REST, from SQL and from the cache."""
    from tutorwamp.app.bench_unread import lines, run

    result = run(people, rounds)
    _tell(asdict(result), lines(result), as_json=as_json)


@bench.command("sessions")
@click.option("--people", default=5_000, show_default=True, type=click.IntRange(20), help="In lessons of ten.")
@click.option("--cut", default=1_000, show_default=True, type=click.IntRange(1), help="Who lose their connections.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1), help="Of everybody being there.")
@_as_json
def bench_sessions(people: int, cut: int, seconds: float, as_json: bool) -> None:  # as above
    """What it costs that people are there, and how long it takes them to come back."""
    from tutorwamp.app.bench_sessions import lines, run

    result = run(people, min(cut, people), seconds)
    _tell(asdict(result), lines(result), as_json=as_json)


def _tell(result: Any, lines: Iterable[str], *, as_json: bool) -> None:
    click.echo(json.dumps(result, indent=2) if as_json else "\n".join(lines))


def _password(_context: click.Context, _option: click.Parameter, given: str | None) -> str:
    """What was given, else what is typed at a terminal (twice, unseen), else a line of standard input."""
    if given is not None:
        return given
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise click.UsageError("no password: neither --password nor a line on standard input")
    return line


_with_password = click.option(
    "--password", callback=_password, help="Asked for, or read from standard input, where it is not given."
)


@main.group()
def user() -> None:
    """Accounts, admins among them."""


@user.command("add")
@click.argument("email")
@click.option("--name", required=True, help="As others see it.")
@click.option("--role", type=click.Choice([str(role) for role in AuthRole]), default="student", show_default=True)
@_with_password
def user_add(email: str, name: str, role: str, password: str) -> None:
    """Add an account of any role."""
    # The form of e-mail, name and password is the same for every door; only the role is wider here.
    asked = _checked(Register, {"email": email, "password": password, "name": name, "role": "student"})
    added = _on_machine(
        _settings(), lambda machine: machine.accounts.add_user(asked.email, asked.password, asked.name, AuthRole(role))
    )
    click.echo(f"added {added.role} {added.email} ({added.id})")


@user.command("password")
@click.argument("email")
@_with_password
def user_password(email: str, password: str) -> None:
    """Set a new password; all logins and live sessions of the account end."""
    asked = _checked(SetPassword, {"email": email, "password": password})
    changed = _on_machine(_settings(), lambda machine: machine.accounts.set_password(asked.email, asked.password))
    click.echo(f"new password set for {changed.email}; live sessions end")


@user.command("deactivate")
@click.argument("email")
def user_deactivate(email: str) -> None:
    """Close an account; all its logins and live sessions end."""
    asked = _checked(OneAccount, {"email": email})
    closed = _on_machine(_settings(), lambda machine: machine.accounts.deactivate(asked.email))
    click.echo(f"deactivated {closed.email}; live sessions end")


def _checked(model: Any, arguments: dict[str, str]) -> Any:
    try:
        return check_arguments(model, arguments)
    except Invalid as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.details]  # type: ignore[index]  # Invalid's are a list of these
        raise click.ClickException("; ".join(faults)) from error


def _settings(*, port: int | None = None, data: Path | None = None) -> Settings:
    """Those of the environment and the command line; what is written from now on is its owner's alone."""
    os.umask(PRIVATE)
    settings = read_settings(os.environ)
    node = settings.node
    return replace(settings, node=replace(node, port=Port(port) if port else node.port, data_dir=data or node.data_dir))


def _require_free_port(port: int, where: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise click.ClickException(
                f"port {port} is in use by {who_listens(port)}; choose another with {where}"
            ) from error


def _hold(settings: Settings) -> Hold:
    """Let one ``up`` run on a data folder and on a SQLite file, and end what a killed one has left there."""
    data_dir = settings.node.data_dir
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_private(data_dir)
    try:
        hold = Hold(data_dir / FOLDER)
    except HeldError as error:
        raise click.ClickException(
            f"another node ({error}) runs on the data folder {data_dir}; choose another with --data"
        ) from error
    end_left_behind(hold.before.session, settings.node.node_dir)
    hold.say(Holder(os.getpid(), settings.node.port))
    path = sqlite_path(settings)
    if path is not None and path.parent.exists() and not path.is_relative_to(data_dir.absolute()):
        try:
            hold.also(Hold(path.with_name(f"{path.name}.lock")))
        except HeldError as error:
            raise click.ClickException(
                f"another node ({error}) uses the database {path}; choose another with TUTORWAMP_DATABASE_URL"
            ) from error
        hold.say(Holder(os.getpid(), settings.node.port))
    return hold


def _prepare_database(settings: Settings) -> None:
    """Migrate our own SQLite file; a database server is migrated by its operator."""
    require_remembered(settings)
    engine = engine_for(settings)
    try:
        if schema.current_revision(engine) != schema.newest_revision():
            if engine.dialect.name != "sqlite":
                raise click.ClickException("the database is not at the newest revision; run: tutorwamp migrate")
            schema.upgrade(engine)
    finally:
        engine.dispose()
    remember_database(settings)


def _prepare_again(settings: Settings) -> None:
    """Before each start: another database may lie there by now, or none."""
    if sqlite_path(settings) is not None:
        _prepare_database(settings)


async def _nothing(_machine: Machine) -> None:
    """That it could be made is enough."""


def _on_machine(settings: Settings, work: Callable[[Machine], Awaitable[Result]]) -> Result:
    """Do something with a machine of our own, on a database that is ready for it."""
    _prepare_database(settings)
    return run_offline(settings, work)
