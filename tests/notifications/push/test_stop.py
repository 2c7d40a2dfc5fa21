"""A real node is stopped while a mail is on its way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_twisted
from sqlalchemy import select
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThread

from tests.conftest import HURRIED, migrated_node
from tests.notifications.push.test_mail import MailServer
from tests.support.node import Node
from tests.support.people import PythonPerson, confirm, planned_lesson, register
from tutorwamp.kernel.sql.database import make_engine
from tutorwamp.notifications.push.mail import SUBJECTS
from tutorwamp.notifications.push.tables import deliveries

PATIENCE_S = 30


class HeldMail(MailServer):
    """Acknowledges what is told when ``acknowledge`` fires; ``came`` fires with it. Other mail is taken at once."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.came: Deferred[None] = Deferred()
        self.acknowledge: Deferred[None] = Deferred()
        self.taken = self._taken

    def _taken(self) -> Deferred[None]:
        if self.mails[-1]["subject"] not in SUBJECTS.values():
            return succeed(None)
        self.came.callback(None)
        return self.acknowledge


@pytest_twisted.async_yield_fixture
async def server() -> AsyncIterator[HeldMail]:
    made = HeldMail()
    yield made
    await made.close()


@pytest_twisted.async_yield_fixture
async def node(server: HeldMail) -> AsyncIterator[Node]:
    url = f"smtp://127.0.0.1:{server.port}?from=school@tutor.example"
    made = migrated_node(env={**HURRIED, "TUTORWAMP_SMTP_URL": url})
    try:
        made.start()
        await deferToThread(made.wait_ready)
        yield made
    finally:
        made.close()


def states(node: Node) -> list[str]:
    engine = make_engine(f"sqlite:///{node.data_dir / 'tutorwamp.sqlite3'}")
    with engine.connect() as connection:
        found = list(connection.execute(select(deliveries.c.state)).scalars())
    engine.dispose()
    return found


async def test_P3_what_is_under_way_is_acknowledged_before_the_node_is_gone(node: Node, server: HeldMail) -> None:
    (tina_email, _), (ben_email, ben_user) = [
        await register(node, name, role) for name, role in (("Tina", "tutor"), ("Ben", "student"))
    ]
    await deferToThread(confirm, node, ben_email)
    tina = await PythonPerson.enter(node, tina_email)
    await planned_lesson(tina.call, ben_user)
    await server.came.addTimeout(PATIENCE_S, reactor)
    assert states(node) == ["sending"]
    await tina.close()
    node.ask_to_stop()
    stopped: Any = deferToThread(node.wait_stopped)
    while await deferToThread(node._answers, "/api/health/live"):  # the stop has begun when it does not answer
        pass
    server.acknowledge.callback(None)
    assert await stopped == 0
    assert states(node) == ["done"]
