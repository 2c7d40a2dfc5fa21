"""The command line's work on a node and its database: ``tutorwamp up``, ``migrate``, ``restored``, ``catalogue``."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click
from sqlalchemy.exc import SQLAlchemyError

from tutorwamp.app.assembly import Machine
from tutorwamp.app.demo import prepare as prepare_demo
from tutorwamp.app.offline import run_offline
from tutorwamp.app.settings import Settings, engine_for, read_settings
from tutorwamp.cli.findings import open_files
from tutorwamp.kernel.log.lines import LogFormat
from tutorwamp.kernel.private_files import PRIVATE
from tutorwamp.kernel.settings import Port
from tutorwamp.kernel.sql import migrate as schema
from tutorwamp.kernel.sql.database_file import remember_database, require_remembered, sqlite_path
from tutorwamp.supervision.data_folder import make_private, require_folders
from tutorwamp.supervision.holding import FOLDER, HeldError, Hold, Holder
from tutorwamp.supervision.processes import end_left_behind, who_listens

Result = TypeVar("Result")


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="The public port (TUTORWAMP_PORT, 8080).")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The data folder (TUTORWAMP_DATA_DIR).")
@click.option("--demo", is_flag=True, help="Add a tutor, two students and a live lesson.")
def up(port: int | None, data: Path | None, demo: bool) -> None:  # click passes flags by name
    """Run the whole node, supervised, until Ctrl-C or SIGTERM."""
    for number in (signal.SIGUSR1, signal.SIGUSR2):  # until the supervisor passes them on they end nobody
        signal.signal(number, signal.SIG_IGN)
    settings = settings_of(port=port, data=data)
    with _hold(settings) as hold:
        _run(settings, hold, demo=demo)


def _run(settings: Settings, hold: Hold, *, demo: bool) -> None:
    _require_free_port(settings.node.port, "--port or TUTORWAMP_PORT")
    _require_free_port(settings.node.rest_port, "TUTORWAMP_REST_PORT")
    settings.node.signing_key()
    require_folders(settings)
    # All that the node's components are made of is made once here, where what is wrong with it is one line.
    welcome = on_machine(settings, prepare_demo if demo else _nothing)

    from twisted.internet import reactor  # late: only this command needs it

    from tutorwamp.supervision.output import Teller, as_json
    from tutorwamp.supervision.service_manager import ServiceManager
    from tutorwamp.supervision.supervisor import Supervisor, run

    async def ready() -> None:
        if welcome:
            click.echo(welcome)
        click.echo(f"ready http://127.0.0.1:{settings.node.port}/")
        sys.stdout.flush()

    teller = Teller(form=as_json if settings.log.format is LogFormat.JSON else str)
    for low in open_files(settings):
        teller.tell(f"open files: {low.text}")
    teller.tell("starting the node ...")
    manager = ServiceManager(os.environ)
    supervisor = Supervisor(reactor, settings, teller.tell, hold, lambda: _prepare_again(settings), manager)
    run(supervisor, ready, teller)


@click.command()
@click.option("--sql", is_flag=True, help="Print the statements instead of running them, from where the database is.")
@click.option("--down-to", metavar="REVISION", help="Take the database back, for an older tutorwamp.")
def migrate(sql: bool, down_to: str | None) -> None:  # click passes flags by name
    """Bring the database to the newest revision, or back to an older one."""
    settings = settings_of()
    if sql:
        click.echo(_statements(settings, down_to))
        return
    require_remembered(settings)
    engine = engine_for(settings)
    try:
        before = schema.upgrade(engine) if down_to is None else schema.downgrade(engine, down_to)
    finally:
        engine.dispose()
    remember_database(settings)
    click.echo(f"database at revision {down_to or schema.newest_revision()} (was: {before or 'empty'})")


def _statements(settings: Settings, down_to: str | None) -> str:
    """Those of a migration; where the database cannot be asked, from an empty one, and they say so."""
    url = settings.database.url_in(settings.node.data_dir)
    before, told = None, "from an empty database"
    path = sqlite_path(settings)
    if path is None or path.exists():
        engine = engine_for(settings, create=False)
        try:
            before = schema.current_revision(engine)
            told = f"from revision {before}" if before else told
        except SQLAlchemyError as error:
            if down_to is not None:
                raise
            told += f": where it is could not be asked ({schema.reason_of(error)})"
        finally:
            engine.dispose()
    made = schema.upgrade_sql(url, before) if down_to is None else schema.downgrade_sql(url, before, down_to)
    return f"-- {told}\n{made}"


@click.command()
def restored() -> None:
    """Say that the database was restored from a backup: clients read everything afresh.

    A node notices most restores by itself, but not a snapshot of the whole machine.
    """

    async def declare(machine: Machine) -> str:
        return await machine.nodes.declare_restored()

    click.echo(f"the database has a new epoch: {on_machine(settings_of(), declare)}")


@click.command("catalogue")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every schema.")
@click.option("--write", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write the reference pages.")
def catalogue(as_json: bool, folder: Path | None) -> None:  # click passes flags by name
    """Every procedure, topic, route and error."""
    from tutorwamp.reference import catalogue as every_name
    from tutorwamp.reference import pages as reference  # late: only this command needs every domain's doors

    if folder is not None:
        reference.write(folder)
    elif as_json:
        click.echo(json.dumps(every_name.as_json(), indent=2, ensure_ascii=False))
    else:
        for name, page in reference.pages().items():
            if name.endswith(".md"):
                click.echo(page)


def settings_of(*, port: int | None = None, data: Path | None = None) -> Settings:
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
        revision = schema.current_revision(engine)
        schema.require_known(revision)
        if revision != schema.newest_revision():
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


def on_machine(settings: Settings, work: Callable[[Machine], Awaitable[Result]]) -> Result:
    """Do something with a machine of our own, on a database that is ready for it."""
    _prepare_database(settings)
    return run_offline(settings, work)
