"""What of a request is let in: by its head, by the byte, and within its time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.kernel.edges.loopback import Loopback, nobody
from tests.kernel.edges.test_resource import SAMPLE_ROUTES, SampleDoor, check_problem
from tutorwamp.kernel.contracts import AuthRole, new_id, utc_now
from tutorwamp.kernel.edges import intake
from tutorwamp.kernel.edges.admission import BYTES_BEFORE_LOGIN, Admission
from tutorwamp.kernel.edges.app import make_app, mount
from tutorwamp.kernel.edges.intake import (
    BODY_BYTES_A_S,
    HEAD_WITHIN_S,
    BoundedRequest,
    Channel,
)
from tutorwamp.kernel.edges.open_files import open_files
from tutorwamp.kernel.edges.resource import routed_to
from tutorwamp.kernel.errors import TooLarge, TutorwampError, Unauthenticated, UnsupportedMediaType
from tutorwamp.kernel.tokens import sign

KEY = b"a key that is known to these tests only"
LIMIT = 100_000
FILE_LIMIT = 6_000_000
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def token(now: datetime = NOON, key: bytes = KEY) -> bytes:
    lifetime = timedelta(minutes=15)
    text = sign(key, user_id=new_id(), role=AuthRole.STUDENT, family_id=new_id(), now=now, lifetime=lifetime)
    return b"Bearer " + text.encode()


def asked(target: bytes, length: int | None, **headers: bytes) -> int | type[TutorwampError]:
    """The room there is, or how it is refused; past the room where the length is not known."""
    admission = Admission(KEY, LIMIT, lambda: NOON)
    given = Headers({name.replace("_", "-").encode(): [value] for name, value in headers.items()})
    try:
        return admission.admit(target, given, length).bytes
    except TutorwampError as error:
        return type(error)


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/ws",
        b"/nowhere",
        b"/api",
        b"/api/auth/login",
        b"/api/auth/login/?a",
        b"/api/%61uth/login",
        b"*",
        b"/API/x",
    ],
)
def test_H2_before_login_no_body_is_large_and_a_token_does_not_help(target: bytes) -> None:
    for headers in ({}, {"authorization": token()}):
        assert asked(target, BYTES_BEFORE_LOGIN, **headers) == BYTES_BEFORE_LOGIN
        assert asked(target, BYTES_BEFORE_LOGIN + 1, **headers) is TooLarge
        assert asked(target, None, **headers) == BYTES_BEFORE_LOGIN


def test_H2_a_large_body_needs_a_good_token() -> None:
    for bad in (
        b"",
        b"Bearer",
        b"Bearer x.y.z",
        b"Basic eDp5",
        token(NOON - timedelta(hours=1)),
        token(key=b"another" * 8),
    ):
        assert asked(b"/api/x", BYTES_BEFORE_LOGIN, authorization=bad) == BYTES_BEFORE_LOGIN, "REST says what is wrong"
        assert asked(b"/api/x", BYTES_BEFORE_LOGIN + 1, authorization=bad) is Unauthenticated
        assert asked(b"/api/x", LIMIT + 1, authorization=bad) is TooLarge
        assert asked(b"/api/x", None, authorization=bad) == BYTES_BEFORE_LOGIN
    assert asked(b"/api/x", LIMIT, authorization=token()) == LIMIT
    assert asked(b"/api/x?a=%2F", None, authorization=token()) == LIMIT
    assert asked(b"/api/x", LIMIT + 1, authorization=token()) is TooLarge


def test_H1_no_form_and_nothing_compressed() -> None:
    for form in (b"application/x-www-form-urlencoded", b"Multipart/Form-Data ; boundary=x"):
        assert asked(b"/api/x", LIMIT, authorization=token(), content_type=form) is UnsupportedMediaType
        assert asked(b"/", None, content_type=form) is UnsupportedMediaType
    for coding in (b"gzip", b"br", b"identity, gzip", b"deflate"):
        assert asked(b"/api/x", 10, content_encoding=coding) is UnsupportedMediaType
    assert asked(b"/api/x", 10, content_encoding=b"Identity") == BYTES_BEFORE_LOGIN


# on a site


def bounded(resource: Any, **options: Any) -> Any:
    admission = Admission(KEY, LIMIT, utc_now, file_limit=FILE_LIMIT)
    site: Any = Site(resource, partial(BoundedRequest, admission), **options)
    site.protocol = Channel
    return site


@pytest_twisted.async_yield_fixture
async def site() -> AsyncIterator[Loopback]:
    app = make_app()
    mount(app, routed_to(SampleDoor(), SAMPLE_ROUTES), nobody)
    made = Loopback(bounded(app.resource()))
    yield made
    await made.close()


async def test_what_is_let_in_is_answered_as_ever(site: Loopback) -> None:
    assert (await site.ask("POST", "/api/sample", {"text": "a"})).status == 201
    chunked = {"Content-Type": "application/json", "Content-Length": None, "Transfer-Encoding": "chunked"}
    assert (
        await site.ask("POST", "/api/sample", raw=b'd\r\n{"text": "a"}\r\n0\r\n\r\n', headers=chunked)
    ).status == 201
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    check_problem(
        await site.ask("POST", "/api/sample", raw=b"a=1&text=b", headers=form), 415, "unsupported_media_type", "fix"
    )


async def test_H2_a_body_is_counted_as_it_comes(site: Loopback) -> None:
    chunked = {"Content-Length": None, "Transfer-Encoding": "chunked"}
    endless = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    answered = await site.ask("POST", "/api/auth/login", raw=endless * 5, headers=chunked)
    assert check_problem(answered, 413, "too_large", "fix") == {"bytes_at_most": BYTES_BEFORE_LOGIN}
    answered = await site.ask("POST", "/api/sample", raw=endless * 5, headers=chunked)
    check_problem(answered, 401, "unauthenticated", "reauth")
    assert answered.headers["www-authenticate"] == "Bearer"
    given = {**chunked, "Authorization": token(utc_now())}
    answered = await site.ask("POST", "/api/sample", raw=endless * 30, headers=given)
    assert check_problem(answered, 413, "too_large", "fix") == {"bytes_at_most": LIMIT}


async def test_H2_who_asks_before_sending_is_told_at_once(site: Loopback) -> None:
    answered = await site.ask(
        "POST", "/api/auth/login", headers={"Content-Length": 1_000_000, "Expect": "100-continue"}
    )
    check_problem(answered, 413, "too_large", "fix")


async def test_H14_where_hardly_any_file_is_left_all_but_health_come_again(
    site: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_files, "short", lambda: True)
    for method in ("GET", "POST"):
        answered = await site.ask(method, "/api/sample", {} if method == "POST" else None)
        assert check_problem(answered, 503, "unavailable", "retry") == {"retry_after_s": 5.0}
        assert answered.headers["retry-after"] == "5"
    assert (await site.ask("GET", "/api/health")).status == 404, "this site has none; it was asked"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /api/sample HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /api/sample HTTP/1.1\r\n" + b"a: b\r\n" * 1_000 + b"\r\n",
        b"POST /api/sample HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/sample HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\nX: y\r\n\r\nabcd",
        b"POST /api/sample HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/sample HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /api/sample HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /api/sample HTTP/2.0\r\n\r\n",
        b"GET /api/sample\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"CONNECT elsewhere.test:443 HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET elsewhere HTTP/1.1\r\nConnection: close\r\n\r\n",
    ],
)
async def test_H4_what_is_no_request_is_malformed_and_said_once(site: Loopback, head: bytes) -> None:
    connection = await site.open()
    assert connection.transport is not None
    connection.transport.write(head)
    received = await connection.ended
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"tutorwamp.error.malformed" in received


async def test_H7_the_server_as_a_whole_is_asked_by_options_only(site: Loopback) -> None:
    answered = await site.ask("OPTIONS", "*")
    assert (answered.status, answered.body) == (204, b"")
    assert "PATCH" in answered.headers["allow"]
    assert answered.headers["x-request-id"]
    answered = await site.ask("GET", "*")
    check_problem(answered, 405, "method_not_allowed", "fix")
    assert answered.headers["allow"] == "OPTIONS"


async def test_H7_an_absolute_address_is_the_plain_one(site: Loopback) -> None:
    assert (await site.ask("GET", "http://elsewhere.test/api/sample/x")).json == {"text": "x"}
    check_problem(await site.ask("GET", "HTTPS://elsewhere.test"), 404, "not_found", "stop")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"tutor.example:8080", 200),
        (b"tutor_1.example.", 200),
        (b"[2001:db8::1]:443", 200),
        (b"127.0.0.1", 200),
        (b"", 200),
        (b"a" * 15_000, 400),
        (b"a." * 140, 400),
        ("é".encode() * 7_000, 400),
        ("\u0660".encode() * 30, 400),
        (b"a" * 64 + b".example", 400),
        (b"a..b", 400),
        (b"." * 200, 400),
        (b"a:b:c", 400),
        (b"[::1", 400),
        (b"a b", 400),
        (b"a/b@c", 400),
        (b"\xff", 400),
    ],
)
async def test_H4_a_host_is_a_name(site: Loopback, host: bytes, status: int) -> None:
    for target in ("/api/sample", "/api/nowhere"):
        answered = await site.ask("GET", target, headers={"Host": host})
        assert answered.status == (400 if status == 400 else 200 if target == "/api/sample" else 404)
    if status == 400:
        check_problem(answered, 400, "malformed", "fix")


async def test_H4_there_is_one_host(site: Loopback) -> None:
    check_problem(await site.ask("GET", "/api/sample", headers={"host": "other"}), 400, "malformed", "fix")


class Failing(Resource):
    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's

    def render(self, request: Any) -> bytes:
        raise RuntimeError("a secret of ours")


async def test_H7_what_nobody_foresaw_is_a_problem() -> None:
    made = Loopback(bounded(Failing()))
    answered = await made.ask("GET", "/x")
    check_problem(answered, 500, "internal", "stop")
    assert b"secret" not in answered.body
    await made.close()


# times


class Waiting(Resource):
    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's

    def render(self, request: Any) -> int:
        self.request = request
        return NOT_DONE_YET


class Line:
    """A connection whose clock is ours."""

    def __init__(self) -> None:
        self.clock, self.resource, self.transport = Clock(), Waiting(), StringTransport()
        channel = bounded(self.resource, reactor=self.clock, timeout=60).buildProtocol(None)
        channel.makeConnection(self.transport)
        self.channel: Any = channel

    def ends_after(self, seconds: float) -> bool:
        """Whether it is there until then and not longer."""
        self.clock.advance(seconds - 0.1)
        before = self.transport.disconnecting
        self.clock.advance(0.2)
        return not before and self.transport.disconnecting


def test_H5_a_head_has_its_time_however_slowly_it_comes() -> None:
    assert Line().ends_after(HEAD_WITHIN_S)
    line = Line()
    for byte in b"GET / HTT":
        line.channel.dataReceived(bytes([byte]))
        line.clock.advance(1)
    assert line.ends_after(HEAD_WITHIN_S - 9)


def test_H5_the_next_head_has_its_time_from_its_own_first_byte() -> None:
    line = Line()
    line.channel.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    line.clock.advance(3600)  # an answer may take long
    line.resource.request.finish()
    line.clock.advance(59)
    assert not line.transport.disconnecting
    line.channel.dataReceived(b"G")
    line.clock.advance(5)
    line.channel.dataReceived(b"E")
    assert line.ends_after(HEAD_WITHIN_S - 5)
    line = Line()
    line.channel.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    line.resource.request.finish()
    assert line.ends_after(60)


def test_H5_a_body_has_the_time_of_a_slow_line() -> None:
    line = Line()
    line.channel.dataReceived(b"POST /api/auth/login HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % BODY_BYTES_A_S)
    for _ in range(10):
        line.channel.dataReceived(b"x")
        line.clock.advance(1)
    assert line.ends_after(HEAD_WITHIN_S + 1 - 10)


def test_H5_a_large_body_does_not_pause_for_long_however_fast_it_came() -> None:
    head = b"POST /api/lessons/x/files HTTP/1.1\r\nAuthorization: %s\r\nContent-Length: 6000000\r\n\r\n"
    line = Line()
    line.channel.dataReceived(head % token(utc_now()) + b"x" * 5_000_000)
    line.clock.advance(29)
    line.channel.dataReceived(b"x")
    assert line.ends_after(intake.BODY_PAUSES_AT_MOST_S)
    slow = Line()
    slow.channel.dataReceived(head % token(utc_now()))
    passed_s = 0
    while not slow.transport.disconnecting:
        slow.channel.dataReceived(b"x" * 1_000)
        slow.clock.advance(10)
        passed_s += 10
    assert passed_s == pytest.approx(HEAD_WITHIN_S + 6_000_000 / BODY_BYTES_A_S, abs=11)


def test_H2_a_file_of_a_lesson_may_be_larger_and_of_any_type() -> None:
    admission = Admission(KEY, LIMIT, lambda: NOON, file_limit=LIMIT * 3)
    given = Headers({b"authorization": [token()], b"content-type": [b"multipart/form-data; boundary=x"]})
    for target in (b"/api/lessons/x/files?name=y", b"/api/lessons/%78/files/", b"/api/lessons/x/file%73"):
        room = admission.admit(target, given, LIMIT * 3)
        assert (room.bytes, room.person is not None) == (LIMIT * 3, True)
        with pytest.raises(TooLarge):
            admission.admit(target, given, LIMIT * 3 + 1)
        with pytest.raises(Unauthenticated):
            admission.admit(target, Headers(), LIMIT)
    for target in (b"/api/lessons/x/files/y", b"/api/lessons/x/y/files", b"/api/lessons//files", b"/lessons/x/files"):
        with pytest.raises(TooLarge):
            admission.admit(target, given, LIMIT + 1)


def test_H6_an_answer_that_nobody_reads_is_given_up() -> None:
    line = Line()
    line.channel.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    line.channel.pauseProducing()
    line.clock.advance(50)
    line.channel.resumeProducing()
    line.clock.advance(3600)
    line.channel.pauseProducing()
    assert line.ends_after(intake.ANSWER_STANDS_AT_MOST_S)
