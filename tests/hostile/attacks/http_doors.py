"""Items 12 and 15: the HTTP door, its addresses, its ranges and its paths."""

from __future__ import annotations

from tests.hostile.enemy import Enemy, attack, new_uuid
from tests.hostile.wire import shout

PATHS = (
    "/%00", "/%2e%2e/%2e%2e/etc/passwd", "/..%5c..%5csecret.key", "/api/%00", "/api/lessons/%00", "/vendor/../../x",
    "//evil.example/",
    "/%ff%fe", "/api/lessons/%F0%9F%A7%91", "/" + "a" * 7_000, "/api/auth/login/../../metrics", "/metrics",
    "/api/metrics", "/ws", "/ws/x",
    "/?" + "&".join(f"a{n}=b" for n in range(1_500)), "/api/lessons?limit=" + "9" * 4_000, "/classroom.css%00.mjs",
    "/index.html/..",
)  # fmt: skip


@attack(15, "paths with NUL, dots, half characters and too much")
def odd_paths(enemy: Enemy) -> None:
    for path in enemy.random.sample(PATHS, 6):
        status, _, _ = enemy.http(enemy.random.choice(["GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]), path)
        if status >= 500 and status != 501:
            enemy.note(f"{status} for {path[:30]}")


@attack(15, "ranges: twelve kilobytes of them for one file")
def ranges(enemy: Enemy) -> None:
    for said in (
        "bytes=" + ",".join("0-" for _ in range(3_000)),
        "bytes=" + ",".join(f"{n}-{n}" for n in range(1_500)),
        "bytes=-0",
        "bytes=9-1",
    ):
        status, body, _ = enemy.http("GET", "/page/classroom.mjs", headers={"range": said})
        enemy.note(f"range {status}")
        enemy.note("range bytes", len(body))


@attack(12, "wrong passwords with another X-Forwarded-For each time")
def guesses(enemy: Enemy) -> None:
    for _ in range(enemy.many(60)):
        said = ", ".join(f"10.{enemy.random.randrange(256)}.{enemy.random.randrange(256)}.{n}" for n in range(1, 3))
        status, _, _ = enemy.http(
            "POST",
            "/api/auth/login",
            {"email": f"nobody{enemy.random.randrange(9)}@school.example", "password": "wrong horse"},
            headers={"x-forwarded-for": said, "forwarded": f"for={said}", "x-real-ip": said[:9]},
        )
        enemy.note(f"guess {status}")


@attack(15, "REST with foreign tokens, foreign ids, odd methods and bodies")
def odd_rest(enemy: Enemy) -> None:
    token = enemy.ticket("stranger")
    lesson_id = enemy.random.choice([*enemy.ground.others, new_uuid(enemy.random), "x", "%00"])
    for method, path in (
        ("GET", ""),
        ("GET", "/messages"),
        ("POST", "/messages"),
        ("GET", "/board"),
        ("PATCH", ""),
        ("POST", "/end"),
    ):
        body = enemy.random.choice(
            [None, b"{", b"\xff\xfe", b"[]", b'{"body":"\\u0000"}', b'{"body":NaN}', b'{"a":' * 5_000]
        )
        said = {
            "content-type": enemy.random.choice(["application/json", "text/plain", "application/json; charset=utf-16"])
        }
        status, _, _ = enemy.http(method, f"/api/lessons/{lesson_id}{path}", body, token=token, headers=said)
        if status < 300:
            enemy.note("LET IN")


@attack(5, "an Excalidraw file and a picture for a lesson that is not theirs")
def foreign_uploads(enemy: Enemy) -> None:
    lesson_id = enemy.random.choice(enemy.ground.others)
    scene = b'{"type":"excalidraw","elements":[' + b'{"a":[]},' * enemy.many(600_000) + b"{}]}"
    for path, kind in (("board/import", "application/json"), ("board/pictures", "image/png")):
        with enemy.unless_ended():
            enemy.http(
                "POST",
                f"/api/lessons/{lesson_id}/{path}",
                scene,
                token=enemy.ticket("stranger"),
                headers={"content-type": kind},
            )


@attack(15, "a pipeline of upgrades and plain requests on one connection")
def upgrades(enemy: Enemy) -> None:
    head = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    for line in (
        "Sec-WebSocket-Version: 99",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: wamp.2.flatbuffers",
        "Origin: null",
    ):
        enemy.note(
            shout(enemy.port, f"{head}{line}\r\n\r\n".encode() * 3, patience_s=0.3)[9:12].decode("latin-1") or "silent"
        )
