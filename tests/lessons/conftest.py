"""What only the tests of lessons need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet import reactor

from tests.support.machine import HeardGate, Stage
from tutorwamp.app.assembly import Machine, assemble


@pytest.fixture
def other_on_both(stage_on_both: Stage) -> Iterator[Machine]:
    """A second process's machine on the stage's database: nothing shared but that."""
    machine = assemble(stage_on_both.machine.settings, reactor, clock=stage_on_both.clock, gate=HeardGate())
    machine.start()
    yield machine
    machine.stop()
