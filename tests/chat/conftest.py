from __future__ import annotations

import pytest
import pytest_twisted

from tests.chat.room import Room
from tests.support.machine import Stage
from tutorwamp.app.assembly import Machine


@pytest_twisted.async_fixture
async def room(stage: Stage) -> Room:
    """Three people who talk; on both engines where the test asks for ``stage_on_both``."""
    return await Room.meets(stage)


@pytest.fixture
def elsewhere(room: Room, other_on_both: Machine) -> Room:
    """The same people in another process; on both engines."""
    return room.on(other_on_both)
