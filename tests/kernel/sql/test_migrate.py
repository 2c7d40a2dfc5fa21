"""The schema on both engines: up, down, up again, and what the code means is what the database has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, insert, inspect, select

from tests.support.schema import metadata
from tutorwamp.kernel.sql import migrate
from tutorwamp.kernel.sql.database import make_engine


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    made = make_engine(empty_database_url)
    yield made
    made.dispose()


def check_complete(engine: Engine) -> None:
    assert migrate.current_revision(engine) == migrate.newest_revision()
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_files_are_named_as_alembic_orders_their_revisions() -> None:
    """A start asks the names: alembic would take longer to import than all the rest of the question."""
    script = ScriptDirectory.from_config(migrate._config())
    assert migrate.newest_revision() == script.get_current_head()
    assert migrate._revisions() == [one.revision for one in script.walk_revisions()][::-1]


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


def test_what_was_said_before_is_found_by_the_rules_of_now(engine: Engine) -> None:
    """C11. More messages than one batch, some deleted, each with what an older version kept to search in."""
    migrate.upgrade(engine)
    migrate.downgrade(engine, "0009")
    said = ["İstanbul'da", "Don’t", "ısparta", None]
    kept_before, kept_now = ["i̇stanbul'da", "don’t", "ısparta", ""], ["istanbul'da", "don't", "isparta", ""]
    seqs = range(2 * 1_000 + 1)
    tables = MetaData()
    tables.reflect(engine, only=["users", "lessons", "messages"])  # as they were then
    users, lessons, messages = (tables.tables[name] for name in ("users", "lessons", "messages"))
    person = {"id": "u", "email": "u", "name": "U", "role": "tutor", "password_hash": "-", "created_at": 0}
    lesson = {"id": "l", "title": "T", "state": "live", "tutor_id": "u", "starts_at": 0, "ends_at": 1}
    with engine.begin() as connection:
        connection.execute(insert(users), person)
        connection.execute(insert(lessons), {**lesson, "pen": "[]", "version": 1, "created_at": 0})
        common = {"lesson_id": "l", "author_id": "u", "created_at": 0}
        rows = [{"id": f"{seq:05}", "seq": seq, "body": said[seq % 4], "folded": kept_before[seq % 4]} for seq in seqs]
        connection.execute(insert(messages), [{**common, **row} for row in rows])

    def folded() -> list[str]:
        with engine.connect() as connection:
            return list(connection.execute(select(messages.c.folded).order_by(messages.c.seq)).scalars())

    migrate.upgrade(engine)
    assert folded() == [kept_now[seq % 4] for seq in seqs]
    migrate.downgrade(engine, "0009")
    assert folded() == [kept_before[seq % 4] for seq in seqs]


def test_the_statements_run_by_hand_do_the_same(engine: Engine, empty_database_url: str) -> None:
    statements = migrate.upgrade_sql(empty_database_url)
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
