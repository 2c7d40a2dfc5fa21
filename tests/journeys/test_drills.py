"""Drills: a server or a process goes, stands still or refuses, while three people write through all doors.

What was acknowledged is there, once; whoever is refused is told when to come back; health says what is the matter; and
all is well again without anybody's doing. The waits are for what must be seen; with ``TUTORWAMP_TEST_LONG=1`` a server
is away for 8 s and frozen for 25 s at least. ``-s`` prints the figures of each.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection

import pytest
from autobahn.twisted.websocket import WampWebSocketClientFactory
from autobahn.wamp.exception import ApplicationError
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import deferLater

from tests.journeys.drills import CACHE_PASSWORD, PATIENCE_S, PROXY, School, reactor, writing
from tests.support.waiting import until
from tests.support.wamp import BareSession

pytestmark = pytest.mark.alone

LONG = bool(os.environ.get("TUTORWAMP_TEST_LONG"))
NOTICED_WITHIN_S = 2.0 if LONG else 10.0
"""What is promised; a busy machine may take longer."""
REFUSED = "tutorwamp.error.unavailable, retry"


@pytest.fixture(scope="module")
def school() -> Iterator[School]:
    made = School()
    try:
        yield made
    finally:
        made.close()


def _kill(what: str) -> Callable[[School], None]:
    def kill(school: School) -> None:
        os.kill(school.node.pids()[what], signal.SIGKILL)

    return kill


def _kill_supervisor(school: School) -> None:
    school.node.process.kill()
    school.node.process.wait()


def _start_again(school: School) -> None:
    """As its service manager does."""
    school.node.start()


def _nothing(_school: School) -> None:
    """The node mends itself."""


def _restart_postgres(school: School) -> None:
    school.postgres.stop()
    school.postgres.start()


@dataclass(frozen=True)
class Drill:
    """``down``: what health names, and with what status. ``lasts_s``: at least, in the long form."""

    name: str
    begin: Callable[[School], None]
    end: Callable[[School], None] = _nothing
    down: str = ""
    status: int = 503
    lasts_s: float = 0.0
    refuses: bool = False
    replaces: str = ""
    """The process that is another one afterwards."""


def _stop(server: str) -> Callable[[School], None]:
    return lambda school: getattr(school, server).stop()


DRILLS = [
    Drill("PostgreSQL restarted", _restart_postgres),
    Drill(
        "PostgreSQL away",
        _stop("postgres"),
        lambda school: school.postgres.start(),
        "database",
        lasts_s=8,
        refuses=True,
    ),
    Drill(
        "PostgreSQL frozen",
        lambda school: school.postgres.freeze(),
        lambda school: school.postgres.thaw(),
        "database",
        lasts_s=25,
        refuses=LONG,  # after ten seconds
    ),
    Drill("Redis away", _stop("cache"), lambda school: school.start_cache(), "cache", status=200, lasts_s=8),
    Drill(
        "Redis frozen",
        lambda school: os.kill(school.cache.pid, signal.SIGSTOP),
        lambda school: os.kill(school.cache.pid, signal.SIGCONT),
        "cache",
        status=200,
        lasts_s=25,
    ),
    Drill(
        "Redis with another password",
        lambda school: school.set_cache_password("another"),
        lambda school: school.set_cache_password(CACHE_PASSWORD),
        "cache",
        status=200,
        lasts_s=8,
    ),
    Drill("kill -9 of the container", _kill("container"), replaces="container"),
    Drill("kill -9 of the router", _kill("router"), replaces="router"),
    Drill("kill -9 of the supervisor", _kill_supervisor, _start_again, replaces="controller"),
]


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name.replace(" ", "_"))
async def test_nothing_acknowledged_is_lost(school: School, drill: Drill) -> None:
    await school.health_becomes(lambda status, down: (status, down) == (200, {}))
    before = school.node.pids()
    async with writing(school) as writers:
        told = writers.told
        acknowledged, begun_s = len(told.acknowledged), time.monotonic()
        drill.begin(school)
        noticed_s = await _noticed(school, drill)
        await until(lambda: bool(told.refused) or not drill.refuses, told)
        if drill.status == 200:  # nobody needs the cache
            await until(lambda: len(told.acknowledged) > acknowledged, told)
        await deferLater(reactor, max(0.0, LONG * drill.lasts_s - (time.monotonic() - begun_s)))
        drill.end(school)
        meanwhile = len(told.acknowledged) - acknowledged
        back_s = await school.health_becomes(lambda status, down: (status, down) == (200, {}))
        await writers.everybody_is_acknowledged()
        await writers.end()
        lost = await writers.lost()
    after = school.node.pids()
    print(  # noqa: T201  # for whoever looks with -s
        f"\n| {drill.name} | acknowledged {len(told.acknowledged)}, {meanwhile} of them meanwhile | lost {len(lost)} "
        f"| refused {sum(told.refused.values())}, disconnected {told.disconnected} | silent for at most "
        f"{told.longest_silence_s:.1f} s | noticed after {noticed_s:.1f} s | well {back_s:.1f} s after its end |"
    )
    assert lost == []
    assert set(told.refused) <= {REFUSED}
    if drill.replaces:
        assert after[drill.replaces] != before[drill.replaces]
        return
    assert after == before, "nothing was started again"
    assert told.disconnected == 0
    assert noticed_s < NOTICED_WITHIN_S
    if drill.status == 200:
        assert told.refused.total() == 0, "nobody needs the cache"
        assert meanwhile > 0


async def _noticed(school: School, drill: Drill) -> float:
    """Wait until health says what is the matter; after how many seconds it did."""
    if drill.replaces:
        return await school.health_becomes(lambda status, _: status != 200)
    if drill.down:
        return await school.health_becomes(lambda status, down: (status, down) == (drill.status, {drill.down: "down"}))
    return 0.0


ELSEWHERE = "203.0.113.7"


@pytest.mark.parametrize(("comes_from", "counted"), [(PROXY, ELSEWHERE), ("127.0.0.3", "127.0.0.3")])
async def test_H10_only_a_proxy_that_is_named_says_where_people_come_from(
    school: School, comes_from: str, counted: str
) -> None:
    """Over both doors; the log says where they were taken to come from."""
    headers = {"X-Forwarded-For": f"198.51.100.1, {ELSEWHERE}"}
    refused, not_let_in = len(school.audited("login refused")), len(school.audited("ticket refused"))

    wire = HTTPConnection("127.0.0.1", school.node.port, timeout=PATIENCE_S, source_address=(comes_from, 0))
    asked = json.dumps({"email": "nobody@school.example", "password": "no such password"})
    wire.request("POST", "/api/auth/login", asked, {**headers, "Content-Type": "application/json"})
    assert wire.getresponse().status == 401
    wire.close()
    assert school.audited("login refused")[refused:] == [counted]

    session = BareSession("no ticket")
    factory = WampWebSocketClientFactory(lambda: session, url=school.node.ws_url, headers=headers)
    going = TCP4ClientEndpoint(reactor, "127.0.0.1", school.node.port, bindAddress=(comes_from, 0))
    await going.connect(factory)
    with pytest.raises(ApplicationError, match="unauthenticated"):
        await session.joined.addTimeout(PATIENCE_S, reactor)
    assert school.audited("ticket refused")[not_let_in:] == [counted]
