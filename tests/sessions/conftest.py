"""A real node whose patience is short, for what sessions show on the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import migrated_node
from tests.sessions.people import Hearts
from tests.support.node import Node

TIMEOUT_S, GRACE_S, INTERVAL_S = 3.0, 1.0, 0.5


@pytest.fixture(scope="module")
def quick() -> Iterator[Node]:
    """A session may be silent for three seconds, and a place is kept for one."""
    made = migrated_node(
        env={
            "TUTORWAMP_REALTIME_PING_TIMEOUT": f"{TIMEOUT_S}s",
            "TUTORWAMP_RECONNECT_GRACE": f"{GRACE_S}s",
            "TUTORWAMP_HEARTBEAT_INTERVAL": f"{INTERVAL_S}s",
        }
    )
    with made.running():
        yield made


@pytest.fixture
def hearts() -> Iterator[Hearts]:
    """Beat until the test is over."""
    made = Hearts(INTERVAL_S)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def patient() -> Iterator[Node]:
    """A node as it is by default: on a busy machine nobody is ended for silence while something large is read."""
    made = migrated_node()
    with made.running():
        yield made
