"""The database's history (alembic)."""
