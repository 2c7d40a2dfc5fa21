"""Traces: a span for each call, what was done for it below it, one trace where another process is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from autobahn.twisted.wamp import ApplicationSession
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from twisted.internet.defer import Deferred

from tests.kernel.sql.numbers import count, opened, put
from tutorwamp.app.settings import read_settings
from tutorwamp.kernel.edges.component import Publisher
from tutorwamp.kernel.errors import Conflict, Unavailable
from tutorwamp.kernel.log import timed
from tutorwamp.kernel.log.calls import Call, Edge, begin, finish, tell_begun, working_for
from tutorwamp.kernel.log.tracing import Tracing, TracingSettings
from tutorwamp.kernel.settings import SettingsError

LESSON = "tutorwamp.lesson.01a22e01-b66c-7211-9bd5-0b14b489138a.chat"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""The example of W3C's Trace Context."""


class Session:
    """Another process's end of the wire."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self.asked: list[tuple[Any, ...]] = []

    def is_attached(self) -> bool:
        return True

    def publish(self, topic: str, **_: Any) -> None:
        self.published.append(topic)

    async def call(self, _uri: str, *positional: Any, **_: Any) -> None:
        self.asked.append(positional)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing(provider, 100)
    yield exporter
    tracing.stop()
    provider.shutdown()


def tree(exporter: InMemorySpanExporter) -> dict[str, str | None]:
    """By its name, the name of what each span is below."""
    names = {span.context.span_id: span.name for span in _all(exporter)}
    return {span.name: names.get(span.parent.span_id) if span.parent else None for span in _all(exporter)}


def _all(exporter: InMemorySpanExporter) -> list[Any]:
    found: tuple[ReadableSpan, ...] = exporter.get_finished_spans()
    return list(found)


async def test_a_call_its_transactions_their_statements_and_what_it_published(
    spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    session, publisher = Session(), Publisher()
    publisher.attach(cast("ApplicationSession", session))
    call = Call("tutorwamp.chat.send", Edge.WAMP)

    async def send() -> None:
        begin(call)
        with timed("check"):
            pass
        await database.write("chat.send", put, 1234567)
        await database.read("chat.count", count)
        publisher.publish(LESSON, {"kind": "chat.sent"})
        finish(call)

    with opened(f"sqlite:///{tmp_path / 'numbers'}") as database:
        await Deferred.fromCoroutine(send())
    assert tree(spans) == {
        "tutorwamp.chat.send": None,
        "check": "tutorwamp.chat.send",
        "transaction chat.send": "tutorwamp.chat.send",
        "transaction chat.count": "tutorwamp.chat.send",
        "statement": "transaction chat.count",
        "publish": "tutorwamp.chat.send",
    }
    by_name = {span.name: span for span in _all(spans)}
    whole = by_name["tutorwamp.chat.send"]
    assert dict(whole.attributes) == {"edge": "wamp", "request_id": call.request_id, "outcome": "ok"}
    told = json.dumps([dict(span.attributes) for span in _all(spans)])
    assert "INSERT INTO numbers" in told
    assert "1234567" not in told, "no values"
    assert all(whole.start_time <= span.start_time <= span.end_time <= whole.end_time for span in _all(spans))


async def test_one_trace_from_the_proxy_to_another_process(spans: InMemorySpanExporter) -> None:
    session, publisher = Session(), Publisher()
    publisher.attach(cast("ApplicationSession", session))
    ours = Call("POST /api/auth/logout", Edge.REST, "proxy-7", traceparent=PARENT)

    async def answer() -> None:
        begin(ours)
        await publisher.call("tutorwamp.gate.drop_user")
        finish(ours)

    await Deferred.fromCoroutine(answer())
    ((request_id, traceparent),) = session.asked
    assert request_id == "proxy-7"
    theirs = Call("tutorwamp.gate.drop_user", Edge.WAMP, request_id, traceparent=traceparent)

    async def there() -> None:
        begin(theirs)
        finish(theirs)

    await Deferred.fromCoroutine(there())
    assert tree(spans) == {
        "POST /api/auth/logout": None,
        "gate.drop_user": "POST /api/auth/logout",
        "tutorwamp.gate.drop_user": "POST /api/auth/logout",
    }
    assert {f"{span.context.trace_id:032x}" for span in _all(spans)} == {PARENT.split("-")[1]}


@pytest.mark.parametrize(
    ("error", "status"), [(Conflict("no"), StatusCode.UNSET), (Unavailable("no"), StatusCode.ERROR)]
)
def test_only_what_we_failed_at_is_an_error(spans: InMemorySpanExporter, error: Any, status: StatusCode) -> None:
    call = Call("tutorwamp.chat.send", Edge.WAMP, traceparent="whatever a header says")

    async def fail() -> None:
        begin(call)
        finish(call, error)

    Deferred.fromCoroutine(fail())
    (span,) = _all(spans)
    assert (span.status.status_code, span.attributes["outcome"], span.parent) == (status, error.uri, None)


@pytest.mark.parametrize(
    ("traceparent", "drawn", "is_traced"),
    [
        ("", 0.009, True),
        ("", 0.01, False),
        (PARENT, 0.9, True),
        (f"{PARENT[:-2]}00", 0.0, False),
        (f"{PARENT[:-2]}03", 0.9, True),
        ("no trace context", 0.9, False),
    ],
    ids=["drawn", "not drawn", "a proxy traces it", "a proxy does not", "more flags", "nonsense"],
)
def test_one_call_of_a_hundred_is_traced_and_what_a_proxy_has_decided_stays(
    traceparent: str, drawn: float, is_traced: bool
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing(provider, TracingSettings().percent, lambda: drawn)
    call = Call("tutorwamp.chat.send", Edge.WAMP, traceparent=traceparent)
    try:
        with working_for([call]):
            tell_begun(call)
            finish(call)
    finally:
        tracing.stop()
    assert (call.steps is not None, len(exporter.get_finished_spans())) == (is_traced, int(is_traced))
    if not is_traced:
        assert call.traceparent == traceparent, "another process is told the same"


def test_where_no_traces_are_wanted_nothing_of_it_is_imported() -> None:
    told = "import sys, tutorwamp.app.components, tutorwamp.gate.wamp; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)  # noqa: S603  # ours
    assert done.stdout.strip() == "False"


def test_without_the_extra_a_node_that_should_trace_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"pip install tutorwamp\[tracing\]"):
        read_settings({"TUTORWAMP_TRACING_URL": "http://collector:4318/v1/traces"})
    read_settings({})
