"""Nothing that people say, and nothing that lets them in, is in what any process of a node writes, at any level.

A secret is planted in every field of every procedure and route, alone and in its whole form, in headers, queries, paths
and tickets, where it is accepted and where it is refused; then the output of all processes is searched.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, cast
from urllib.parse import quote

import pytest
import treq
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import TimeoutError  # noqa: A004  # Twisted's own

from tests.conftest import migrated_node
from tests.fuzz.hostile import Hostile, places
from tests.gate.raw import WRITERS
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import bare, planned_lesson, ticket_of
from tests.support.wamp import PATIENCE_S, BareSession, connect
from tutorwamp.client import Login
from tutorwamp.client.files import Files
from tutorwamp.kernel.contracts import new_id
from tutorwamp.reference.catalogue import ServedRoute, catalogue

SECRET: Final = "Geheimnis7f3a"
"""In every form: as a word, in an address, with other characters around it."""
SEED: Final = os.environ.get("TUTORWAMP_TEST_FUZZ_SEED", "1")
TALKATIVE: Final = {
    "TUTORWAMP_LOG_LEVEL": "debug",
    "TUTORWAMP_SLOW_QUERY_THRESHOLD": "0",
    "TUTORWAMP_SLOW_QUERY_PLAN": "on",
    "TUTORWAMP_SLOW_REQUEST_THRESHOLD": "0",
    "TUTORWAMP_RATE_LIMITS": "off",
    "TUTORWAMP_WEB_PUSH_SUBJECT": "mailto:admin@school.example",
}
"""Every line that there is."""

pytestmark = pytest.mark.fuzz


@pytest.fixture(scope="module")
def talkative() -> Iterator[Node]:
    node = migrated_node(env={**TALKATIVE})
    with node.running():
        yield node


class Told:
    """Who is there, what they are known by, and what must not be found."""

    def __init__(self) -> None:
        self.secrets = {SECRET, PASSWORD}
        self.known: dict[str, list[str]] = {}
        self.emails: list[str] = []

    async def come(self, node: Node) -> None:
        """People whose names, addresses, words and files are secrets, with a lesson, a message, a poll and a file."""
        users = []
        for role in ("tutor", "student"):
            email = f"{role}.{SECRET.lower()}@school.example"
            users.append(await Login(node.url).register(email, PASSWORD, name=f"{role} {SECRET}", role=role))
            self.emails.append(email)
            self.secrets |= {email, SECRET.lower()}
        tutor = await bare(node, self.emails[0])
        begins = datetime.now(UTC)
        lesson = await planned_lesson(tutor.ask, users[1], title=f"Title {SECRET}", begins=begins)
        message = await tutor.ask("tutorwamp.chat.send", lesson_id=lesson["id"], body=f"Words {SECRET}")
        asked = {"lesson_id": lesson["id"], "question": f"Question {SECRET}", "choices": [f"Choice {SECRET}", "No"]}
        poll = await tutor.ask("tutorwamp.poll.open", **asked)
        login = Login(node.url)
        await login.log_in(self.emails[0], PASSWORD)
        file = await Files(login).upload(lesson["id"], f"Notes {SECRET}".encode(), name=f"{SECRET}.txt")
        self.known = {
            "lesson_id": [lesson["id"]],
            "message_id": [message["id"]],
            "page": [lesson["id"]],
            "poll_id": [poll["id"]],
            "choice_ids": [choice["id"] for choice in poll["choices"]],
            "file_id": [file["id"]],
            "file_ids": [file["id"]],
            **{key: [users[1]["id"]] for key in ("student_ids", "muted", "user_id")},
        }
        tutor.leave()

    def found_in(self, output: str) -> list[str]:
        """The lines that tell one of them."""
        return [line for line in output.splitlines() if any(secret in line for secret in self.secrets)]


def planted(good: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The good arguments with the secret in each place alone, as an unknown field, as a name, and everywhere."""
    yield good
    yield {**good, "unknown": SECRET}
    yield {**good, SECRET: 1}
    everywhere = copy.deepcopy(good)
    for number, _ in enumerate(places(good)):
        one = copy.deepcopy(good)
        holder, key = list(places(one))[number]
        holder[key] = f"x {SECRET} y" if isinstance(holder[key], str) else [SECRET]
        yield one
    for holder, key in list(places(everywhere)):
        if isinstance(holder[key], str):
            holder[key] = SECRET
    yield everywhere


