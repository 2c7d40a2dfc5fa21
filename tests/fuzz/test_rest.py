"""Hostile requests of every route, by everybody; ``tox -e schemathesis`` asks more, and knows the document."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, quote_plus

import pytest
import treq

from tests.fuzz.answers import OURS, leaks
from tests.fuzz.hostile import Hostile
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import register
from tests.support.wamp import PATIENCE_S
from tutorwamp.client import Login
from tutorwamp.kernel.contracts import Problem, instant_text
from tutorwamp.reference.catalogue import ServedRoute, catalogue

REQUESTS: Final = max(400, int(os.environ.get("TUTORWAMP_TEST_FUZZ_CALLS", "400")) // 10)
"""In the profile fewer than calls over WAMP: here schemathesis asks as well."""
SEED: Final = os.environ.get("TUTORWAMP_TEST_FUZZ_SEED", "1")
HEADERS: Final = ("Idempotency-Key", "If-Match", "If-None-Match", "X-Request-ID", "Origin", "Accept", "Range")
PART_AT_MOST: Final = 200
"""Characters of a path's part: Twisted itself ends a request whose head is longer than 16 KiB."""
BODIES: Final = (
    b"", b"{", b"null", b"[]", b'"x"', b"{}{}", b'{"a": NaN}', b'{"a": 1e999}', b"\xff\xfe{}", b"\xef\xbb\xbf{}",
    b'{"a": "\\ud800"}', b'{"a": 1, "a": 2}', "{}".encode("utf-16"), b"[" * 20_000, b"\0" * 1_000, b"a=b&c=d",
    b'{"lesson_id": "\xc3\x28"}',
)  # fmt: skip
MEDIA_TYPES: Final = ("application/json", "application/json; charset=utf-16", "text/plain", "", "image/png", "x" * 500)
TOKENS: Final = ("Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic eDp5", "bearer é", "Bearer " + "x" * 5_000)

pytestmark = pytest.mark.fuzz


class Browser:
    """Makes requests, good and bad, for one of several people."""

    def __init__(self, hostile: Hostile, tokens: list[str], known: dict[str, list[str]]) -> None:
        self._hostile, self._known = hostile, known
        *self._tokens, self._leaving = tokens
        self._random = hostile.random

    def request(self, one: ServedRoute) -> tuple[str, str, dict[str, str], bytes | None]:
        """Method, path with its query, headers and body."""
        found = catalogue()
        schema = found.fields(one.route.asks) if one.route.asks else {"type": "object"}
        arguments = self._hostile.arguments(schema)
        path = one.path.format(**{name: self._part(name) for name in one.in_path})
        named = {name: value for name, value in arguments.items() if name not in one.in_path}
        headers = self._headers()
        if one.path == "/api/auth/logout-everywhere" and "authorization" in headers:
            headers["authorization"] = f"Bearer {self._leaving}"  # or nobody would be let in from here on
        if one.route.method == "GET":
            return one.route.method, f"{path}?{self._query(named)}", headers, None
        if self._random.random() < 0.1:
            return one.route.method, path, headers, self._random.choice(BODIES)
        return one.route.method, path, headers, json.dumps(named).encode()

    def _part(self, name: str) -> str:
        known = self._known.get(name, [])
        text = (
            self._random.choice(known) if known and self._random.random() < 0.8 else self._hostile.text()[:PART_AT_MOST]
        )
        return quote(text, safe="", errors="surrogatepass")

    def _query(self, named: dict[str, Any]) -> str:
        pairs = [(name, str(value)[:2_000]) for name, value in named.items()]
        if pairs and self._random.random() < 0.1:
            pairs.append(pairs[0])
        said = "&".join("=".join(quote_plus(part, errors="surrogatepass") for part in pair) for pair in pairs)
        return said[:4_000]

    def _headers(self) -> dict[str, str]:
        made = {"content-type": self._random.choice(MEDIA_TYPES) if self._random.random() < 0.1 else MEDIA_TYPES[0]}
        if self._random.random() < 0.9:
            good = [f"Bearer {token}" for token in self._tokens]
            made["authorization"] = self._random.choice(TOKENS if self._random.random() < 0.1 else good)
        if self._random.random() < 0.2:
            text = self._hostile.text().encode("utf-8", "surrogatepass").decode("latin-1")[:1_000]
            # Twisted's client takes no line breaks in a header.
            made[self._random.choice(HEADERS)] = text.replace("\r", "").replace("\n", "").replace("\0", "")
        return made


