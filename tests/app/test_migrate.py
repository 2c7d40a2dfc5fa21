"""The schema on both engines: up, down, up again, and what the code means is what the database has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect

from tutorwamp.app import migrate
from tutorwamp.kernel.database import make_engine


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = make_engine(database_url)
    yield made
    made.dispose()


def check_complete(engine: Engine) -> None:
    assert migrate.current_revision(engine) == migrate.newest_revision()
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, migrate.metadata) == []


def test_up_down_up(engine: Engine) -> None:
    assert migrate.current_revision(engine) is None
    migrate.upgrade(engine)
    check_complete(engine)
    migrate.upgrade(engine)
    check_complete(engine)
    migrate.downgrade(engine)
    assert migrate.current_revision(engine) is None
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(engine)
    check_complete(engine)


def test_the_statements_run_by_hand_do_the_same(engine: Engine, database_url: str) -> None:
    statements = migrate.upgrade_sql(database_url)
    with engine.begin() as connection:
        for statement in statements.split(";"):
            if statement.strip() not in ("", "BEGIN", "COMMIT"):
                connection.exec_driver_sql(statement)
    check_complete(engine)


def test_a_migration_that_fails_leaves_the_database_as_it_was(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE read_marks (x INTEGER)")  # in the way of one of ours
    with pytest.raises(Exception, match="read_marks"):
        migrate.upgrade(engine)
    assert migrate.current_revision(engine) is None
    assert set(inspect(engine).get_table_names()) <= {"alembic_version", "read_marks"}
