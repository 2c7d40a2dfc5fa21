"""Logs: one structlog chain for our lines. Those of Crossbar and autobahn stay in Crossbar's own log.

Crossbar's workers frame their standard error as a log stream of their own; JSON lines therefore go to a file
(``LOG_FILE``), and the console format goes through Twisted's log, which Crossbar shows.

A log is told about work and never stops it: what cannot be rendered or written is counted and left out. And nobody
outside writes into it: control characters are escaped, an event is one line, long values are cut.
"""

from __future__ import annotations

import functools
import re
import signal
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from io import FileIO
from pathlib import Path
from typing import Any, Final

import structlog
from prometheus_client import Counter
from twisted.logger import LogEvent, Logger, LogLevel
from twisted.python.threadable import isInIOThread

from tutorwamp.kernel.log.calls import call_under_way
from tutorwamp.kernel.log.unsaid import Unsaid
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.kernel.settings import setting

VALUE_CHARACTERS_AT_MOST: Final = 500
"""Of one value in a line: longer than any of ours, and nobody reads on."""
EVENT_CHARACTERS_AT_MOST: Final = 4_000
"""Of one event of Crossbar's, and of one value in it: they are tracebacks sometimes."""
TRACEBACK_CHARACTERS_AT_MOST: Final = 20_000

lost = Counter("tutorwamp_log_lines_lost", "Log lines that could not be rendered or written.")


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


class Level(StrEnum):
    """The least important lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class RequestLogging(StrEnum):
    """Which calls have a line each."""

    ON = "on"
    SLOW = "slow"
    OFF = "off"


@dataclass(frozen=True)
class LogSettings:
    """Which log lines there are, and where they go."""

    format: LogFormat = setting(
        "LOG_FORMAT", LogFormat.CONSOLE, "console for people, json (one object a line) for machines."
    )
    file: Path | None = setting("LOG_FILE", None, "Unset: the node's standard error.")
    level: Level = setting(
        "LOG_LEVEL",
        Level.INFO,
        "debug, info, warning or error. A running node: SIGUSR1 makes it debug, SIGUSR2 this.",
    )
    request_logging: RequestLogging = setting(
        "REQUEST_LOGGING", RequestLogging.ON, "A line for each call (on), for slow ones (slow), or for none (off)."
    )
    slow_request_threshold: timedelta = setting(
        "SLOW_REQUEST_THRESHOLD", timedelta(milliseconds=500), "From here on a call is slow: a person waits for it."
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Give a logger whose lines are keyword values: ``log.info("lesson started", lesson=...)``."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(module=name)
    return logger


_FORGING: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves a terminal's cursor, ends a line or turns it round; and halves of characters, which cannot be written."""


def printable(text: str, at_most: int) -> str:
    """As one line that stays one, cut where it is longer than ``at_most`` characters."""
    if len(text) > at_most:
        text = f"{text[:at_most]}… ({len(text) - at_most} characters more)"
    return _FORGING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


_twisted = Logger(namespace="tutorwamp")  # in a class it would take the class's name instead


class _TwistedLines:
    """Hands finished lines to Twisted's log; Crossbar sends them to the controller from there."""

    def write(self, level: str, line: str) -> None:
        # Crossbar shows no information, for its own is noise: ours goes as a warning, and its line says what it is.
        level = {"warning": "warn", "info": "warn", "debug": "warn"}.get(level, level)
        emit = functools.partial(_twisted.emit, LogLevel.lookupByName(level), "{line}", line=Finished(line))
        # Crossbar's worker writes each line in pieces, and those of two threads would be mixed.
        if isInIOThread() or not running_reactor().running:
            emit()
        else:
            running_reactor().callFromThread(emit)


class Finished(str):
    """A line that is made of values which were cut already."""


class _FileLines:
    """Whole lines at the end of a file. Where it cannot be written they are lost, and the first that can says so."""

    def __init__(self, file: FileIO, render: Any) -> None:
        self._file = file
        self._render = render
        self._lost = 0
        self._half_a_line = False

    def write(self, _level: str, line: str) -> None:
        if self._lost:
            self._put(_as_text(self._render(None, "warning", {"event": "log lines were lost", "lines": self._lost})))
            self._lost = 0
        self._put(line)

    def _put(self, line: str) -> None:
        whole = (b"\n" if self._half_a_line else b"") + line.encode("utf-8", "backslashreplace") + b"\n"
        try:
            written = self._file.write(whole)
        except OSError:
            self._lost += 1
            raise
        if written is not None and written < len(whole):
            self._half_a_line = self._half_a_line or written > 0
            self._lost += 1
            raise OSError("the disk is full")
        self._half_a_line = False