def faults(one: ServedRoute, status: int, media_type: str, request_id: str | None, content: bytes) -> list[str]:
    """What is wrong with an answer."""
    if request_id is None:
        return ["no X-Request-ID"]
    if status < 400:
        return [] if status in (one.status, 304) else [f"{status} and not {one.status}"]
    if media_type != "application/problem+json":
        return [f"{status} as {media_type}: {content[:200]!r}"]
    problem = json.loads(content)
    known = catalogue().errors.get(problem["type"])
    if known is None or problem["type"] in OURS:
        return [f"{problem['type']} is no answer to this"]
    if set(problem) != set(Problem.model_fields) or (known.status, str(known.action)) != (status, problem["action"]):
        return [f"{status} with {content[:300]!r}"]
    return list(leaks(problem))


async def furnished(node: Node) -> tuple[list[str], dict[str, list[str]]]:
    """Tokens of a tutor, a student, a stranger and somebody who leaves; ids of what the first two have."""
    tokens, people = [], []
    for name, role in (("Tina", "tutor"), ("Stan", "student"), ("Sven", "tutor"), ("Lea", "student")):
        email, user = await register(node, name, role)
        login = Login(node.url)
        await login.log_in(email, PASSWORD)
        tokens.append(await login.access_token())
        people.append(user)
    begins = datetime.now(UTC)
    plan = {
        "title": "Fractions",
        "student_ids": [people[1]["id"]],
        "starts_at": instant_text(begins),
        "ends_at": instant_text(begins + timedelta(hours=1)),
    }
    headers: dict[bytes | str, bytes | str] = {"authorization": f"Bearer {tokens[0]}"}
    lesson = await (await treq.post(f"{node.url}/api/lessons", json=plan, headers=headers)).json()
    said = f"{node.url}/api/lessons/{lesson['id']}/messages"
    message = await (await treq.post(said, json={"body": "hello"}, headers=headers)).json()
    asked = {"question": "Clear?", "choices": ["Yes", "No"]}
    poll = await (await treq.post(f"{node.url}/api/lessons/{lesson['id']}/polls", json=asked, headers=headers)).json()
    files = f"{node.url}/api/lessons/{lesson['id']}/files?name=notes.txt"
    file = await (await treq.post(files, data=b"notes", headers=headers)).json()
    known = {"lesson_id": [lesson["id"]], "message_id": [message["id"]], "page": [lesson["id"]]}
    known |= {"poll_id": [poll["id"]], "choice_ids": [choice["id"] for choice in poll["choices"]]}
    known |= {"file_id": [file["id"]], "file_ids": [file["id"]]}
    return tokens, {**known, **{key: [people[1]["id"]] for key in ("student_ids", "muted", "user_id")}}


async def test_hostile_requests_get_problems_of_the_contract(node: Node) -> None:
    tokens, known = await furnished(node)
    found = catalogue()
    browser = Browser(Hostile(f"{SEED}/rest", found.definitions, known, as_json=True), tokens, known)
    routes = [one for one in found.routes if one.path.startswith("/api/")]
    told: Counter[int] = Counter()
    wrong: list[str] = []
    for number in range(REQUESTS):
        one = routes[number % len(routes)]
        method, path, headers, body = browser.request(one)
        given: Any = headers
        answer = await treq.request(
            method, f"{node.url}{path}", headers=given, data=body, timeout=PATIENCE_S, allow_redirects=False
        )
        media_type = (answer.headers.getRawHeaders("content-type") or [""])[0]
        request_id = (answer.headers.getRawHeaders("x-request-id") or [None])[0]
        content = await answer.content()
        told[answer.code] += 1
        asked = f"{method} {path[:300]} {headers!r:.300} {body!r:.300}"
        wrong += [f"{one}, asked: {asked}" for one in faults(one, answer.code, media_type, request_id, content)]
    print(f"\n{sum(told.values())} requests: {dict(sorted(told.items()))}")  # noqa: T201  # for -s
    assert wrong == [], f"{len(wrong)}: " + "\n".join(wrong[:20])
