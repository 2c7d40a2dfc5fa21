"""What the board's tests share: a board with three people at it."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.board.desk import Desk
from tests.board.easel import Easel
from tests.support.machine import Stage
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
