from __future__ import annotations

import pytest
import pytest_twisted

from tests.polls.ballot_hall import BallotHall
from tests.support.machine import Stage
from tutorwamp.app.assembly import Machine


@pytest_twisted.async_fixture
async def hall(stage: Stage) -> BallotHall:
    """A tutor and two students; on both engines where the test asks for ``stage_on_both``."""
    return await BallotHall.meets(stage)


@pytest.fixture
def elsewhere(hall: BallotHall, other_on_both: Machine) -> BallotHall:
    """The same people in another process; on both engines."""
    return hall.on(other_on_both)
