from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_twisted

from tests.kernel.sql.numbers import opened
from tutorwamp.kernel.sql.database import Database


@pytest_twisted.async_yield_fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """With a table of numbers; once on each engine."""
    with opened(database_url) as made:
        yield made
