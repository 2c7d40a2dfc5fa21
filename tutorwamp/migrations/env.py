"""Alembic's entry: runs on the connection that ``app.migrate`` hands over, or writes SQL for ``--sql``."""

from __future__ import annotations

from alembic import context

from tutorwamp.app.migrate import metadata

config = context.config
connection = config.attributes.get("connection")
if connection is None:
    context.configure(url=config.get_main_option("sqlalchemy.url"), target_metadata=metadata, literal_binds=True)
else:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
