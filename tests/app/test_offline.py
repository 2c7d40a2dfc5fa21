"""The services without a reactor: what the command line stands on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.support.machine import PASSWORD
from tutorwamp.accounts.contracts import Register
from tutorwamp.app.assembly import Machine
from tutorwamp.app.offline import run_offline
from tutorwamp.app.settings import Settings, engine_for, read_settings
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.sql import migrate


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = read_settings({"TUTORWAMP_DATA_DIR": str(tmp_path)})
    engine = engine_for(made)
    migrate.upgrade(engine)
    engine.dispose()
    return made


def test_work_is_done_and_its_threads_are_given_back(settings: Settings) -> None:
    async def work(machine: Machine) -> str:
        user = await machine.accounts.register(
            Register(email="a@b.example", password=PASSWORD, name="Ada", role="student")
        )
        await machine.accounts.deactivate("a@b.example")  # asks the gate, of which there is none
        return user.name

    before = threading.active_count()
    assert run_offline(settings, work) == "Ada"
    assert threading.active_count() == before


def test_what_the_work_raises_is_raised(settings: Settings) -> None:
    async def work(machine: Machine) -> None:
        await machine.accounts.deactivate("nobody@b.example")

    before = threading.active_count()
    with pytest.raises(NotFound):
        run_offline(settings, work)
    assert threading.active_count() == before
