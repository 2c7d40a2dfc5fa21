"""What a process does where hardly any file is left: it ends who says nothing, says so, and answers health."""

from __future__ import annotations

import os
import resource
import time
from itertools import islice
from typing import Any, Final

from twisted.internet import tcp
from twisted.logger import ILogObserver, LogEvent, Logger
from zope.interface import implementer

from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)

LAST_ONES_AT_MOST: Final = 128
"""Of which only health may take: more than come to a port at once before their turn."""
CALM_S: Final = 3.0
"""Without having been short of files for so long a process is not short of them any more."""


class OpenFiles:
    """Whether this process has files left, and which connections go where it has not.

    A new file has the lowest free number, so this many are open at least.
    """

    def __init__(self) -> None:
        self._short_at_s: float | None = None
        self._silent: dict[Any, None] = {}

    def short(self) -> bool:
        """Whether the next file would be one of the last, or there is none. The first time that is a line in the log.

        Asked where a file is about to be taken; it costs two system calls.
        """
        at_most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        try:
            number = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            number = at_most
        else:
            os.close(number)
        is_short = number >= at_most - min(LAST_ONES_AT_MOST, at_most // 4)
        if is_short:
            if self._short_at_s is None:
                log.error("hardly any file is left: only health is answered", process=os.getpid(), files=at_most)
            self._short_at_s = time.monotonic()
        return is_short

    def check(self) -> None:
        """To be asked at every beat: says when it is over."""
        if not self.short() and self._short_at_s is not None and time.monotonic() - self._short_at_s > CALM_S:
            self._short_at_s = None
            log.warning("there are files again", process=os.getpid())

    def is_silent(self, connection: Any) -> None:
        """Nothing is asked on it, or nothing more is heard: it may go. The one that is longest silent goes first."""
        self._silent[connection] = None

    def is_busy(self, connection: Any) -> None:
        """Something is asked on it, or it is gone."""
        self._silent.pop(connection, None)

    def let_go(self, at_most: int | None = None) -> bool:
        """End so many silent connections, half of them by default; whether there were any."""
        going = list(islice(self._silent, (len(self._silent) + 1) // 2 if at_most is None else at_most))
        for connection in going:
            self.is_busy(connection)
            connection.transport.abortConnection()
        return bool(going)


open_files: Final = OpenFiles()
"""This process's."""


class _Spare:
    """Twisted's spare file, which it gives up to accept, and close, all who come where none is left.

    Before that the silent ones go, and those who come wait a moment for their files.
    """

    def __init__(self, twisteds: Any) -> None:
        self._twisteds = twisteds

    def reserve(self) -> None:
        self._twisteds.reserve()

    def available(self) -> bool:
        open_files.short()
        return not open_files.let_go() and bool(self._twisteds.available())

    def __enter__(self) -> None:
        self._twisteds.__enter__()

    def __exit__(self, *raised: object) -> None:
        self._twisteds.__exit__(*raised)


def accept_with_care() -> None:
    """As Spare says, from now on; and Twisted writes no line for each who comes meanwhile: ours says it once."""
    twisteds: Any = tcp  # its names are pinned in tests/gate/test_private_names.py
    if not isinstance(twisteds._reservedFD, _Spare):  # noqa: SLF001  # there is no public way
        twisteds._reservedFD = _Spare(twisteds._reservedFD)  # noqa: SLF001  # the same
    twisteds.Port._logger = Logger(observer=_nobody)  # noqa: SLF001  # the same


@implementer(ILogObserver)
def _nobody(_event: LogEvent) -> None:
    """Hears it."""