async def say_it(session: BareSession, hostile: Hostile, node: Node, email: str, serializer: str) -> int:
    """Each procedure with the secret in each of its fields; how many calls."""
    found = catalogue()
    calls = 0
    for uri, procedure in sorted(found.procedures.items()):
        good: dict[str, Any] = hostile.good(found.fields(procedure.arguments))
        for arguments in planted(good):
            if not session.is_attached():
                session = await bare(node, email, serializer)
            calls += 1
            try:
                await session.ask_raw(uri, arguments)
            except ApplicationError:
                continue
            except TimeoutError:  # what ends the session is answered nothing
                assert not session.is_attached(), f"{uri} was not answered"
    return calls


async def ask_it(node: Node, one: ServedRoute, hostile: Hostile, known: dict[str, list[str]], token: str) -> int:
    """One route with the secret in each field, in its path, its query and its headers; how many requests."""
    found = catalogue()
    good = hostile.good(found.fields(one.route.asks)) if one.route.asks else {}
    path = one.path.format(**{name: known.get(name, [new_id()])[0] for name in one.in_path})
    let_in = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    asked: list[tuple[str, dict[str, str], bytes | None]] = []
    for arguments in planted({name: value for name, value in good.items() if name not in one.in_path}):
        query = "&".join(f"{quote(name)}={quote(str(value))}" for name, value in arguments.items())
        body = None if one.route.method == "GET" else json.dumps(arguments).encode()
        asked.append((f"{path}?{query}" if body is None else path, let_in, body))
    asked += [
        (f"{path}/{SECRET}?word={SECRET}", let_in, None),
        (one.path.format(**dict.fromkeys(one.in_path, SECRET)), let_in, f'{{"a": "{SECRET}'.encode()),
        (path, {"authorization": f"Bearer {SECRET}"}, None),
        (path, {**let_in, "idempotency-key": SECRET, "if-match": SECRET, "cookie": SECRET, "referer": SECRET}, b"{}"),
        (path, {**let_in, "origin": f"https://{SECRET}.example", "user-agent": SECRET}, b"{}"),
    ]
    for address, headers, data in asked:
        given: Any = headers
        url = f"{node.url}{address}"
        answer = await treq.request(one.route.method, url, headers=given, data=data, timeout=PATIENCE_S)
        await answer.content()
    return len(asked)


async def test_no_secret_is_in_the_output_of_any_process(talkative: Node) -> None:
    node, told, found = talkative, Told(), catalogue()
    await told.come(node)
    email = told.emails[0]
    hostile = Hostile(f"{SEED}/secrets", found.definitions, told.known, as_json=True)
    calls = 0
    for serializer in WRITERS:
        with pytest.raises(ApplicationError):
            await connect(node, f"{SECRET}.ticket", cast("Any", serializer))
        calls += await say_it(await bare(node, email, serializer), hostile, node, email, serializer)
    token = await ticket_of_secret(node, email, told)
    for one in found.routes:
        if one.path.startswith("/api/"):
            calls += await ask_it(node, one, hostile, told.known, token)
            token = await ticket_of_secret(node, email, told)  # some of them end it
    output = node.output.read_text(errors="replace")
    for line in ("event='call'", "event='slow transaction'", "plan=["):
        assert output.count(line) > 10, f"little was told: {line}"
    print(f"\n{calls} calls and requests, {len(output.splitlines())} lines")  # noqa: T201  # for -s
    lines = told.found_in(output)
    assert lines == [], f"{len(lines)}: " + "\n".join(lines[:20])


async def ticket_of_secret(node: Node, email: str, told: Told) -> str:
    """An access token, which is a secret as well."""
    token = await ticket_of(node, email)
    told.secrets.add(token.rpartition(".")[2])
    return token
