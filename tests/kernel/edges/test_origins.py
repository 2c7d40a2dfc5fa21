"""Which pages of other origins may ask, and what every answer tells a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_twisted
from twisted.web.server import Site

from tests.kernel.edges.loopback import Loopback, nobody
from tutorwamp.kernel.contracts import Value
from tutorwamp.kernel.edges.app import make_app, mount
from tutorwamp.kernel.edges.origins import CrossOrigin
from tutorwamp.kernel.edges.resource import Request, Route, routed_to

FRIEND = "https://school.example"


class Asked(Value):
    """What a query can carry."""

    number: int | None = None
    flag: bool = False
    text: str = ""


class SampleDoor:
    """Answers what it was asked."""

    async def read(self, request: Request) -> Asked:
        return request.query(Asked)

    async def act(self, request: Request) -> Asked:
        return request.body_if_any(Asked)


SAMPLE_ROUTES = (
    Route("GET", "/api/sample", SampleDoor.read, public=True),
    Route("POST", "/api/sample", SampleDoor.act, public=True),
)


@pytest_twisted.async_yield_fixture
async def site() -> AsyncIterator[Loopback]:
    app = make_app()
    mount(app, routed_to(SampleDoor(), SAMPLE_ROUTES), nobody)
    made = Loopback(Site(CrossOrigin(app.resource(), [FRIEND])))
    yield made
    await made.close()


async def test_a_page_of_an_allowed_origin_may_ask(site: Loopback) -> None:
    asking = {"Origin": FRIEND, "Access-Control-Request-Method": "PATCH"}
    preflight = await site.ask("OPTIONS", "/api/sample", headers=asking)
    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers["access-control-allow-origin"] == FRIEND
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in preflight.headers
    for path in ("/api/sample", "/api/nowhere"):
        answered = await site.ask("GET", path, headers={"Origin": FRIEND})
        assert answered.headers["access-control-allow-origin"] == FRIEND
        assert "ETag" in answered.headers["access-control-expose-headers"]
        assert answered.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", [None, "https://other.example", f"{FRIEND}.evil.example", "null", b"\xff"])
async def test_no_other_page_may(site: Loopback, origin: str | None) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    for method, status in (("GET", 200), ("OPTIONS", 405)):
        answered = await site.ask(method, "/api/sample", headers=headers)
        assert (answered.status, answered.headers["vary"]) == (status, "Origin")
        assert not any(name.startswith("access-control-") for name in answered.headers)


async def test_every_answer_tells_browsers_to_be_careful(site: Loopback) -> None:
    preflight = {"Origin": FRIEND, "Access-Control-Request-Method": "GET"}
    for method, path in (
        ("GET", "/api/sample"),
        ("GET", "/nowhere"),
        ("PUT", "/api/sample"),
        ("OPTIONS", "/api/sample"),
    ):
        answered = await site.ask(method, path, headers=preflight)
        assert answered.headers["x-content-type-options"] == "nosniff"
        assert answered.headers["cache-control"] == "no-store"
        assert answered.headers["referrer-policy"] == "no-referrer"
        assert answered.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("query", "number", "flag", "text"),
    [
        ("number=-5&flag=true", -5, True, ""),
        ("flag=false&text=5", None, False, "5"),
        ("text=true", None, False, "true"),
    ],
)
async def test_a_query_s_integers_and_booleans_are_read(
    site: Loopback, query: str, number: int | None, flag: bool, text: str
) -> None:
    answered = await site.ask("GET", f"/api/sample?{query}")
    assert (answered.status, answered.json) == (200, {"number": number, "flag": flag, "text": text})


@pytest.mark.parametrize("query", ["number=1.0", "number=%201", "number=1_0", "number=%D9%A1", "flag=1", "flag=True"])
async def test_other_spellings_are_refused(site: Loopback, query: str) -> None:
    assert (await site.ask("GET", f"/api/sample?{query}")).status == 422


@pytest.mark.parametrize("query", ["text=%ff", "text=a%ED%A0%80", "%C3=1", "text=%C0%80"])
async def test_a_query_that_is_not_utf_8_is_malformed(site: Loopback, query: str) -> None:
    answered = await site.ask("GET", f"/api/sample?{query}")
    assert (answered.status, answered.json["type"]) == (400, "tutorwamp.error.malformed")
    assert (await site.ask("GET", "/api/sample?text=%C3%BC")).json["text"] == "ü"


async def test_a_request_that_needs_no_body_may_have_one(site: Loopback) -> None:
    assert (await site.ask("POST", "/api/sample")).json["text"] == ""
    assert (await site.ask("POST", "/api/sample", {"text": "x"})).json["text"] == "x"
    refused = await site.ask("POST", "/api/sample", raw=b"{}", headers={"Content-Type": "text/plain"})
    assert refused.status == 415
