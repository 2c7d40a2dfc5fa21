"""What the app's tests share."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.support.postgres import Postgres

_numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that is empty on both engines: these tests are about how it is migrated."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite3'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.create_database(f"empty{next(_numbers)}")
