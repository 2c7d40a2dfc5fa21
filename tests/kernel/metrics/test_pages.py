"""One page of several processes' metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tutorwamp.kernel.metrics.pages import noted_page, page_of_all


def _page(sent: int, said: str = 'a "{quoted}" one') -> bytes:
    registry = CollectorRegistry()
    Counter("sample_sent", "How many.", ["what"], registry=registry).labels(said).inc(sent)
    Gauge("sample_age_seconds", "How old.\nReally.", registry=registry).set(sent)
    Histogram("sample_took_seconds", "How long.", registry=registry, buckets=(1, 2)).observe(1.5)
    return generate_latest(registry)


def test_each_sample_is_told_apart_by_its_process_and_families_stand_together() -> None:
    page = page_of_all({"router": _page(1), "components": _page(2)}).decode()
    families = list(text_string_to_metric_families(page))
    assert [family.name for family in families] == [
        "tutorwamp_process_up",
        "sample_sent",
        "sample_age_seconds",
        "sample_took_seconds",
    ]
    assert page.count("# TYPE sample_sent_total counter") == 1
    sent = families[1].samples
    assert [(one.labels["process"], one.labels["what"], one.value) for one in sent] == [
        ("router", 'a "{quoted}" one', 1),
        ("components", 'a "{quoted}" one', 2),
    ]
    buckets = {(one.labels["process"], one.labels.get("le")): one.value for one in families[3].samples}
    assert buckets["router", "2.0"] == buckets["components", "+Inf"] == 1


def test_who_did_not_answer_is_said_to_be_down_and_has_no_samples() -> None:
    page = page_of_all({"router": None, "components": _page(2)}).decode()
    up = {one.labels["process"]: one.value for one in next(iter(text_string_to_metric_families(page))).samples}
    assert up == {"router": 0, "components": 1}
    assert page.count('"router"') == 1


def test_when_a_counter_was_made_is_not_told() -> None:
    assert b"_created" not in noted_page()()


def test_a_page_tells_what_was_so_when_it_was_noted() -> None:
    registry = CollectorRegistry()
    age = Gauge("sample_noted_seconds", "How old.", registry=registry)
    age.set(1)
    write = noted_page([registry])
    age.set(2)
    assert b"\nsample_noted_seconds 1.0\n" in write()
