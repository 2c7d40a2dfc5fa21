"""Traces (OpenTelemetry): a span for each call, and below it what was done for it, also in another process.

An extra: ``pip install tutorwamp[tracing]``. Where ``TRACING_URL`` is not set nothing of it is imported, and a call
collects no steps. So it is for calls that are not drawn: to trace one costs half of what answering it does. What else
the exporter wants are the library's own variables (OTEL_…).
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from tutorwamp.kernel.errors import Internal, Unavailable
from tutorwamp.kernel.log.calls import Call, Step, on_begun, on_finished
from tutorwamp.kernel.settings import PREFIX, SettingsError, setting

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import TracerProvider

_SEEN_FROM: Final = time.time_ns() - time.monotonic_ns()
"""What makes an instant of the monotonic clock one of the calendar's, as spans have them."""


@dataclass(frozen=True)
class TracingSettings:
    """Where traces go."""

    url: str | None = setting(
        "TRACING_URL",
        None,
        "Unset: no traces. OTLP over HTTP, http://HOST:4318/v1/traces; needs the extra tutorwamp[tracing].",
    )
    percent: int = setting(
        "TRACING_PERCENT",
        1,
        "Of the calls; what a proxy's traceparent says stays. A traced one costs a half more.",
    )


_DECIDED: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C's Trace Context; the last bit says whether it is traced."""


class Tracing:
    """Makes the spans of one process, from when it is made until ``stop``.

    ``percent``: of the calls about which nobody has decided. ``drawn`` gives a number from 0 to 1.
    """

    def __init__(self, provider: TracerProvider, percent: int, drawn: Callable[[], float] = random.random) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace: Any = trace
        self._propagator = TraceContextTextMapPropagator()
        self._tracer = provider.get_tracer("tutorwamp")
        self._share, self._drawn = percent / 100, drawn
        self._ends = [on_begun(self._begun), on_finished(self._finished)]

    def stop(self) -> None:
        """Trace no more."""
        for end in self._ends:
            end()

    def _begun(self, call: Call) -> None:
        if not self._is_wanted(call.traceparent):
            return
        parent = self._propagator.extract({"traceparent": call.traceparent})
        call.span = self._tracer.start_span(
            call.name, parent, self._trace.SpanKind.SERVER, {"edge": str(call.edge)}, start_time=_ns(call.began_s)
        )
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, self._below(call.span))
        call.traceparent = carrier.get("traceparent", "")
        call.steps = []

    def _is_wanted(self, traceparent: str) -> bool:
        if _DECIDED.fullmatch(traceparent):
            return bool(int(traceparent[-2:], 16) & 1)
        return self._drawn() < self._share

    def _finished(self, call: Call) -> None:
        if call.span is None:
            return
        for step in call.steps or ():
            self._tell(step, self._below(call.span))
        call.span.set_attributes({"request_id": call.request_id, "outcome": call.outcome})
        if isinstance(call.error, Unavailable | Internal) and not call.given_up:
            call.span.set_status(self._trace.StatusCode.ERROR)
        call.span.end(_ns(call.began_s + call.seconds))

    def _tell(self, step: Step, parent: Context) -> None:
        span = self._tracer.start_span(step.name, parent, attributes=step.attributes, start_time=_ns(step.began_s))
        for inner in step.inner:
            self._tell(inner, self._below(span))
        span.end(_ns(step.began_s + step.seconds))

    def _below(self, span: Any) -> Context:
        found: Context = self._trace.set_span_in_context(span)
        return found


def _ns(monotonic_s: float) -> int:
    return _SEEN_FROM + round(monotonic_s * 1e9)


def require_tracing(settings: TracingSettings) -> None:
    """Raises SettingsError where traces are wanted and the extra is not installed."""
    if settings.url is None:
        return
    try:
        found = all(find_spec(name) for name in ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"))
    except ModuleNotFoundError:  # what it is a part of is not there
        found = False
    if not found:
        raise SettingsError(f"{PREFIX}TRACING_URL needs the extra: pip install tutorwamp[tracing]")


def trace_calls(settings: TracingSettings, process: str, *, asked_by_ours: bool = False) -> None:
    """Trace this process's calls, where that is wanted.

    ``asked_by_ours``: only our own processes ask this one, and have decided.
    """
    if settings.url is None:
        return
    require_tracing(settings)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    resource = Resource.create({"service.name": "tutorwamp", "process": process})
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource)  # those not drawn have no span at all
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.url)))
    Tracing(provider, 0 if asked_by_ours else settings.percent)
