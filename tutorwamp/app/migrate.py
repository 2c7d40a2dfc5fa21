"""The database's schema: where it is, where it should be, and how it gets there (alembic)."""

from __future__ import annotations

import io

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

# Importing the stores enters their tables into the metadata: none of them is used otherwise.
import tutorwamp.accounts.store
import tutorwamp.board.store
import tutorwamp.chat.store
import tutorwamp.kernel.nodes
import tutorwamp.kernel.probe
import tutorwamp.kernel.streams
import tutorwamp.kernel.trust
import tutorwamp.lessons.store
import tutorwamp.notifications.push.queue
import tutorwamp.notifications.store  # noqa: F401  # as above
from tutorwamp.kernel.database import metadata

__all__ = ["current_revision", "downgrade", "metadata", "newest_revision", "upgrade", "upgrade_sql"]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "tutorwamp:migrations")
    return config


def newest_revision() -> str:
    """The revision this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101  # the package ships its migrations
    return head


def current_revision(engine: Engine) -> str | None:
    """The revision the database is at; None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest revision."""
    config = _config()
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # a migration may take its time,
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # and waits for whoever works
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take the database back, to nothing by default."""
    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def upgrade_sql(url: str) -> str:
    """The statements of an upgrade from an empty database, for operators who run them by hand."""
    config = _config()
    config.output_buffer = buffer = io.StringIO()
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.upgrade(config, "head", sql=True)
    return buffer.getvalue()
