"""A process that does nothing but remind people of their lessons, again and again: ``reminding.py <data folder>``.

It says ``ready`` when it has begun, and a line for each lesson it was the first to tell of.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred

from tests.support.machine import HeardGate
from tutorwamp.app.assembly import assemble
from tutorwamp.app.settings import read_settings
from tutorwamp.notifications.contracts import NotificationsChanged

LOOK_EVERY_S = 0.01


async def remind(reactor: Any, environment: dict[str, str]) -> None:
    machine = assemble(read_settings(environment), reactor, gate=HeardGate())
    machine.start()
    reactor.addSystemEventTrigger("during", "shutdown", machine.stop)
    told = machine.events
    told.listen(NotificationsChanged, lambda changed: print(changed.event.data["notification"]["id"], flush=True))  # noqa: T201  # what it is for
    print("ready", flush=True)  # noqa: T201  # as above
    while True:
        await machine.notifier.remind()
        await task.deferLater(reactor, LOOK_EVERY_S)


def main(reactor: Any, data_dir: str, database_url: str) -> Deferred[None]:
    environment = {"TUTORWAMP_DATA_DIR": data_dir, "TUTORWAMP_DATABASE_URL": database_url}
    return Deferred.fromCoroutine(remind(reactor, environment))


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
