from __future__ import annotations

import pytest_twisted

from tests.chat.room import Room
from tests.support.machine import Stage


@pytest_twisted.async_fixture
async def room(stage: Stage) -> Room:
    """Three people who talk; on both engines where the test asks for ``stage_on_both``."""
    return await Room.meets(stage)
