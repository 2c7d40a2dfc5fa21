"""The database's schema: where it is, where it should be, and how it gets there (alembic).

Alembic is imported where something is migrated: each start asks where the database is, and nearly always it is there.
"""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, column, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError

from tutorwamp.kernel.settings import SettingsError
from tutorwamp.kernel.sql.columns import lock

if TYPE_CHECKING:
    from alembic.config import Config

_VERSION: Final = table("alembic_version", column("version_num"))
"""Alembic's own table, of one row at most."""
_MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"
EMPTY: Final = "base"
"""Alembic's word for a database without anything."""


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "tutorwamp:migrations")
    return config


def reason_of(error: SQLAlchemyError) -> str:
    """What the driver says, on one line, without the statement and its values."""
    return (str(getattr(error, "orig", error)).strip() or type(error).__name__).splitlines()[0]


def newest_revision() -> str:
    """The revision this code needs."""
    return _revisions()[-1]


def current_revision(engine: Engine) -> str | None:
    """The revision the database is at; None for an empty one."""
    with engine.connect() as connection:
        return _revision_in(connection)


def too_new(revision: str | None) -> str | None:
    """What to tell an operator whose database a newer tutorwamp has migrated; None where it is none of a newer one."""
    newest = newest_revision()
    if revision is None or revision <= newest or revision in _revisions():
        return None
    return (
        f"the database is at revision {revision}, this tutorwamp knows up to {newest}: install the newer one that "
        f"migrated it, or take the database back with that one: tutorwamp migrate --down-to {newest}"
    )


def require_known(revision: str | None) -> None:
    """Raise SettingsError for a database of a newer tutorwamp."""
    told = too_new(revision)
    if told is not None:
        raise SettingsError(told)


def upgrade(engine: Engine) -> str | None:
    """Bring the database to the newest revision; where it was. Raises SettingsError for one of a newer tutorwamp.

    Of several at once one works, the others wait for it.
    """
    from alembic import command

    config = _config()
    with _alone(engine) as connection:
        before = _revision_in(connection)
        require_known(before)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before


def downgrade(engine: Engine, revision: str = EMPTY) -> str | None:
    """Take the database back, to nothing by default; where it was. Raises SettingsError where that is no way back."""
    from alembic import command

    config = _config()
    with _alone(engine) as connection:
        before = _revision_in(connection)
        _require_way_back(before, revision)
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    return before


def _require_way_back(before: str | None, revision: str) -> None:
    require_known(before)
    known = _revisions()
    if revision != EMPTY and revision not in known:
        raise SettingsError(f"there is no revision {revision}; there are {', '.join(known)}, and {EMPTY} for none")
    if before is None or (revision != EMPTY and revision > before):
        raise SettingsError(f"the database is at {before or 'none'}, which is before {revision}: run tutorwamp migrate")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction in which nobody else migrates."""
    with ExitStack() as stack:
        file = Path(engine.url.database or "")
        if engine.dialect.name == "sqlite" and file.parent.is_dir():
            stack.enter_context(_folder_to_ourselves(file.parent))
        connection = stack.enter_context(engine.begin())
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # a migration may take its time,
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # and waits for whoever works
            lock(connection, "migrations")
        yield connection


@contextmanager
def _folder_to_ourselves(folder: Path) -> Iterator[None]:
    """SQLite gives up after some seconds, and at once where two make a file; who migrates waits here for the other.

    The folder is locked, not the file: closing that would take SQLite's own locks of this process away.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def upgrade_sql(url: str, before: str | None = None) -> str:
    """The statements from a revision, or from an empty database, for operators who run them by hand."""
    from alembic import command

    require_known(before)
    return _as_sql(url, lambda config: command.upgrade(config, f"{before}:head" if before else "head", sql=True))


def downgrade_sql(url: str, before: str | None, revision: str) -> str:
    """The statements of the way back. Raises SettingsError where that is none."""
    from alembic import command

    _require_way_back(before, revision)
    return _as_sql(url, lambda config: command.downgrade(config, f"{before}:{revision}", sql=True))


def _as_sql(url: str, write: Callable[[Config], None]) -> str:
    config = _config()
    config.output_buffer = buffer = io.StringIO()
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    write(config)
    return buffer.getvalue()


def _revision_in(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(select(_VERSION.c.version_num))


def _revisions() -> list[str]:
    """All that this code knows, oldest first: each migration's file begins with its number."""
    return sorted(path.name.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*_*.py"))
