from __future__ import annotations

import pytest_twisted

from tests.notifications.house import House
from tests.notifications.push.desk import ENDPOINT, Desk
from tests.notifications.push.devices import Browser


@pytest_twisted.async_fixture
async def desk(house: House) -> Desk:
    """Three people who are told; Anna has a device."""
    made = Desk(house)
    await made.queue.subscribe(house.anna.user_id, Browser().subscription(ENDPOINT))
    return made


@pytest_twisted.async_fixture
async def letters(house: House) -> Desk:
    """The same, and nobody has a device."""
    return Desk(house)
