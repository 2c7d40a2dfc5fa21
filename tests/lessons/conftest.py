from __future__ import annotations

import pytest_twisted

from tests.lessons.hall import Hall
from tests.support.machine import Stage


@pytest_twisted.async_fixture
async def hall(stage: Stage) -> Hall:
    """Three people and their lesson; on both engines where the test asks for ``stage_on_both``."""
    return await Hall.meets(stage)
