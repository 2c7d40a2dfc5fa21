"""What the board's tests share: a board with three people at it, and a storage of pictures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import pytest_twisted

from tests.board.desk import Desk
from tests.board.easel import Easel
from tests.support.machine import Stage
from tests.support.s3 import S3Server
from tutorwamp.app.assembly import Machine


@pytest_twisted.async_fixture
async def easel(stage: Stage) -> Easel:
    """Three people at a board; on both engines where the test asks for ``stage_on_both``."""
    return await Easel.meets(stage)


@pytest.fixture
def elsewhere(easel: Easel, other_on_both: Machine) -> Easel:
    """The same people in another process; on both engines."""
    return easel.on(other_on_both)


@pytest_twisted.async_fixture
async def desk(easel: Easel) -> Desk:
    """Writes ticks of their board straight into the database."""
    return Desk(easel)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Real S3-compatible storage with a bucket ``pictures``; one for each worker process."""
    with S3Server() as server:
        server.make_bucket("pictures")
        yield server
