from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.support.node import free_port
from tests.support.refused import refused
from tutorwamp.client import CallError, Login
from tutorwamp.client.login import ANSWER_TIMEOUT_S, REFRESH_AHEAD_S
from tutorwamp.kernel.errors import Action

ADA = {"id": "u-1", "email": "ada@example.org", "name": "Ada", "role": "tutor"}
LIFETIME_S = 900
REFRESH = "/api/auth/refresh"
ME = "/api/auth/me"


@dataclass
class Asked:
    method: str
    path: str
    body: Any
    token: str | None


class Server(Resource):
    """Speaks REST as the contract has it; a test may put its own answer, or silence, in the place of any route."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.asked: list[Asked] = []
        self.instead: dict[str, Callable[[], tuple[int, Any] | None]] = {}
        self.url = ""
        self._handed_out = 0

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def render(self, request: Request) -> Any:
        token = request.getHeader("Authorization")
        assert request.content is not None
        body = request.content.read()
        asked = Asked(request.method.decode(), request.path.decode(), json.loads(body) if body else None, token)
        self.asked.append(asked)
        answer = self.instead.get(asked.path, lambda: self._answer(asked))()
        if answer is None:
            return NOT_DONE_YET
        status, value = answer
        request.setResponseCode(status)
        if isinstance(value, bytes):
            return value
        kind = "application/json" if status < 400 else "application/problem+json"
        request.setHeader("Content-Type", kind)
        return b"" if value is None else json.dumps(value).encode()

    def _answer(self, asked: Asked) -> tuple[int, Any]:
        match asked.path:
            case "/api/auth/login" | "/api/auth/refresh":
                if asked.path == REFRESH and asked.body["refresh_token"] != f"refresh-{self._handed_out}":
                    return problem(401, "tutorwamp.error.unauthenticated", "reauth")
                self._handed_out += 1
                return 200, {
                    "access_token": f"access-{self._handed_out}",
                    "token_type": "Bearer",
                    "expires_in": LIFETIME_S,
                    "refresh_token": f"refresh-{self._handed_out}",
                    "user": ADA,
                }
            case "/api/auth/me":
                return 200, ADA
            case "/api/auth/logout":
                return 204, None
            case _:
                return problem(404, "tutorwamp.error.not_found", "stop")


def problem(status: int, uri: str, action: str, **more: Any) -> tuple[int, Any]:
    return status, {"type": uri, "status": status, "title": "No", "action": action, **more}


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    port = cast("Any", reactor).listenTCP(0, Site(server), interface="127.0.0.1")
    server.url = f"http://127.0.0.1:{port.getHost().port}"
    yield server
    pytest_twisted.blockon(port.stopListening())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def login(server: Server, clock: Clock) -> Login:
    return Login(server.url + "/", clock=clock)


async def test_a_login_answers_the_user_and_signs_what_follows(server: Server, login: Login) -> None:
    assert await login.log_in("ada@example.org", "correct horse") == ADA
    assert login.user == ADA
    assert await login.me() == ADA
    assert server.asked == [
        Asked("POST", "/api/auth/login", {"email": "ada@example.org", "password": "correct horse"}, None),
        Asked("GET", ME, None, "Bearer access-1"),
    ]


async def test_registering_sends_the_account_and_logs_nobody_in(server: Server, login: Login) -> None:
    server.instead["/api/auth/register"] = lambda: (201, ADA)
    assert await login.register("ada@example.org", "correct horse", name="Ada", role="tutor") == ADA
    assert server.asked[0].body == {
        "email": "ada@example.org",
        "password": "correct horse",
        "name": "Ada",
        "role": "tutor",
    }
    await refused("tutorwamp.error.unauthenticated", login.access_token())


async def test_a_token_is_used_until_shortly_before_its_end_and_then_rotated(
    server: Server, login: Login, clock: Clock
) -> None:
    await login.log_in("ada@example.org", "correct horse")
    clock.advance(LIFETIME_S - REFRESH_AHEAD_S - 1)
    assert await login.access_token() == "access-1"
    clock.advance(1)
    assert await login.access_token() == "access-2"
    assert await login.access_token() == "access-2"
    clock.advance(LIFETIME_S)
    assert await login.access_token() == "access-3"
    assert [asked.body["refresh_token"] for asked in server.asked[1:]] == ["refresh-1", "refresh-2"]
    assert len({asked.body["client_id"] for asked in server.asked[1:]}) == 2


async def test_everybody_who_waits_shares_one_refresh_and_may_give_up(
    server: Server, login: Login, clock: Clock
) -> None:
    await login.log_in("ada@example.org", "correct horse")
    clock.advance(LIFETIME_S)
    impatient, *patient = [Deferred.fromCoroutine(login.access_token()) for _ in range(3)]
    impatient.cancel()
    with pytest.raises(CancelledError):
        await impatient
    assert [await one for one in patient] == ["access-2", "access-2"]
    assert server.paths.count(REFRESH) == 1


async def test_a_refused_token_is_replaced_once_and_the_request_made_again(server: Server, login: Login) -> None:
    await login.log_in("ada@example.org", "correct horse")
    answers = [problem(401, "tutorwamp.error.unauthenticated", "reauth"), (200, ADA)]
    server.instead[ME] = lambda: answers.pop(0)
    assert await login.me() == ADA
    assert [(asked.path, asked.token) for asked in server.asked[1:]] == [
        (ME, "Bearer access-1"),
        (REFRESH, None),
        (ME, "Bearer access-2"),
    ]
    server.instead[ME] = lambda: problem(401, "tutorwamp.error.unauthenticated", "reauth")
    await refused("tutorwamp.error.unauthenticated", login.me())
    assert server.paths[4:] == [ME, REFRESH, ME]


async def test_a_token_that_was_replaced_meanwhile_is_not_replaced_again(server: Server, login: Login) -> None:
    await login.log_in("ada@example.org", "correct horse")
    assert await login.replace("access-1") == "access-2"
    assert await login.replace("access-1") == "access-2"
    assert server.paths.count(REFRESH) == 1


async def test_a_login_that_cannot_be_renewed_is_over(server: Server, login: Login, clock: Clock) -> None:
    await login.log_in("ada@example.org", "correct horse")
    clock.advance(LIFETIME_S)
    server.instead[REFRESH] = lambda: problem(401, "tutorwamp.error.unauthenticated", "reauth")
    for _ in range(2):
        error = await refused(CallError, login.access_token())
        assert (error.uri, error.action) == ("tutorwamp.error.unauthenticated", Action.REAUTH)
    assert server.paths.count(REFRESH) == 1


async def test_a_refresh_that_failed_in_passing_is_tried_again(server: Server, login: Login, clock: Clock) -> None:
    await login.log_in("ada@example.org", "correct horse")
    clock.advance(LIFETIME_S)
    server.instead[REFRESH] = lambda: problem(
        503, "tutorwamp.error.unavailable", "retry", details={"retry_after_s": 3.0}
    )
    error = await refused(CallError, login.access_token())
    assert (error.action, error.retry_after_s) == (Action.RETRY, 3.0)
    del server.instead[REFRESH]
    assert await login.access_token() == "access-2"
    lost, again = server.asked[1:]
    assert lost.body == again.body, "it may have been spent: it must be the same request"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (404, b"<html>Not Found</html>"),
        (500, None),
        (403, b"no"),
        (200, b"<html>Please log in to this network</html>"),
        (200, {}),
    ],
)
async def test_a_refresh_that_somebody_else_has_answered_ends_no_login(
    server: Server, login: Login, clock: Clock, status: int, answer: object
) -> None:
    await login.log_in("ada@example.org", "correct horse")
    clock.advance(LIFETIME_S)
    server.instead[REFRESH] = lambda: (status, answer)
    error = await refused(CallError, login.access_token())
    assert (error.uri, error.action) == ("tutorwamp.error.unavailable", Action.RETRY)
    del server.instead[REFRESH]
    assert await login.access_token() == "access-2"


async def test_a_problem_arrives_whole(server: Server, login: Login) -> None:
    details = [{"loc": ["email"], "msg": "not an e-mail address"}]
    server.instead["/api/auth/register"] = lambda: problem(
        422, "tutorwamp.error.invalid", "fix", detail="Look again.", details=details, request_id="r-1"
    )
    error = await refused(CallError, login.register("ada", "correct horse", name="Ada", role="tutor"))
    assert (error.uri, error.message, error.action) == ("tutorwamp.error.invalid", "Look again.", Action.FIX)
    assert (error.details, error.request_id) == (details, "r-1")


@pytest.mark.parametrize(("status", "page"), [(502, b"<html>Bad Gateway</html>"), (503, b"\xff\xfe")])
async def test_a_proxys_page_is_unavailable(server: Server, login: Login, status: int, page: bytes) -> None:
    server.instead["/api/auth/login"] = lambda: (status, page)
    error = await refused(CallError, login.log_in("ada@example.org", "correct horse"))
    assert (error.uri, error.action) == ("tutorwamp.error.unavailable", Action.RETRY)


async def test_nobody_there_is_unavailable() -> None:
    error = await refused(
        CallError, Login(f"http://127.0.0.1:{free_port()}").log_in("ada@example.org", "correct horse")
    )
    assert (error.uri, error.action) == ("tutorwamp.error.unavailable", Action.RETRY)


async def test_a_server_that_hangs_is_unavailable(server: Server, login: Login, clock: Clock) -> None:
    arrived: Deferred[None] = Deferred()

    def hang() -> None:
        arrived.callback(None)

    server.instead["/api/auth/login"] = hang
    failing = Deferred.fromCoroutine(refused(CallError, login.log_in("ada@example.org", "correct horse")))
    await arrived
    clock.advance(ANSWER_TIMEOUT_S)
    error = await failing
    assert (error.uri, error.message) == ("tutorwamp.error.unavailable", f"{server.url} does not answer.")


@pytest.mark.parametrize("everywhere", [False, True])
async def test_logging_out_forgets_the_tokens(server: Server, login: Login, everywhere: bool) -> None:
    await login.log_in("ada@example.org", "correct horse")
    await login.log_out(everywhere=everywhere)
    await login.log_out()
    assert server.asked[1:] == [
        Asked("POST", "/api/auth/logout", {"refresh_token": "refresh-1", "everywhere": everywhere}, None)
    ]
    await refused("tutorwamp.error.unauthenticated", login.me())
