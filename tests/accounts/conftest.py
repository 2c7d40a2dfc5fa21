from __future__ import annotations

import pytest_twisted

from tests.accounts.ada import Ada
from tests.support.machine import Stage


@pytest_twisted.async_fixture
async def ada(stage: Stage) -> Ada:
    """Somebody with an account; on both engines where the test asks for ``stage_on_both``."""
    return await Ada.registered(stage)
