"""What the public port lets in, on a real node: what it costs the router, and that it is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.gate.people import ticket
from tests.gate.test_rest import ask, problem
from tests.support.node import Node

MANY = 20 * 1024 * 1024
FORM = b"Content-Type: application/x-www-form-urlencoded"
MULTIPART = b"Content-Type: multipart/form-data; boundary=x"
PART = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
ANYWHERE = (b"/", b"/ws", b"/nowhere", b"/api/auth/login", b"/api/lessons", b"/api/nowhere")
TICKS = os.sysconf("SC_CLK_TCK")


def spent_s(node: Node) -> float:
    """Processor seconds of the router so far."""
    words = Path(f"/proc/{node.pids()['router']}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


@pytest.mark.parametrize("path", ANYWHERE)
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"a=1&" * (MANY // 4)),
        (MULTIPART, PART * (MANY // len(PART))),
        (b"Content-Type: application/json", b"[" + b"1," * (MANY // 2)),
    ],
    ids=["form", "multipart", "json"],
)
async def test_H1_H2_a_large_body_costs_nothing_anywhere(node: Node, path: bytes, kind: bytes, body: bytes) -> None:
    before = spent_s(node)
    answer = await ask(node.port, b"POST " + path, kind, b"Content-Length: %d" % len(body), body=body)
    assert problem(*answer) == (413, "tutorwamp.error.too_large", "fix")
    assert spent_s(node) - before < 1.0, "ten times what it takes; a parsed one took 4 to 10"


@pytest.mark.parametrize("path", ANYWHERE)
async def test_H1_H3_chunks_are_not_even_decoded_once_it_is_refused(node: Node, path: bytes) -> None:
    before = spent_s(node)
    for kind, expected in ((FORM, 415), (b"Content-Type: application/json", None)):
        chunked = (kind, b"Transfer-Encoding: chunked")
        answer = await ask(node.port, b"POST " + path, *chunked, body=b"1\r\na\r\n" * (MANY // 6))
        assert problem(*answer)[0] in ((expected,) if expected else (413, 401))
    assert spent_s(node) - before < 1.0


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        (b"POST /api/auth/login", (b"Content-Length: 20000",), 413),
        (b"POST /api/lessons/x/files?name=a", (b"Content-Length: 99000000",), 413),
        (b"POST /api/lessons/x/files?name=a", (b"Content-Length: 5000000",), 401),
        (b"POST /api/lessons/x/files?name=a", (b"Content-Length: 5000000", b"Authorization: Bearer old"), 401),
        (b"POST /api/lessons", (b"Content-Encoding: gzip", b"Content-Length: 5"), 415),
        (b"POST /api/lessons", (b"Content-Length: 5", b"Content-Length: 6"), 400),
        (b"GET /api/lessons", (b"Host: a", b"Host: b"), 400),
        (b"GET /api/lessons", (), 503),
    ],
)
async def test_H20_a_page_of_an_allowed_origin_reads_also_why_it_was_not_let_in(
    node: Node, line: bytes, headers: tuple[bytes, ...], status: int
) -> None:
    """Else its browser says that there is no network, and the page tries the same for ever."""
    for origin, shown in ((b"https://a.test", [b"https://a.test"]), (b"https://b.test", None)):
        answer = await ask(node.port, line, b"Origin: " + origin, *headers)
        assert problem(*answer)[0] == status
        assert (answer[1].get(b"access-control-allow-origin"), answer[1][b"vary"]) == (shown, [b"Origin"])


async def test_H2_a_member_sends_large_bodies(node: Node) -> None:
    token = b"Authorization: Bearer " + ticket().encode()
    kind = b"Content-Type: image/png"
    answer = await ask(node.port, b"POST /api/x", token, kind, b"Content-Length: 5000000", body=b"x" * 5_000_000)
    assert problem(*answer)[0] == 503, "it was let in, and there is no REST behind this gate"
    answer = await ask(node.port, b"POST /api/x", token, kind, b"Content-Length: 7000000", body=b"x" * 7_000_000)
    assert problem(*answer) == (413, "tutorwamp.error.too_large", "fix")
    answer = await ask(node.port, b"POST /api/x", kind, b"Content-Length: 5000000", body=b"x" * 5_000_000)
    assert problem(*answer) == (401, "tutorwamp.error.unauthenticated", "reauth")


@pytest.mark.parametrize(
    "path", [b"/%00", b"/a%00b", b"/%ff", b"/%ED%A0%80", b"/" + b"a" * 5_000, b"/..%2f..%2fetc/passwd"]
)
async def test_H9_an_address_that_no_file_can_have_is_not_found(node: Node, path: bytes) -> None:
    for method in (b"GET ", b"HEAD "):
        status, headers, body = await ask(node.port, method + path)
        assert (status, headers[b"content-type"]) == (404, [b"application/problem+json"])
        assert (b"tutorwamp.error.not_found" in body) == (method == b"GET ")
        assert b"form-action 'self'" in headers[b"content-security-policy"][0]


async def test_H7_H9_methods_that_the_page_does_not_have(node: Node) -> None:
    for method in (b"POST", b"PUT", b"DELETE", b"TRACE", b"BREW", b"OPTIONS"):
        answer = await ask(node.port, method + b" /index.html", b"Content-Length: 0")
        assert answer[1][b"allow"] == [b"GET, HEAD"]
        assert problem(*answer) == (405, "tutorwamp.error.method_not_allowed", "fix")
    status, headers, _ = await ask(node.port, b"OPTIONS *")
    assert (status, b"PATCH" in headers[b"allow"][0]) == (204, True)
    assert b"server" not in headers


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (b"bytes=" + b"0-," * 4_000, 0),
        (b"bytes=0-9", 10),
        (b"bytes=0-9,10-19, 5-14", 20),
        (b"bytes=0-9,100-109", None),
        (b"bytes=" + b",".join(b"%d-%d" % (n, n) for n in range(0, 3_000, 2)), None),
        (b"bytes=-5", 5),
        (b"bytes=-999999999999", 0),
        (b"bytes=9-1", None),
        (b"bytes=\xff", None),
        (b"bytes=" + b"9" * 5_000 + b"-", None),
        (b"lines=1-2", None),
    ],
)
async def test_H8_a_file_comes_whole_or_in_one_range(node: Node, asked: bytes, given: int | None) -> None:
    """``given``: how many bytes; 0: all of them, as a range; None: the range counts for nothing."""
    _, _, whole = await ask(node.port, b"GET /index.html")
    status, headers, body = await ask(node.port, b"GET /index.html", b"Range: " + asked)
    assert b"multipart" not in headers[b"content-type"][0]
    assert (status, len(body)) == ((200, len(whole)) if given is None else (206, given or len(whole)))
    assert body in whole


async def test_H8_a_range_of_another_version_or_behind_the_end(node: Node) -> None:
    _, headers, whole = await ask(node.port, b"GET /index.html")
    etag = headers[b"etag"][0]
    for version, expected in ((etag, 206), (b'"other"', 200), (b"Mon, 30 Nov 2020 00:00:00 GMT", 200)):
        status, _, _ = await ask(node.port, b"GET /index.html", b"Range: bytes=0-3", b"If-Range: " + version)
        assert status == expected
    status, headers, _ = await ask(node.port, b"GET /index.html", b"Range: bytes=%d-" % len(whole))
    assert (status, headers[b"content-range"]) == (416, [b"bytes */%d" % len(whole)])
