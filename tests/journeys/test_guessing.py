"""A guesser at the public port of a real node, who says to come from somewhere else each time."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest
import pytest_twisted

from tests.conftest import migrated_node
from tests.gate.test_rest import ask
from tests.support.machine import PASSWORD
from tests.support.node import Node

ADA = {"email": "ada@school.example", "password": PASSWORD, "name": "Ada", "role": "tutor"}
GUESSER, TRIES_AT_MOST = "127.0.0.2", 30


@pytest.fixture(scope="module")
def counting() -> Iterator[Node]:
    made = migrated_node(env={"TUTORWAMP_RATE_LIMITS": "on"})
    with made.running():
        yield made


async def post(
    node: Node, path: str, value: object, *headers: bytes, source: str
) -> tuple[int, dict[bytes, list[bytes]]]:
    body = json.dumps(value).encode()
    described = (b"Content-Type: application/json", b"Content-Length: %d" % len(body))
    status, answered, _ = await ask(node.port, b"POST " + path.encode(), *described, *headers, body=body, source=source)
    return status, answered


@pytest_twisted.ensureDeferred
async def test_a24_a25_saying_to_come_from_elsewhere_does_not_help_and_the_person_is_let_in(counting: Node) -> None:
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
