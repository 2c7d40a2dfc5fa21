"""Log lines: keyword values for people, one object a line for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher

from tutorwamp.kernel.observability import LogFormat, LogSettings, configure, get_logger


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    config = structlog.get_config()
    yield
    structlog.configure(**config)


def test_json_lines_go_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "tutorwamp.log"
    configure(LogSettings(format=LogFormat.JSON, file=file))
    log = get_logger("tutorwamp.sample")
    log.info("lesson started", lesson="1", title="ä\n😀", at_all={Path("x")})
    log.debug("not this")
    try:
        _ = dict[str, Any]()["oops"]
    except KeyError:
        log.exception("unexpected", request_id="7")
    first, second = map(json.loads, file.read_text("utf-8").splitlines())
    assert (first["event"], first["level"], first["module"], first["lesson"]) == (
        "lesson started",
        "info",
        "tutorwamp.sample",
        "1",
    )
    assert first["title"] == "ä\n😀"
    assert first["at"].endswith("Z")
    assert (second["level"], second["request_id"]) == ("error", "7")
    assert "KeyError: 'oops'" in second["exception"]


def test_without_a_file_lines_go_through_twisteds_log() -> None:
    heard: list[LogEvent] = []
    observer = cast("ILogObserver", heard.append)
    configure(LogSettings())
    globalLogPublisher.addObserver(observer)
    try:
        get_logger("tutorwamp.sample").warning("slow {transaction}", ran_ms=120)
    finally:
        globalLogPublisher.removeObserver(observer)
    (event,) = [event for event in heard if event["log_namespace"] == "tutorwamp"]
    assert event["log_level"] is LogLevel.warn
    assert event["line"].startswith("event='slow {transaction}'")
    assert "ran_ms=120" in event["line"]


def test_a_file_is_continued(tmp_path: Path) -> None:
    file = tmp_path / "log"
    for number in (1, 2):
        configure(LogSettings(file=file))
        get_logger("sample").info("again", number=number)
    assert len(file.read_text().splitlines()) == 2
