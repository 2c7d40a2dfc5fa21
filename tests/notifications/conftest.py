from __future__ import annotations

import pytest_twisted

from tests.notifications.house import House
from tests.support.machine import Stage


@pytest_twisted.async_fixture
async def house(stage: Stage) -> House:
    """Three people who are notified; on both engines where the test asks for ``stage_on_both``."""
    return await House.meets(stage)
