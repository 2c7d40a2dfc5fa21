"""A guesser at the public port of a real node, who says to come from somewhere else each time."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest

from tests.conftest import migrated_node
from tests.gate.test_rest import ask
from tests.support.machine import PASSWORD
from tests.support.node import Node

ADA = {"email": "ada@school.example", "password": PASSWORD, "name": "Ada", "role": "tutor"}
GUESSER, PROXY, TRIES_AT_MOST = "127.0.0.2", "127.0.0.3", 30


@pytest.fixture(scope="module")
def counting() -> Iterator[Node]:
    made = migrated_node(env={"TUTORWAMP_RATE_LIMITS": "on", "TUTORWAMP_TRUSTED_PROXIES": f"{PROXY}, 10.0.0.0/8"})
    with made.running():
        yield made


async def post(
    node: Node, path: str, value: object, *headers: bytes, source: str, port: int | None = None
) -> tuple[int, dict[bytes, list[bytes]]]:
    body = json.dumps(value).encode()
    described = (b"Content-Type: application/json", b"Content-Length: %d" % len(body))
    status, answered, _ = await ask(
        port or node.port, b"POST " + path.encode(), *described, *headers, body=body, source=source
    )
    return status, answered


async def test_A24_A25_saying_to_come_from_elsewhere_does_not_help_and_the_person_is_let_in(counting: Node) -> None:
    assert (await post(counting, "/api/auth/register", ADA, source="127.0.0.1"))[0] == 201
    credentials = {"email": ADA["email"], "password": PASSWORD}
    told = list[int]()
    for number in itertools.takewhile(lambda _: 429 not in told, range(TRIES_AT_MOST)):
        elsewhere = (b"X-Forwarded-For: 192.0.2.%d" % number, b"X-Real-IP: 192.0.2.%d" % number)
        status, headers = await post(
            counting, "/api/auth/login", {**credentials, "password": "wrong"}, *elsewhere, source=GUESSER
        )
        told.append(status)
    assert told[:10] == [401] * 10
    assert told[-1] == 429, told
    assert int(headers[b"retry-after"][0]) >= 1
    assert (await post(counting, "/api/auth/login", credentials, source="127.0.0.1"))[0] == 200


async def test_H11_who_comes_past_the_gate_cannot_choose_an_address_either(counting: Node) -> None:
    credentials = {"email": "bea@school.example", "password": "wrong"}
    told = list[int]()
    for number in itertools.takewhile(lambda _: 429 not in told, range(TRIES_AT_MOST)):
        elsewhere = (b"X-Forwarded-For: 192.0.2.%d" % number, b"X-Tutorwamp-Gate: %d" % number)
        status, _ = await post(
            counting, "/api/auth/login", credentials, *elsewhere, source="127.0.0.4", port=counting.rest_port
        )
        told.append(status)
    assert told[:10] == [401] * 10
    assert told[-1] == 429, told
    assert (await post(counting, "/api/auth/login", credentials, source=GUESSER))[0] == 401, "another address"


async def test_H10_people_behind_a_named_proxy_do_not_wait_for_each_other(counting: Node) -> None:
    credentials = {"email": "cem@school.example", "password": "wrong"}
    for number in range(TRIES_AT_MOST):
        theirs = b"X-Forwarded-For: 203.0.113.%d, 10.1.2.3" % number
        assert (await post(counting, "/api/auth/login", credentials, theirs, source=PROXY))[0] == 401
    told = list[int]()
    for number in itertools.takewhile(lambda _: 429 not in told, range(TRIES_AT_MOST)):
        theirs = b"X-Forwarded-For: 192.0.2.%d, 198.51.100.7, 10.1.2.3" % number
        told.append((await post(counting, "/api/auth/login", credentials, theirs, source=PROXY))[0])
    assert told[-1] == 429, told
