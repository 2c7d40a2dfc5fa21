"""Logs: one structlog chain for our lines. Those of Crossbar and autobahn stay in Crossbar's own log.

Crossbar's workers frame their standard error as a log stream of their own; JSON lines therefore go to a file
(``LOG_FILE``), and the console format goes through Twisted's log, which Crossbar shows.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

import structlog
from twisted.logger import Logger, LogLevel

from tutorwamp.kernel.settings import setting


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


@dataclass(frozen=True)
class LogSettings:
    """Where log lines go."""

    format: LogFormat = setting(
        "LOG_FORMAT", LogFormat.CONSOLE, "console for people, json (one object a line) for machines."
    )
    file: Path | None = setting("LOG_FILE", None, "Unset: the node's standard error.")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Give a logger whose lines are keyword values: ``log.info("lesson started", lesson=...)``."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(module=name)
    return logger


_twisted = Logger(namespace="tutorwamp")  # in a class it would take the class's name instead


class _TwistedLines:
    """Hands finished lines to Twisted's log; Crossbar sends them to the controller from there."""

    def write(self, level: str, line: str) -> None:
        _twisted.emit(LogLevel.lookupByName({"warning": "warn"}.get(level, level)), "{line}", line=line)


def configure(settings: LogSettings) -> None:
    """Set the chain up, once per process."""
    file: TextIO | None = None
    if settings.file is not None:
        settings.file.parent.mkdir(parents=True, exist_ok=True)
        file = settings.file.open("a", encoding="utf-8", buffering=1)
    lines = _TwistedLines()

    def deliver(_logger: Any, method: str, rendered: Any) -> Any:
        line = rendered.decode() if isinstance(rendered, bytes) else str(rendered)
        if file is not None:
            file.write(line + "\n")
        else:
            lines.write(method, line)
        raise structlog.DropEvent

    renderer: Any = (
        structlog.processors.JSONRenderer(default=str)
        if settings.format is LogFormat.JSON
        else structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            renderer,
            deliver,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
