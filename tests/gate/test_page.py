"""The page's files as browsers get them: headers, compression, what is kept, and when the sources stand in."""

from __future__ import annotations

import gzip
import json
import os
import warnings
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed_reactor
from twisted.web.server import Site

from tests.gate.test_rest import ask
from tutorwamp.gate import built
from tutorwamp.gate.built import FOLDER, RECORD, digests
from tutorwamp.gate.settings import GateSettings
from tutorwamp.kernel.settings import SettingsError, read

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # twisted.web.static deprecates something of its own while it is imported
    from tutorwamp.gate.page import Page, classroom, page_headers

reactor: Any = installed_reactor
Serve = Callable[[Page], int]
SCRIPT = "export const words = 1;\n" * 100
ENTRY = "classroom-ABCDEFGH.js"
GZIP = b"Accept-Encoding: deflate, gzip;q=0.8, br"


@pytest.fixture
def serve() -> Iterator[Serve]:
    ports = []

    def listen(page: Page) -> int:
        ports.append(reactor.listenTCP(0, Site(page), interface="127.0.0.1"))
        number: int = ports[-1].getHost().port
        return number

    yield listen
    for listening in ports:
        listening.stopListening()


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A page of few files, and what was built of them."""
    for name, text in {
        "index.html": "<h1>sources</h1>",
        "service-worker.mjs": "// sources",
        "page/room.mjs": SCRIPT,
        "client/client.mjs": SCRIPT,
        "client/x.py": "secret",
        "__init__.py": "secret",
        ".hidden": "secret",
        f"{FOLDER}/classroom.html": "<h1>built</h1>",
        f"{FOLDER}/service-worker.js": "// built",
        f"{FOLDER}/{ENTRY}": SCRIPT,
        f"{FOLDER}/other.js": SCRIPT,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / FOLDER / RECORD).write_text(json.dumps({"version": "A", "sources": digests(tmp_path)}))
    return tmp_path


async def test_H9_the_page_has_safe_headers_everywhere(web: Path, serve: Serve) -> None:
    port = serve(classroom(web))
    for path, expected in ((b"/", 200), (b"/page/room.mjs", 200), (b"/no", 404), (b"/page/", 404), (b"/page/no", 404)):
        status, headers, _ = await ask(port, b"GET " + path)
        assert status == expected
        policy = dict(one.split(b" ", 1) for one in headers[b"content-security-policy"][0].split(b"; "))
        assert policy == {
            b"default-src": b"'self'",
            b"connect-src": b"'self'",
            b"img-src": b"'self' blob:",
            b"worker-src": b"'self'",
            b"manifest-src": b"'self'",
            b"object-src": b"'none'",
            b"base-uri": b"'none'",
            b"form-action": b"'self'",
            b"frame-ancestors": b"'none'",
            b"require-trusted-types-for": b"'script'",
            b"trusted-types": b"tutorwamp",
        }
        assert headers[b"x-content-type-options"] == [b"nosniff"]
        assert headers[b"x-frame-options"] == [b"DENY"]
        assert headers[b"referrer-policy"] == [b"no-referrer"]
        assert b"server" not in headers
        assert b"access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "line", [b"POST /api/auth/refresh", b"GET /api/health", b"OPTIONS /api", b"GET /ws", b"GET /ws/", b"DELETE /api/x"]
)
async def test_H19_what_crossbar_hangs_beside_it_a_moment_later_is_not_missing(
    web: Path, serve: Serve, line: bytes
) -> None:
    status, headers, body = await ask(serve(classroom(web)), line)
    problem = json.loads(body)
    assert (status, problem["type"], problem["action"]) == (503, "tutorwamp.error.unavailable", "retry")
    assert headers[b"retry-after"] == [b"1"]
    for path in (b"/apis", b"/page/api", b"/client/ws"):
        status, _, _ = await ask(serve(classroom(web)), b"GET " + path)
        assert status == 404, path


async def test_H20_pages_of_allowed_origins_read_that_the_node_is_starting(web: Path, serve: Serve) -> None:
    port = serve(classroom(web, origins=["https://app.test"]))
    for origin, may_read in ((b"https://app.test", [b"https://app.test"]), (b"https://other.test", None)):
        status, headers, _ = await ask(port, b"POST /api/auth/refresh", b"Origin: " + origin)
        assert (status, headers.get(b"access-control-allow-origin")) == (503, may_read)
    asked = (b"Origin: https://app.test", b"Access-Control-Request-Method: POST")
    status, headers, _ = await ask(port, b"OPTIONS /api/auth/refresh", *asked)
    assert (status, headers[b"access-control-allow-origin"]) == (204, [b"https://app.test"])


@pytest.mark.parametrize(
    ("frames", "ancestors", "older"),
    [
        ("", b"'none'", [b"DENY"]),
        ("self", b"'self'", [b"SAMEORIGIN"]),
        (
            "https://School.example, https://*.lms.example:8443",
            b"https://school.example https://*.lms.example:8443",
            None,
        ),
        ("self,https://school.example", b"'self' https://school.example", None),
    ],
)
async def test_H18_who_may_show_it_in_a_frame_is_the_operator_s_word(
    web: Path, serve: Serve, frames: str, ancestors: bytes, older: list[bytes] | None
) -> None:
    settings = read(
        GateSettings, {"TUTORWAMP_PAGE_FRAMES": frames, "TUTORWAMP_PAGE_CONNECT": "wss://media.example,self"}
    )
    port = serve(classroom(web, page_headers(settings)))
    for path in (b"/", b"/page/room.mjs", b"/page/no"):
        _, headers, _ = await ask(port, b"GET " + path)
        policy = headers[b"content-security-policy"][0]
        assert b"; frame-ancestors %s; " % ancestors in policy
        assert b"; connect-src 'self' wss://media.example; " in policy
        assert headers.get(b"x-frame-options") == older


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "https:",
        "school.example",
        "https://a b",
        "https://a;script-src *",
        "https://a/path",
        "data:",
        "'self'",
        "none",
    ],
)
def test_H18_what_is_no_origin_stops_the_start(text: str) -> None:
    for name in ("TUTORWAMP_PAGE_FRAMES", "TUTORWAMP_PAGE_CONNECT"):
        with pytest.raises(SettingsError, match=name):
            read(GateSettings, {name: text})


async def test_H16_what_changes_is_asked_for_again_but_not_sent_again(web: Path, serve: Serve) -> None:
    port = serve(classroom(web))
    for encoding in (b"X-None: 1", GZIP):
        status, headers, body = await ask(port, b"GET /page/room.mjs", encoding)
        assert (status, (gzip.decompress(body) if encoding is GZIP else body).decode()) == (200, SCRIPT)
        assert headers[b"content-type"][0].startswith(b"text/javascript")
        assert headers[b"cache-control"] == [b"no-cache"]
        etag = headers[b"etag"][0]
        status, headers, body = await ask(port, b"GET /page/room.mjs", encoding, b"If-None-Match: " + etag)
        assert (status, body, headers[b"etag"], headers[b"vary"]) == (304, b"", [etag], [b"Accept-Encoding"])
    status, headers, body = await ask(port, b"HEAD /")
    assert (status, body) == (200, b"")
    assert headers[b"etag"]


async def test_H16_a_changed_file_is_sent_whatever_its_time_says(web: Path, serve: Serve) -> None:
    """A wheel gives each version of a file the same time; who goes back to an older version gets older files."""
    port = serve(classroom(web))
    path = web / "page" / "room.mjs"
    os.utime(path, (2_000_000_000, 2_000_000_000))
    _, headers, _ = await ask(port, b"GET /page/room.mjs")
    path.write_text(SCRIPT.replace("1", "2"))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    asked = [b"If-None-Match: " + headers[b"etag"][0], b"If-Modified-Since: " + headers[b"last-modified"][0]]
    status, _, body = await ask(port, b"GET /page/room.mjs", *asked)
    assert (status, body.decode()) == (200, SCRIPT.replace("1", "2"))


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        (b"gzip", True),
        (b"GZIP, deflate", True),
        (b"br, *", True),
        (b"gzip;q=0, *", False),
        (b"gzip;q=0", False),
        (b"gzip; q=0.00, *;q=0", False),
        (b"br", False),
        (b"", False),
    ],
)
async def test_H17_text_comes_compressed_to_who_takes_it(
    web: Path, serve: Serve, accepted: bytes, packed: bool
) -> None:
    port = serve(classroom(web))
    status, headers, body = await ask(port, b"GET /client/client.mjs", b"Accept-Encoding: " + accepted)
    assert (status, headers[b"vary"]) == (200, [b"Accept-Encoding"])
    assert headers.get(b"content-encoding") == ([b"gzip"] if packed else None)
    assert (gzip.decompress(body) if packed else body).decode() == SCRIPT
    assert not packed or len(body) < len(SCRIPT) / 5
    _, same, nothing = await ask(port, b"HEAD /client/client.mjs", b"Accept-Encoding: " + accepted)
    assert (same[b"content-length"], same[b"etag"], nothing) == (headers[b"content-length"], headers[b"etag"], b"")


async def test_H17_what_the_build_compressed_better_is_sent_to_who_takes_that(web: Path, serve: Serve) -> None:
    (web / FOLDER / f"{ENTRY}.br").write_bytes(b"brotli")
    port = serve(classroom(web))
    for accepted, encoding in ((b"gzip, br", b"br"), (b"gzip", b"gzip"), (b"br;q=0, gzip", b"gzip"), (b"*", b"br")):
        _, headers, body = await ask(port, b"GET /built/" + ENTRY.encode(), b"Accept-Encoding: " + accepted)
        assert (headers[b"content-encoding"], body == b"brotli") == ([encoding], encoding == b"br")
        assert headers[b"etag"][0].endswith(b'-%s"' % encoding)


async def test_H8_H17_a_part_is_one_of_the_file_as_it_is(web: Path, serve: Serve) -> None:
    port = serve(classroom(web))
    status, headers, body = await ask(port, b"GET /page/room.mjs", GZIP, b"Range: bytes=7-11")
    assert (status, headers.get(b"content-encoding"), body) == (206, None, b"const")


async def test_H16_what_is_named_after_its_content_is_kept_for_a_year(web: Path, serve: Serve) -> None:
    port = serve(classroom(web))
    _, headers, body = await ask(port, b"GET /%s/%s" % (FOLDER.encode(), ENTRY.encode()), GZIP)
    assert headers[b"cache-control"] == [b"public, max-age=31536000, immutable"]
    assert gzip.decompress(body).decode() == SCRIPT
    assert headers[b"x-content-type-options"] == [b"nosniff"]
    assert b"content-security-policy" not in headers  # the page has it, and this is none
    for path in (b"/", b"/index.html", b"/service-worker.mjs", b"/built/other.js", b"/page/room.mjs"):
        assert (await ask(port, b"GET " + path))[1][b"cache-control"] == [b"no-cache"], path
    _, headers, _ = await ask(port, b"GET /built/gone-ABCDEFGH.js")
    assert headers[b"cache-control"] == [b"no-cache"]


async def test_H16_the_built_page_is_served_while_it_is_of_these_sources(
    web: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(built, "_LOOKS_AGAIN_AFTER_S", 0.0)
    port = serve(classroom(web))

    async def served() -> list[bytes]:
        return [(await ask(port, b"GET " + path))[2] for path in (b"/", b"/index.html", b"/service-worker.mjs")]

    made, sources = (
        [b"<h1>built</h1>", b"<h1>built</h1>", b"// built"],
        [b"<h1>sources</h1>", b"<h1>sources</h1>", b"// sources"],
    )
    assert await served() == made
    (web / "page" / "room.mjs").write_text("export {}")
    assert await served() == sources
    (web / "page" / "room.mjs").write_text(SCRIPT)
    assert await served() == made
    (web / "page" / "more.mjs").write_text("")  # a language, which nothing names
    assert await served() == sources
    (web / "page" / "more.mjs").unlink()
    (web / FOLDER / RECORD).write_text("{")
    assert await served() == sources


async def test_the_page_shows_no_source_and_nothing_beside_it(web: Path, serve: Serve) -> None:
    port = serve(classroom(web))
    for path in (
        b"/__init__.py",
        b"/.hidden",
        b"/client/x.py",
        b"/x.py",
        b"/../conftest.py",
        b"/%2e%2e/conftest.py",
        b"//",
    ):
        status, _, body = await ask(port, b"GET " + path)
        assert b"secret" not in body
        assert status == 404, path


async def test_the_client_is_also_where_it_was_before_it_had_a_folder(serve: Serve) -> None:
    web = Path(str(files("tutorwamp.web")))
    port = serve(classroom(web))
    for path in (web / "client").rglob("*.mjs"):
        now = f"/{path.relative_to(web).as_posix()}"
        for address in (now, f"/{path.name}"):
            status, headers, body = await ask(port, b"GET " + address.encode())
            assert (status, body) == (200, path.read_bytes()), address
            assert b"content-security-policy" in headers
