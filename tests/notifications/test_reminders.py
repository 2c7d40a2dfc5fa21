"""Two processes remind people of their lessons; one is killed in the middle of it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select
from twisted.internet import reactor

from tests.support.machine import PASSWORD, HeardGate
from tests.support.node import ROOT
from tests.support.postgres import Postgres
from tests.support.waiting import until
from tutorwamp.accounts.contracts import User
from tutorwamp.app.assembly import Machine, assemble
from tutorwamp.app.settings import read_settings
from tutorwamp.kernel.contracts import AuthRole, Caller, new_id, utc_now
from tutorwamp.kernel.sql import migrate
from tutorwamp.kernel.sql.streams import stream_events
from tutorwamp.lessons.contracts import CreateLesson
from tutorwamp.notifications.contracts import Kind
from tutorwamp.notifications.tables import notifications

LESSONS = 60
KILLED_AFTER = 20
PATIENCE_S = 60


@contextmanager
def reminding(folder: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    process = subprocess.Popen(  # noqa: S603  # our own script
        [sys.executable, "-m", "tests.notifications.reminding", str(folder), url],
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def begun(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


@pytest.fixture
def machine(postgres: Postgres, tmp_path: Path) -> Iterator[Machine]:
    url = postgres.create_database(f"remind{random.randrange(10**9)}")
    made = assemble(
        read_settings({"TUTORWAMP_DATA_DIR": str(tmp_path), "TUTORWAMP_DATABASE_URL": url}),
        reactor,
        clock=utc_now,
        gate=HeardGate(),
    )
    migrate.upgrade(made.database.engine)
    made.start()
    yield made
    made.stop()


def reminders(connection: Connection) -> tuple[int, int, int]:
    """How many there are, of how many lessons for how many people, and events that tell of them."""
    kept = notifications.c.kind == Kind.LESSON_STARTING.value
    count = connection.execute(select(func.count()).select_from(notifications).where(kept)).scalar_one()
    pairs = select(notifications.c.user_id, notifications.c.lesson_id).where(kept).distinct().subquery()
    different = connection.execute(select(func.count()).select_from(pairs)).scalar_one()
    events = select(func.count()).where(stream_events.c.type == "notification.created")
    return count, different, connection.execute(events).scalar_one()


async def user(machine: Machine, role: str) -> User:
    return await machine.accounts.add_user(f"{new_id()}@school.example", PASSWORD, role.title(), AuthRole(role))


async def test_N7_two_remind_and_one_is_killed_and_everybody_is_told_once(machine: Machine, tmp_path: Path) -> None:
    url = machine.database.engine.url.render_as_string(hide_password=False)
    people = [(await user(machine, "tutor"), await user(machine, "student")) for _ in range(LESSONS)]
    with reminding(tmp_path, url) as killed, reminding(tmp_path, url) as survivor:
        begun(killed)
        begun(survivor)
        for number, (tutor, student) in enumerate(people):
            begins = datetime.now(UTC) + timedelta(minutes=5)
            asked = CreateLesson(
                title="Soon", student_ids=[student.id], starts_at=begins, ends_at=begins + timedelta(hours=1)
            )
            await machine.lessons.create(Caller(tutor.id, tutor.role), asked)
            if number == KILLED_AFTER:
                killed.kill()

        async def all_different() -> bool:
            return (await machine.database.read("test", reminders))[1] == 2 * LESSONS

        await until(all_different, "a reminder for each")
        assert await machine.database.read("test", reminders) == (2 * LESSONS,) * 3
