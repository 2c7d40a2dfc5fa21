"""Items 5, 7 and 8: before anybody has said who they are."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

from tests.hostile.enemy import Enemy, attack
from tests.hostile.wire import SERIALIZERS, GoneError, Wamp, dial, hello_raw, packed, shout

HELD_S = 1.0
"""How long a portion keeps what it holds."""
HELD_AT_FULL_STRENGTH_S = 15.0


@attack(5, "a form of 20 MB, and a multipart body of as much, to any path")
def large_forms(enemy: Enemy) -> None:
    size = enemy.many(20_000_000)
    forms = [
        ("application/x-www-form-urlencoded", b"a=1&" * (size // 4)),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"y" * size + b"\r\n--x--\r\n",
        ),
    ]
    for path in ("/", "/api/auth/login", enemy.random.choice(["/ws", "/api/health", "/nothing"])):
        kind, body = enemy.random.choice(forms)
        with enemy.unless_ended():
            enemy.http("POST", path, body, headers={"content-type": kind}, patience_s=5.0)


@attack(5, "a HELLO of 1 to 8 MB before login, over each serializer")
def large_hellos(enemy: Enemy) -> None:
    for serializer in SERIALIZERS:
        size = enemy.random.choice([100_000, 1_000_000, 8_000_000])
        with enemy.unless_ended(), Wamp(enemy.port, serializer) as session:
            value = enemy.random.choice([{"x": "y" * size}, {"x": [[0, "a"]] * (size // 6)}, {"x": [0] * (size // 2)}])
            session.message(hello_raw(packed(value, serializer), serializer))
            session.receive(1.0)


@attack(5, "JSON to the doors of /api/auth that is large, deep or wide")
def large_json(enemy: Enemy) -> None:
    bodies = [
        b"[" * 500_000, b'{"a":' * 200_000, b"[" + b"0," * 500_000 + b"0]", b'{"email":"' + b"a" * 1_000_000 + b'"}',
        b'{"email":1' + b",1" * 400_000 + b"}", b"{" + b",".join(b'"%d":[]' % n for n in range(90_000)) + b"}",
        b'{"email":' + b"9" * 900_000 + b"}",
    ]  # fmt: skip
    for path in ("login", "register", "refresh"):
        enemy.http(
            "POST", f"/api/auth/{path}", enemy.random.choice(bodies), headers={"content-type": "application/json"}
        )


@attack(5, "conflicting lengths, chunks that lie, heads without end, several requests in one")
def broken_http(enemy: Enemy) -> None:
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for raw in enemy.random.sample(
        [
            head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}   ",
            head + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n",
            head + b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n{}\r\n0\r\n\r\n",
            head + b"Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            head + b"Content-Length: -1\r\n\r\n{}", head + b"Content-Length: 99999999999999\r\n\r\n{}",
            head + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
            head + b"".join(b"X%d: y\r\n" % n for n in range(2_000)) + b"\r\n",
            b"GET " + b"/x" * 50_000 + b" HTTP/1.1\r\n\r\n", b"GET /api/health HTTP/9.9\r\n\r\n",
            b"\x16\x03\x01" + bytes(300),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64), b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n" * 200,
        ],
        4,
    ):  # fmt: skip
        enemy.note(shout(enemy.port, raw, patience_s=0.5)[9:12].decode("latin-1") or "ended or silent")


@attack(5, "bodies that come a byte at a time, heads that never end")
def slow_bodies(enemy: Enemy) -> None:
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n"
    with ExitStack() as held:
        lines = [held.enter_context(dial(enemy.port)) for _ in range(enemy.many(200))]
        for number, line in enumerate(lines):
            _drip(line, head + (b"\r\n{" if number % 2 else b""))
        ends = time.monotonic() + HELD_S
        while time.monotonic() < ends:
            for line in lines:
                _drip(line, b" ")
            time.sleep(0.2)  # the attack: a byte at a time
    enemy.note("held", len(lines))


def _drip(line: socket.socket, raw: bytes) -> None:
    try:
        line.sendall(raw)
    except OSError:
        return


@attack(8, "sockets that say nothing, half of a handshake, or no HELLO, by the thousand: who is there after 15 s")
def silent_sockets(enemy: Enemy) -> None:
    beginnings = (b"", b"GET /ws HTTP/1.1\r\n", b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
    with ExitStack() as held:
        lines = []
        with enemy.unless_ended():
            for _ in range(enemy.many(1_000)):
                lines.append(held.enter_context(dial(enemy.port)))
                _drip(lines[-1], enemy.random.choice(beginnings))
        with enemy.unless_ended():
            for _ in range(enemy.many(200)):
                upgraded = held.enter_context(Wamp(enemy.port, enemy.serializer()))
                lines.append(upgraded.socket)
        time.sleep(HELD_AT_FULL_STRENGTH_S if enemy.ground.share == 1 else HELD_S)  # the attack: to say nothing
        for line in lines:
            enemy.note("still there" if _is_open(line) else "gone")


def _is_open(line: socket.socket) -> bool:
    line.setblocking(False)  # noqa: FBT003  # the socket's own
    try:
        while line.recv(65_536):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


@attack(8, "joins with bad tickets, one after another")
def bad_tickets(enemy: Enemy) -> None:
    good = enemy.ticket("student")
    for ticket in (good[:-2] + "xx", "", "x" * 60_000, good + "\x00", "ey.ey.ey"):
        try:
            Wamp(enemy.port, enemy.serializer(), ticket).close()
        except GoneError as error:
            enemy.note(str(error)[:60] or "ended")
        else:
            enemy.note("let in")


LINES = "\n2026-11-30T00:00:00+0000 [Controller 1] forged line\r\n\x1b[31mred\x1b[0m\x00\x85\u2028"
"""What a log must not show as it is."""


@attack(7, "20 kB without a ticket that end up in one line of the log")
def long_log_lines(enemy: Enemy) -> None:
    for serializer in SERIALIZERS:
        for message in (
            [1, "x" * 20_000, {"roles": {}}],
            [1, "tutor", {"authid": "x" * 20_000, "roles": {"x" * 20_000: 1}}],
            ["x" * 20_000],
        ):
            with enemy.unless_ended(), Wamp(enemy.port, serializer) as session:
                session.message(packed(message, serializer))
                session.receive(1.0)


@attack(7, "line breaks and control characters in realm, URIs, user agents, ids and paths")
def forged_log_lines(enemy: Enemy) -> None:
    agent = {"user-agent": LINES[1:].replace("\n", " ").replace("\r", " ").replace("\x00", "").replace("\u2028", "")}
    enemy.http("GET", "/api/nothing%0aforged%0d%0a%1b[31m", headers={**agent, "x-request-id": "forged\x1b[31m"})
    enemy.http("POST", "/api/auth/login", {"email": LINES, "password": LINES})
    for message in (
        [1, LINES, {"roles": {}}],
        [1, "tutor", {"authmethods": [LINES], "authid": LINES, "roles": {"caller": {}}}],
    ):
        with enemy.unless_ended(), Wamp(enemy.port, "json") as session:
            session.message(packed(message, "json"))
            session.receive(1.0)
    with enemy.session("student") as session:
        for uri in (LINES, "tutorwamp.chat.send" + LINES, "tutorwamp." + "x" * 20_000):
            error, _ = session.call(uri)
            enemy.note(error)
