"""How long parts of the work take: ``timed`` adds them to the line of the call they were done for.

    with timed("render", pages=3):
        ...

    @timed
    async def project(self) -> None: ...

Work that nobody called for, a recurring one for example, gets a line of its own, at the level ``debug``.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, TypeVar, overload

from tutorwamp.kernel.log.calls import calls_under_way
from tutorwamp.kernel.log.lines import get_logger

Function = TypeVar("Function", bound=Callable[..., Any])


class Timed:
    """A part of the work with its name: a context manager, and a decorator of functions and coroutine functions."""

    def __init__(self, logger: PerfLogger, name: str, fields: dict[str, Any]) -> None:
        self._logger = logger
        self._name = name
        self._fields = fields
        self._began_s: list[float] = []

    def __enter__(self) -> Timed:
        self._began_s.append(self._logger.now_s())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._logger.add(self._name, self._logger.now_s() - self._began_s.pop(), self._fields)

    def __call__(self, function: Function) -> Function:
        """The function, each run of it timed; of a coroutine function until it has returned."""
        logger, name, fields = self._logger, self._name, self._fields
        wrapper: Any

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **named: Any) -> Any:
                with Timed(logger, name, fields):
                    return await function(*args, **named)

        else:

            @functools.wraps(function)
            def wrapper(*args: Any, **named: Any) -> Any:
                with Timed(logger, name, fields):
                    return function(*args, **named)

        timed_function: Function = wrapper
        return timed_function


class PerfLogger:
    """Times parts of the work. ``now_s``: a clock that never goes back, in seconds."""

    def __init__(self, now_s: Callable[[], float] = time.perf_counter) -> None:
        self.now_s = now_s
        self._log = get_logger(__name__)

    @overload
    def timed(self, name: str, **fields: Any) -> Timed: ...

    @overload
    def timed(self, name: Function) -> Function: ...

    def timed(self, name: str | Function, **fields: Any) -> Timed | Function:
        """Time what stands in ``with``, or the decorated function; ``@timed`` alone takes the function's name.

        ``fields`` are told where the part has a line of its own. They are counts and kinds, never what people wrote.
        """
        if isinstance(name, str):
            return Timed(self, name, fields)
        return Timed(self, name.__qualname__, fields)(name)

    def add(self, name: str, seconds: float, fields: dict[str, Any]) -> None:
        """A part has taken so long."""
        calls = calls_under_way()
        for call in calls:
            call.add_part(name, seconds)
        if not calls:
            self._log.debug("timed", part=name, ms=round(seconds * 1000, 3), **fields)


performance: Final = PerfLogger()
"""Of this process."""
timed: Final = performance.timed
