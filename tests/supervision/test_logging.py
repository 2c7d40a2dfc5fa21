"""The log of a real node: one form for all processes, one request through all of them, and more of it on a signal."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, TypeVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.supervision.watched import PATIENCE_S, Watched, watching
from tests.support.node import free_port
from tutorwamp.app.demo import PASSWORD, PEOPLE

pytestmark = pytest.mark.alone

TUTOR = PEOPLE[0][0]


class Collector(BaseHTTPRequestHandler):
    """Takes traces, over HTTP, as OpenTelemetry's collector does."""

    spans: ClassVar[list[tuple[str, str, bytes]]] = []
    """Of each span: the process, its name, its trace."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        for told in ExportTraceServiceRequest.FromString(body).resource_spans:
            process = {one.key: one.value.string_value for one in told.resource.attributes}["process"]
            self.spans.extend((process, one.name, one.trace_id) for scope in told.scope_spans for one in scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def collector() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", free_port()), Collector) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
        server.shutdown()


@pytest.fixture(scope="module")
def up(collector: str) -> Iterator[Watched]:
    told = {"LOG_FORMAT": "json", "SLOW_QUERY_THRESHOLD": "0", "TRACING_URL": collector, "TRACING_PERCENT": "100"}
    env = {f"TUTORWAMP_{name}": text for name, text in told.items()}
    made = Watched("--demo", env={**env, "OTEL_BSP_SCHEDULE_DELAY": "100"})  # milliseconds
    try:
        made.start()
        yield made
    finally:
        made.close()


def lines_of(up: Watched) -> list[dict[str, Any]]:
    """Every line of the node's standard error; a text that is no object fails here."""
    return [json.loads(line) for line in up.errors.read_text().splitlines()]


Found = TypeVar("Found")


def wait_for(up: Watched, found: Callable[[], Found]) -> Found:
    """What is looked for, once another process has told it."""
    deadline_s = time.monotonic() + PATIENCE_S
    with watching({"up": up.process.pid}) as supervisor:
        while not (lines := found()):
            assert time.monotonic() < deadline_s, up.errors.read_text()
            assert not supervisor.ended(0.05), "the supervisor ended"
    return lines


def ask(up: Watched, method: str, path: str, request_id: str, body: Any = None, token: str = "") -> dict[str, Any]:
    """The answer, which brings the id back."""
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": request_id, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{up.url}{path}", data, headers, method=method)  # noqa: S310  # loopback
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310  # as above
        assert answer.headers["X-Request-ID"] == request_id
        return dict(json.loads(answer.read() or "{}"))


def told(up: Watched, request_id: str, event: str) -> list[dict[str, Any]]:
    return [line for line in lines_of(up) if line.get("request_id") == request_id and line["event"] == event]


def log_out_everywhere(up: Watched, request_id: str) -> None:
    """A request that asks the router's process for something."""
    let_in = ask(up, "POST", "/api/auth/login", "login", {"email": TUTOR, "password": PASSWORD})
    gone = {"refresh_token": let_in["refresh_token"], "everywhere": True}
    ask(up, "POST", "/api/auth/logout", request_id, gone)


def test_a_slow_message_is_followed_from_the_proxys_header_to_the_statement(up: Watched) -> None:
    token = up.log_in(TUTOR, PASSWORD)
    lesson_id = ask(up, "GET", "/api/lessons?limit=1", "proxy-16", token=token)["items"][0]["id"]
    ask(up, "POST", f"/api/lessons/{lesson_id}/messages", "proxy-17", {"body": "Good morning"}, token)
    (call,) = wait_for(up, lambda: told(up, "proxy-17", "call"))
    assert (call["call"], call["edge"]) == ("POST /api/lessons/<lesson_id>/messages", "rest")
    assert (call["outcome"], call["lesson_id"], call["events"]) == ("ok", lesson_id, 1)
    assert (call["process"], call["pid"]) == ("container", up.pids()["container"])
    assert call["transactions"] >= 1
    assert call["ms"] >= call["database_ms"] > 0
    slow = [line for line in lines_of(up) if "proxy-17" in line.get("request_ids", ())]
    (sending,) = [line for line in slow if line["name"] == "chat.send"]
    assert sending["calls"] == ["POST /api/lessons/<lesson_id>/messages"]
    assert any(one["sql"].startswith("INSERT INTO") for one in sending["statements"])
    assert "Good morning" not in up.errors.read_text()


def test_the_parts_of_a_call_that_were_timed_are_in_its_line(up: Watched) -> None:
    ask(up, "POST", "/api/auth/login", "proxy-18", {"email": TUTOR, "password": PASSWORD})
    (call,) = wait_for(up, lambda: told(up, "proxy-18", "call"))
    assert call["ms"] >= call["parts_ms"]["hash"] > 0


def test_more_is_told_on_a_signal_and_less_on_another_by_the_router_too(up: Watched) -> None:
    numbers = iter(range(1_000))

    def who_tells_of_it() -> set[str]:
        """It reaches the gate, in the router's process, whose line is of the level debug."""
        request_id = f"everywhere-{next(numbers)}"
        log_out_everywhere(up, request_id)
        return {line["process"] for line in wait_for(up, lambda: told(up, request_id, "call"))}

    assert who_tells_of_it() == {"container"}
    for number, processes in ((signal.SIGUSR1, {"container", "router"}), (signal.SIGUSR2, {"container"})):
        os.kill(up.process.pid, number)
        deadline_s = time.monotonic() + PATIENCE_S
        while who_tells_of_it() != processes:
            assert time.monotonic() < deadline_s, up.errors.read_text()


def test_what_up_and_crossbar_say_has_the_same_form(up: Watched) -> None:
    first = lines_of(up)[0]
    assert (first["event"], first["process"], first["pid"]) == ("starting the node ...", "supervisor", up.process.pid)
    assert all({"event", "level", "at", "process", "pid"} <= line.keys() for line in lines_of(up))


def test_a_trace_goes_on_in_the_routers_process(up: Watched) -> None:
    log_out_everywhere(up, "traced")

    def trace() -> set[tuple[str, str]]:
        """Who did what in it, once both have told of it."""
        found: dict[bytes, set[tuple[str, str]]] = {}
        for process, name, one in list(Collector.spans):
            found.setdefault(one, set()).add((process, name))
        both = {("components", "POST /api/auth/logout"), ("router", "tutorwamp.gate.drop_user")}
        return next((spans for spans in found.values() if both <= spans), set())

    assert any(name.startswith("transaction accounts.") for _, name in wait_for(up, trace))
