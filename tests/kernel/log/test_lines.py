"""Log lines: keyword values for people, one object a line for machines."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher

from tutorwamp.kernel.log.calls import Call, Edge, working_for
from tutorwamp.kernel.log.lines import (
    VALUE_CHARACTERS_AT_MOST,
    Level,
    LogFormat,
    LogSettings,
    configure,
    get_logger,
    lost,
    obey_signals,
    printable,
)


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


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no word for it")

    __str__ = __repr__


@pytest.mark.parametrize("form", list(LogFormat))
def test_what_cannot_be_said_is_left_out_and_the_work_goes_on(tmp_path: Path, form: LogFormat) -> None:
    file = tmp_path / "log"
    configure(LogSettings(format=form, file=file))
    before = lost._value.get()
    get_logger("sample").info("left out", value=Unspeakable())
    get_logger("sample").info("said")
    assert len(file.read_text().splitlines()) == 1
    assert lost._value.get() == before + 1


def test_a_full_disk_ends_nothing_and_the_first_line_after_it_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "log"
    configure(LogSettings(format=LogFormat.JSON, file=file))
    log = get_logger("sample")
    log.info("before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 20, hard))
    try:
        for number in range(3):
            log.info("lost", number=number)
            log.error("lost, too", exc_info=OSError("no"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.info("after")
    before, half, told, after = file.read_text().splitlines()
    assert (json.loads(before)["event"], json.loads(after)["event"]) == ("before", "after")
    assert len(half) == 20
    assert (json.loads(told)["event"], json.loads(told)["lines"]) == ("log lines were lost", 6)


def test_long_values_are_cut(tmp_path: Path) -> None:
    file = tmp_path / "log"
    configure(LogSettings(format=LogFormat.JSON, file=file))
    short = "b" * VALUE_CHARACTERS_AT_MOST
    get_logger("sample").info("told", long="a" * 100_000 + "z", octets=b"x" * 9_000, short=short)
    (line,) = file.read_text().splitlines()
    assert len(line) < 5 * VALUE_CHARACTERS_AT_MOST
    assert json.loads(line)["long"].endswith("z")
    assert json.loads(line)["short"] == short


@pytest.mark.parametrize("forging", ["\n", "\r", "\x1b[31m", "\x00", "\x85", "\u2028", "\u202e", "\x7f", "\ud800"])
@pytest.mark.parametrize("form", list(LogFormat))
def test_no_value_moves_the_cursor_or_ends_the_line(tmp_path: Path, form: LogFormat, forging: str) -> None:
    file = tmp_path / "log"
    configure(LogSettings(format=form, file=file))
    get_logger("sample").info("told", agent=f"a{forging}b")
    (line,) = file.read_bytes().split(b"\n")[:-1]
    assert line.decode().isprintable()
    assert printable(f"a{forging}b", 99).isprintable()


@pytest.mark.parametrize(
    ("level", "written"), [(Level.DEBUG, "diwe"), (Level.INFO, "iwe"), (Level.WARNING, "we"), (Level.ERROR, "e")]
)
def test_lines_below_the_level_are_not_written(tmp_path: Path, level: Level, written: str) -> None:
    file = tmp_path / "log"
    configure(LogSettings(LogFormat.JSON, file, level))
    _say_all()
    assert "".join(line["event"] for line in map(json.loads, file.read_text().splitlines())) == written


def test_the_level_is_changed_while_the_process_runs(tmp_path: Path) -> None:
    file = tmp_path / "log"
    before = [signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)]
    configure(LogSettings(LogFormat.JSON, file, Level.WARNING))
    obey_signals(Level.WARNING)
    try:
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGUSR2):
            signal.raise_signal(number)
            _say_all()
    finally:
        for number, handler in zip((signal.SIGUSR1, signal.SIGUSR2), before, strict=True):
            signal.signal(number, handler)
    assert "".join(line["event"] for line in map(json.loads, file.read_text().splitlines())) == "diwe" * 2 + "we"


def _say_all() -> None:
    log = get_logger("sample")
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)(level[0])


def test_a_line_that_is_written_for_a_call_has_its_id(tmp_path: Path) -> None:
    file = tmp_path / "log"
    configure(LogSettings(LogFormat.JSON, file))
    with working_for([Call("tutorwamp.chat.send", Edge.WAMP, given_id="proxy-7")]):
        get_logger("sample").info("for it")
        get_logger("sample").info("for another", request_id="own")
    get_logger("sample").info("for nobody")
    ids = [line.get("request_id") for line in map(json.loads, file.read_text().splitlines())]
    assert ids == ["proxy-7", "own", None]
