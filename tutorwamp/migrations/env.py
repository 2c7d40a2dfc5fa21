"""Alembic's entry: runs on the connection that ``kernel.sql.migrate`` hands over, or writes SQL for ``--sql``."""

from __future__ import annotations

from alembic import context

config = context.config
connection = config.attributes.get("connection")
if connection is None:
    context.configure(url=config.get_main_option("sqlalchemy.url"), literal_binds=True)
else:
    context.configure(connection=connection, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
