"""A lesson with files: SQLite with a folder, PostgreSQL with a bucket; and a clamd of our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted

from tests.chat.room import Room
from tests.files.bag import Bag
from tests.files.clamd import Clamd
from tests.support.machine import Stage, set_stage
from tests.support.postgres import Postgres
from tests.support.s3 import S3Server


@pytest.fixture
def clamd(tmp_path: Path) -> Iterator[Clamd]:
    """Looks at files, and checks how it is asked."""
    with Clamd(tmp_path / "clamd.sock") as made:
        yield made


@pytest.fixture(params=["sqlite, folder", "postgresql, bucket"])
def packed_stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """On both engines and both stores."""
    more: dict[str, str] = dict(getattr(request.node.get_closest_marker("settings"), "kwargs", {}))
    url = None
    if request.param != "sqlite, folder":
        postgres: Postgres = request.getfixturevalue("postgres")
        s3: S3Server = request.getfixturevalue("s3")
        name = f"files{abs(hash(request.node.name)) % 10**9}"
        url, more["TUTORWAMP_BOARD_PICTURES_URL"] = postgres.create_database(name), s3.url("pictures")
    made, stop = set_stage(tmp_path, url, **more)
    yield made
    stop()


@pytest_twisted.async_fixture
async def bag(packed_stage: Stage) -> Bag:
    """Three people with files."""
    return await Bag.meets(packed_stage)


@pytest_twisted.async_fixture
async def room(stage: Stage) -> Room:
    """The same people where the site is asked."""
    return await Room.meets(stage)
