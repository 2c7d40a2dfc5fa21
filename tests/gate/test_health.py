"""How the node is, as the gate knows it, where REST does not say; and on a real node while it starts."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import migrated_node
from tests.gate.test_rest import Front, problem
from tests.support.node import Node
from tutorwamp.gate.contracts import Status
from tutorwamp.gate.health import LIVE, READY, Standing, able, alive, health_of, without_rest

PATIENCE_S = 60.0
COMPONENTS = {"accounts", "sessions", "lessons", "files", "chat", "board", "notifications", "polls", "rest"}


def told(*, missing: tuple[str, ...] = (), still: tuple[str, ...] = (), **more: Any) -> Status:
    fields = {"late": [], "sessions": 0, "granted": 0, **more}
    return Status(expected=["chat", "rest"], missing=list(missing), still=list(still), **fields)


def test_who_shows_no_life_is_down_to_both_questions() -> None:
    status = told(still=("chat",))
    assert alive(status) == able(status) == {"router": "ok", "chat": "down", "rest": "ok"}
    assert health_of(alive(status)).status == "down"


def test_who_has_not_come_yet_lives_and_is_not_able() -> None:
    status = told(missing=("chat", "rest"))
    assert alive(status) == {"router": "ok"}
    assert able(status) == {"router": "ok", "chat": "down", "rest": "down"}


def test_who_is_late_with_its_work_lives_and_is_not_able() -> None:
    status = told(late=["chat.look"])
    assert alive(status)["chat"] == "ok"
    assert able(status) == {"router": "ok", "chat": "down", "rest": "ok"}


def test_a_router_that_is_stopping_lets_nobody_in() -> None:
    assert able(told(closing=True))["router"] == "down"
    assert alive(told(closing=True))["router"] == "ok"


@pytest.mark.parametrize("path", [LIVE, *READY, f"{LIVE}/"])
def test_a_rest_that_was_there_and_does_not_answer_is_down(path: str) -> None:
    """Its beats may not be missed yet."""
    health = without_rest(path, told(), told())
    assert health is not None
    assert (health.status, health.dependencies) == ("down", {"router": "ok", "chat": "ok", "rest": "down"})


def test_while_rest_is_being_started_the_node_lives_and_is_not_ready() -> None:
    """It may have come while it was asked."""
    starting = told(missing=("rest",))
    live, ready = without_rest(LIVE, starting, told()), without_rest(READY[1], starting, told())
    assert live is not None
    assert ready is not None
    assert (live.status, ready.status) == ("ok", "down")


def test_nothing_else_is_answered_here() -> None:
    assert without_rest("/api/healthy", told(), told()) is None
    assert without_rest("/api/health/other", told(), told()) is None


async def test_the_gate_answers_for_a_rest_that_is_silent_and_for_one_that_is_away() -> None:
    standing = Standing()
    for upstream in (True, False):
        # Whatever does not answer within the shorter of two times; health's own is two seconds.
        front = Front(timeout=timedelta(milliseconds=50), upstream=upstream, standing=standing)
        front.rest.silent = True
        standing.status = None
        assert problem(*await front.ask(b"GET /api/health/live"))[:2] == (503, "tutorwamp.error.unavailable")
        standing.status = told
        status, headers, body = await front.ask(b"GET /api/health/live")
        assert (status, json.loads(body)["dependencies"]) == (503, {"router": "ok", "chat": "ok", "rest": "down"})
        assert headers[b"content-type"] == [b"application/json"]
        assert headers[b"cache-control"] == [b"no-store"]
        assert (await front.ask(b"HEAD /api/health"))[::2] == (503, b"")
        assert problem(*await front.ask(b"GET /api/lessons"))[:2] == (503, "tutorwamp.error.unavailable")
        standing.status = lambda: told(missing=("rest",))
        assert (await front.ask(b"GET /api/health/live"))[0] == 200
        await front.close()


def asked(node: Node, path: str) -> tuple[int, dict[str, str]]:
    try:
        with urllib.request.urlopen(f"{node.url}{path}", timeout=5) as answer:  # noqa: S310  # http on loopback
            return answer.status, json.load(answer)["dependencies"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["dependencies"]
    except OSError:
        return 0, {}


def test_a_router_without_its_components_lives_and_is_not_ready() -> None:
    """The container takes seconds to import what it needs; meanwhile the public door is open and says so."""
    node = migrated_node()
    lived: set[tuple[int, str | None]] = set()
    try:
        node.start()
        deadline = time.monotonic() + PATIENCE_S
        while (ready := asked(node, "/api/health/ready"))[0] != 200:
            assert time.monotonic() < deadline, node.log()
            if ready[0]:
                assert (ready[0], "down" in ready[1].values()) == (503, True)
                live = asked(node, "/api/health/live")
                lived.add((live[0], live[1].get("router")))
            node._wait_exit(0.05)  # it is another process that we wait for
        assert lived == {(200, "ok")}
        assert asked(node, "/api/health/live")[1].keys() == {"router", *COMPONENTS}
        assert ready[1].keys() == {"database", "pictures", "router", *COMPONENTS}
    finally:
        node.close()