class _Unfailing(structlog.BoundLoggerBase):
    """Whatever goes wrong while a line is made or written, the work it tells about goes on."""

    def _proxy_to_logger(self, method_name: str, event: str | None = None, **values: Any) -> Any:
        try:
            return super()._proxy_to_logger(method_name, event, **values)
        except Exception:  # noqa: BLE001  # a value's repr, the disk: nobody asked for the log to be written
            lost.inc()
            return None


def _loggers(level: Level) -> type[structlog.BoundLoggerBase]:
    """Of whom the methods below a level do nothing."""
    filtering = structlog.make_filtering_bound_logger(level)
    return type("Unfailing", (_Unfailing, filtering), {})


def set_level(level: Level) -> None:
    """Write the lines of this importance and above, from now on, in this process."""
    structlog.configure(wrapper_class=_loggers(level))


def obey_signals(level: Level) -> None:
    """SIGUSR1: write all lines; SIGUSR2: those of the level that was set, as before."""
    signal.signal(signal.SIGUSR1, lambda *_: set_level(Level.DEBUG))
    signal.signal(signal.SIGUSR2, lambda *_: set_level(level))


def configure(settings: LogSettings) -> None:
    """Set the chain up, once per process, and the signals. Raises OSError where the file cannot be opened."""
    renderer: Any = (
        structlog.processors.JSONRenderer(default=str)
        if settings.format is LogFormat.JSON
        else structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True)
    )
    lines: _FileLines | _TwistedLines = _TwistedLines()
    if settings.file is not None:
        settings.file.parent.mkdir(parents=True, exist_ok=True)
        lines = _FileLines(settings.file.open("ab", buffering=0), renderer)

    def deliver(_logger: Any, method: str, rendered: Any) -> Any:
        lines.write(method, _as_text(rendered))
        raise structlog.DropEvent

    structlog.configure(
        processors=[
            _name_call,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            _cut_values,
            renderer,
            deliver,
        ],
        wrapper_class=_loggers(settings.level),
        cache_logger_on_first_use=False,
    )


def _name_call(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """By its ``request_id`` a line is found that was written while a call was answered."""
    call = call_under_way()
    if call is not None:
        event.setdefault("request_id", call.request_id)
    return event


def _as_text(rendered: Any) -> str:
    return rendered.decode() if isinstance(rendered, bytes) else str(rendered)


def _cut_values(_logger: Any, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _cut(value, TRACEBACK_CHARACTERS_AT_MOST if name == "exception" else VALUE_CHARACTERS_AT_MOST)
        for name, value in event.items()
    }


def _cut(value: Any, at_most: int) -> Any:
    if not isinstance(value, str | bytes) or len(value) <= at_most:
        return value
    kept = at_most // 2
    # The end of a traceback says what happened.
    return f"{value[:kept]!s}… ({len(value) - 2 * kept} left out) …{value[-kept:]!s}"


def tame_crossbar() -> None:
    """Have what Crossbar writes in this worker be one line an event, a traceback indented below it.

    Crossbar puts what clients say (realms, URIs, exceptions' texts) into its lines as it is. These two names of its log
    are looked up each time a line is made; a process without Crossbar has nothing to tame.
    """
    log = sys.modules.get("crossbar._logging")
    if log is None or getattr(log.formatEvent, "tamed", False):
        return
    as_text, as_format = log.formatEvent, log.escape_formatting

    def format_event(event: LogEvent) -> str:
        cut = {name: _cut_for_format(value) for name, value in event.items()}
        text = log.strip_ansi(as_text(cut))
        at_most = TRACEBACK_CHARACTERS_AT_MOST if isinstance(event.get("line"), Finished) else EVENT_CHARACTERS_AT_MOST
        return printable(text, at_most)

    def escape_formatting(text: str) -> str:
        below = [printable(line, EVENT_CHARACTERS_AT_MOST) for line in text[:TRACEBACK_CHARACTERS_AT_MOST].splitlines()]
        return str(as_format("\n    ".join(below)))

    format_event.tamed = True  # type: ignore[attr-defined]  # a mark on a function object
    log.formatEvent, log.escape_formatting = format_event, escape_formatting  # type: ignore[attr-defined]  # a module


def _cut_for_format(value: Any) -> Any:
    value = str(value) if isinstance(value, Unsaid) else value
    return value if isinstance(value, Finished) else _cut(value, EVENT_CHARACTERS_AT_MOST // 2)
