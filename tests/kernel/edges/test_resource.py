"""REST's ground: every answer is JSON or a problem, whatever comes in, and nothing of ours leaks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_twisted
from structlog.testing import capture_logs
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.kernel.edges.loopback import PATIENCE_S, Answered, Loopback
from tutorwamp.kernel.contracts import ClientId, Value
from tutorwamp.kernel.edges import app
from tutorwamp.kernel.edges.plain import VALUES_AT_MOST
from tutorwamp.kernel.edges.resource import BODY_BYTES_AT_MOST, Answer, Request, Route, routed_to
from tutorwamp.kernel.errors import Conflict, RateLimited
from tutorwamp.kernel.log.calls import on_finished

SECRET = "a secret of ours"


class Said(Value):
    text: ClientId
    number: int = 0


class Told(Value):
    text: str


class SampleDoor:
    """One route for each thing that can happen."""

    def __init__(self) -> None:
        self.waiting: Deferred[None] = Deferred()
        self.came: Deferred[None] = Deferred()
        self.done = False

    async def say(self, request: Request) -> Answer:
        return Answer(Told(text=request.body(Said).text), status=201, headers={"location": "/api/sample/1"})

    async def hear(self, _request: Request) -> Told:
        return Told(text="ä😀")

    async def named(self, _request: Request, name: str) -> Told:
        return Told(text=name)

    async def change(self, request: Request, name: str) -> Told:
        return Told(text=request.body(Said, text=name).text)

    async def nothing(self, _request: Request) -> None:
        return None

    async def token(self, request: Request) -> Told:
        return Told(text=request.bearer_token())

    async def conflict(self, _request: Request) -> Told:
        raise Conflict("Look again.", details={"version": 7})

    async def unexpected(self, _request: Request) -> Told:
        raise RuntimeError(SECRET)

    async def unsendable(self, _request: Request) -> Told:
        return Told.model_construct(text="\ud800")

    async def unsayable(self, _request: Request) -> Answer:
        return Answer(Told(text="x"), status=299)  # nobody has a phrase for it

    async def limited(self, _request: Request) -> Told:
        raise RateLimited("Slowly.", retry_after_s=2.4)

    async def slow(self, _request: Request) -> Told:
        self.came.callback(None)
        await self.waiting
        self.done = True
        return Told(text="done")


SAMPLE_ROUTES = (
    Route("POST", "/api/sample", SampleDoor.say, public=True),
    Route("GET", "/api/sample", SampleDoor.hear, public=True),
    Route("GET", "/api/sample/<name>", SampleDoor.named, public=True),
    Route("PATCH", "/api/sample/<name>", SampleDoor.change, public=True),
    Route("POST", "/api/nothing", SampleDoor.nothing, public=True),
    Route("GET", "/api/token", SampleDoor.token, public=True),
    Route("GET", "/api/conflict", SampleDoor.conflict, public=True),
    Route("GET", "/api/unexpected", SampleDoor.unexpected, public=True),
    Route("GET", "/api/unsendable", SampleDoor.unsendable, public=True),
    Route("GET", "/api/unsayable", SampleDoor.unsayable, public=True),
    Route("GET", "/api/limited", SampleDoor.limited, public=True),
    Route("GET", "/api/slow", SampleDoor.slow, public=True),
)


@pytest_twisted.async_yield_fixture
async def door() -> AsyncIterator[SampleDoor]:
    yield SampleDoor()


@pytest_twisted.async_yield_fixture
async def site(door: SampleDoor) -> AsyncIterator[Loopback]:
    made = Loopback.of_routes(*routed_to(door, SAMPLE_ROUTES))
    yield made
    await made.close()


def check_problem(answered: Answered, status: int, uri: str, action: str) -> Any:
    """The form of RFC 9457 with ours beside it; the details."""
    assert (answered.status, answered.headers["content-type"]) == (status, "application/problem+json")
    problem = answered.json
    assert set(problem) == {"type", "status", "title", "detail", "action", "details", "request_id"}
    assert (problem["type"], problem["status"], problem["action"]) == (f"tutorwamp.error.{uri}", status, action)
    assert problem["title"] == answered.phrase
    assert problem["detail"]
    assert problem["request_id"] == answered.headers["x-request-id"]
    return problem["details"]


# answers


async def test_an_answer_is_json_that_nobody_keeps(site: Loopback) -> None:
    answered = await site.ask("GET", "/api/sample")
    assert (answered.status, answered.body) == (200, '{"text": "ä😀"}'.encode())
    assert answered.headers["content-type"] == "application/json"
    assert answered.headers["cache-control"] == "no-store"
    assert answered.headers["x-content-type-options"] == "nosniff"


async def test_a_status_and_headers_of_its_own(site: Loopback) -> None:
    answered = await site.ask("POST", "/api/sample", {"text": "a"})
    assert (answered.status, answered.json, answered.headers["location"]) == (201, {"text": "a"}, "/api/sample/1")
    answered = await site.ask("POST", "/api/nothing")
    assert (answered.status, answered.body) == (204, b"")


async def test_a_trailing_slash_changes_nothing(site: Loopback) -> None:
    for path in ("/api/sample", "/api/sample/x"):
        plain, slashed = await site.ask("GET", path), await site.ask("GET", path + "/")
        assert (plain.status, plain.body) == (slashed.status, slashed.body) == (200, plain.body)
    assert (await site.ask("POST", "/api/sample/", {"text": "a"})).status == 201


async def test_the_path_wins_over_the_body(site: Loopback) -> None:
    assert (await site.ask("PATCH", "/api/sample/path", {"text": "body"})).json == {"text": "path"}
    assert (await site.ask("GET", "/api/sample/%C3%A4%20b?x=%ff")).json == {"text": "ä b"}


async def test_head_is_get_without_a_body(site: Loopback) -> None:
    answered = await site.ask("HEAD", "/api/sample")
    assert (answered.status, answered.body) == (200, b"")


# request ids


async def test_a_request_id_is_taken_over(site: Loopback) -> None:
    for path in ("/api/sample", "/api/conflict", "/api/nowhere"):
        answered = await site.ask("GET", path, headers={"X-Request-ID": "Trace-1.a_b"})
        assert answered.headers["x-request-id"] == "Trace-1.a_b"


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 65, b"<script>", b"\xff\xfe", "ä".encode()])
async def test_an_odd_request_id_is_replaced(site: Loopback, given: bytes) -> None:
    for path in ("/api/sample", "/api/nowhere"):
        answered = await site.ask("GET", path, headers={"X-Request-ID": given})
        assert answered.status in (200, 404)
        assert len(answered.headers["x-request-id"]) == 36


async def test_every_request_has_an_id_of_its_own(site: Loopback) -> None:
    assert len({(await site.ask("GET", "/api/sample")).headers["x-request-id"] for _ in range(3)}) == 3


# problems


async def test_404_for_an_address_that_is_none(site: Loopback) -> None:
    for path in ("/", "/api", "/api/nowhere", "/api/sample/a/b", "//api//sample", "/api/nothing/../sample", "/api/%00"):
        check_problem(await site.ask("GET", path), 404, "not_found", "stop")


async def test_400_for_an_address_that_is_not_utf_8(site: Loopback) -> None:
    for path in ("/api/%ff", "/api/sample/%ED%A0%80", "/api/nothing/%C3"):
        check_problem(await site.ask("GET", path), 400, "malformed", "fix")
    check_problem(await site.ask("GET", "/api/sample", headers={"Host": b"\xff"}), 400, "malformed", "fix")


async def test_405_says_which_methods_there_are(site: Loopback) -> None:
    for path in ("/api/sample", "/api/sample/"):
        for method in ("DELETE", "OPTIONS", "BREW"):
            answered = await site.ask(method, path)
            check_problem(answered, 405, "method_not_allowed", "fix")
            assert answered.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "media_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", b"application/json\xff", "application/jsonp"],
)
async def test_415_for_a_body_that_is_not_json(site: Loopback, media_type: Any) -> None:
    answered = await site.ask("POST", "/api/sample", {"text": "a"}, headers={"Content-Type": media_type})
    check_problem(answered, 415, "unsupported_media_type", "fix")


async def test_json_may_name_its_charset(site: Loopback) -> None:
    answered = await site.ask(
        "POST", "/api/sample", {"text": "a"}, headers={"Content-Type": "Application/JSON ; charset=utf-8"}
    )
    assert answered.status == 201


async def test_413_for_a_body_over_the_limit(site: Loopback) -> None:
    details = check_problem(
        await site.ask("POST", "/api/sample", raw=b" " * (BODY_BYTES_AT_MOST + 1)), 413, "too_large", "fix"
    )
    assert details == {"bytes_at_most": BODY_BYTES_AT_MOST}
    just_fits = b'{"text": "a"}'.ljust(BODY_BYTES_AT_MOST)
    assert (await site.ask("POST", "/api/sample", raw=just_fits)).status == 201


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="half"),
        pytest.param(b'{"text": "\xff"}', id="not utf-8"),
        pytest.param('{"text": "a"}'.encode("utf-16"), id="utf-16"),
        pytest.param(b'{"text": "a"} x', id="more behind"),
        pytest.param(b'{"number": NaN}', id="NaN"),
        pytest.param(b'{"number": -Infinity}', id="Infinity"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="deep and whole"),
        pytest.param(b'{"number": ' + b"1" * 5000 + b"}", id="a number without end"),
    ],
)
async def test_400_for_what_is_no_json(site: Loopback, raw: bytes) -> None:
    answered = await site.ask("POST", "/api/sample", raw=raw, headers={"Content-Type": "application/json"})
    assert check_problem(answered, 400, "malformed", "fix") == {}


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"[]", []),
        (b'"text"', []),
        (b"null", []),
        (b"{}", ["text"]),
        (b'{"text": 1}', ["text"]),
        (b'{"text": "\\ud800"}', ["text"]),
        (b'{"text": "a", "number": 1e400}', ["number"]),
        (b'{"text": "a", "number": true}', ["number"]),
        (b'{"text": "a", "more": 1}', ["more"]),
        (b'{"text": "a", "\\ud800": 1}', []),
        (b'{"text": "a", "\\u0000": 1}', ["�"]),
        (b'{"text": "a\\u0000"}', ["text"]),
        (b'{"text": "a", "number": 9007199254740993}', ["number"]),
        (b'{"text": "a", "more": [{"deep": [1, -1e999]}]}', ["more", 0, "deep", 1]),
        (b'{"text": "a", "more": {"deep": "\\udfff\\ud800"}}', ["more", "deep"]),
        (b'{"text": "a", "more": ' + b"[" * 500 + b"]" * 500 + b"}", []),
    ],
)
async def test_422_for_json_that_is_not_asked_for(site: Loopback, raw: bytes, place: list[str]) -> None:
    (fault,) = check_problem(await site.ask("POST", "/api/sample", raw=raw), 422, "invalid", "fix")
    assert fault["loc"] == place
    assert fault["msg"]


async def test_H13_413_for_more_values_than_anybody_needs(site: Loopback) -> None:
    answered = await site.ask("POST", "/api/sample", raw=b'{"text": [' + b"[]," * 300_000 + b"1]}")
    assert check_problem(answered, 413, "too_large", "fix") == {"values_at_most": VALUES_AT_MOST}
    # In a text they are none.
    answered = await site.ask("POST", "/api/sample", raw=b'{"text": "' + b'\\",' * 300_000 + b'"}')
    check_problem(answered, 422, "invalid", "fix")


async def test_json_may_begin_with_a_byte_order_mark(site: Loopback) -> None:
    assert (await site.ask("POST", "/api/sample", raw=b'\xef\xbb\xbf{"text": "a"}')).status == 201
    check_problem(await site.ask("POST", "/api/sample", raw=b"\xef\xbb\xbf"), 400, "malformed", "fix")
    check_problem(await site.ask("POST", "/api/sample", raw=b'{\xef\xbb\xbf"text": "a"}'), 400, "malformed", "fix")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic abc", "abc", b"\xff"])
async def test_401_without_a_token(site: Loopback, header: Any) -> None:
    answered = await site.ask("GET", "/api/token", headers={"Authorization": header})
    check_problem(answered, 401, "unauthenticated", "reauth")
    assert answered.headers["www-authenticate"] == "Bearer"


async def test_a_token_is_taken_as_it_comes(site: Loopback) -> None:
    for header in ("Bearer a.b.c", "bearer  a.b.c "):
        assert (await site.ask("GET", "/api/token", headers={"Authorization": header})).json == {"text": "a.b.c"}
    assert (await site.ask("GET", "/api/token", headers={"Authorization": b"Bearer \xff"})).json == {"text": "ÿ"}


async def test_an_error_of_the_contract_keeps_its_details(site: Loopback) -> None:
    answered = await site.ask("GET", "/api/conflict")
    assert check_problem(answered, 409, "conflict", "reload") == {"version": 7}
    assert answered.json["detail"] == "Look again."
    answered = await site.ask("GET", "/api/limited")
    assert check_problem(answered, 429, "rate_limited", "retry") == {"retry_after_s": 2.4}
    assert answered.headers["retry-after"] == "3"


async def test_500_says_nothing_but_an_id_that_the_log_knows(site: Loopback) -> None:
    with capture_logs() as logs:
        answered = await site.ask("GET", "/api/unexpected")
    assert check_problem(answered, 500, "internal", "stop") == {}
    assert SECRET.encode() not in answered.body
    assert b"Traceback" not in answered.body
    (line,) = [line for line in logs if line["event"] == "unexpected error"]
    assert line["request_id"] == answered.headers["x-request-id"]
    assert SECRET in str(line["exc_info"])


async def test_an_answer_that_cannot_be_sent_is_a_problem_as_well(site: Loopback) -> None:
    with capture_logs() as logs:
        check_problem(await site.ask("GET", "/api/unsendable"), 500, "internal", "stop")
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["unexpected error"]


# what is noted of each call


@pytest.fixture
def noted() -> Iterator[list[tuple[str, int]]]:
    """The outcome of each call, and the bytes of its answer."""
    calls: list[tuple[str, int]] = []
    end = on_finished(lambda call: calls.append((call.outcome, call.bytes_out)))
    yield calls
    end()


async def test_what_is_noted_is_what_was_sent(site: Loopback, noted: list[tuple[str, int]]) -> None:
    whole = await site.ask("GET", "/api/sample")
    known = await site.ask("GET", "/api/sample", headers={"If-None-Match": whole.headers["etag"]})
    head = await site.ask("HEAD", "/api/sample")
    assert (known.status, head.status) == (304, 200)
    assert noted == [("ok", len(whole.body)), ("ok", 0), ("ok", 0)]


async def test_a_call_whose_answer_cannot_be_said_has_failed_once(site: Loopback, noted: list[tuple[str, int]]) -> None:
    check_problem(await site.ask("GET", "/api/unsayable"), 500, "internal", "stop")
    assert [outcome for outcome, _ in noted] == ["tutorwamp.error.internal"]


# clients that go away


async def test_a_client_that_goes_away_does_not_end_the_work(site: Loopback, door: SampleDoor) -> None:
    with capture_logs() as logs:
        connection = await site.open()
        assert connection.transport is not None
        connection.transport.write(b"GET /api/slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await door.came.addTimeout(PATIENCE_S, reactor)
        connection.transport.abortConnection()  # type: ignore[attr-defined]  # a TCP transport has it
        await connection.ended.addTimeout(PATIENCE_S, reactor)
        assert (await site.ask("GET", "/api/sample")).status == 200
        door.waiting.callback(None)
        assert door.done
    assert logs == []


async def test_503_after_the_deadline(site: Loopback, door: SampleDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "DEADLINE_S", 0.01)
    answered = await site.ask("GET", "/api/slow")
    assert check_problem(answered, 503, "unavailable", "retry") == {"retry_after_s": 1.0}
    assert not door.done
    door.waiting.callback(None)
    assert door.done, "the work goes on"


async def test_half_a_request_is_no_request(site: Loopback) -> None:
    connection = await site.open()
    assert connection.transport is not None
    connection.transport.write(b"POST /api/sample HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    connection.transport.loseConnection()
    assert await connection.ended.addTimeout(PATIENCE_S, reactor) == b""
    assert json.loads((await site.ask("GET", "/api/sample")).body) == {"text": "ä😀"}
